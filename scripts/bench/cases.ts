import { benchmarks as artifactReads } from './artifact-reads'
import { benchmarks as artifacts } from './artifacts'
import { benchmarks as cold } from './cold'
import { benchmarks as columns } from './columns'
import { benchmarks as contention } from './contention'
import type { Benchmark } from './figure'
import { benchmarks as hash } from './hash'
import { benchmarks as job } from './job'
import { benchmarks as large } from './large'
import { benchmarks as load } from './load'
import { benchmarks as save } from './save'
import { benchmarks as saveMany } from './save-many'
import { benchmarks as scale } from './scale'
import { benchmarks as statements } from './statements'
import { benchmarks as upkeep } from './upkeep'

/** All benchmarks; one name per group's file. */
export const BENCHMARKS: readonly Benchmark[] = [
  save,
  load,
  saveMany,
  statements,
  hash,
  cold,
  job,
  artifacts,
  artifactReads,
  contention,
  scale,
  columns,
  upkeep,
  large,
].flat()
