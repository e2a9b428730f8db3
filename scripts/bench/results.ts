import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../prisma-cli'
import { usage } from './command'
import type { Facts } from './facts'
import type { Figure, Missing } from './figure'

/** The figures of the last whole run, checked in: the README's are made from them. */
export const BENCH_JSON = join(ROOT, 'bench.json')
/** Those of the last run that was quick, or of a part. */
export const PART_JSON = join(ROOT, 'bench-part.json')

/** What a run writes. */
export interface Run extends Facts {
  readonly quick: boolean
  readonly figures: readonly (Figure | Missing)[]
}

/** Those that were measured. */
export const measured = ({ figures }: Run): Figure[] => figures.filter((figure): figure is Figure => !('missing' in figure))

/** Reads what a run wrote. Throws `INVALID_OPTION` for what is not there or is something else. */
export const readRun = (path: string): Run => {
  const fix = 'Give a file that npm run bench wrote.'
  const text = ((): string => {
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      throw usage(`${path} cannot be read: ${(error as Error).message}.`, fix)
    }
  })()
  const run = ((): unknown => {
    try {
      return JSON.parse(text)
    } catch (error) {
      throw usage(`${path} is no JSON: ${(error as Error).message}.`, fix)
    }
  })()
  if (!isRun(run)) throw usage(`${path} holds no figures of a run.`, fix)
  return run
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
const numbers = (value: unknown, ...keys: readonly string[]): boolean =>
  isObject(value) && keys.every((key) => typeof value[key] === 'number' && Number.isFinite(value[key]))

const isFigure = (value: unknown): boolean =>
  isObject(value) &&
  typeof value['name'] === 'string' &&
  typeof value['says'] === 'string' &&
  (typeof value['missing'] === 'string' ||
    (numbers(value['ratio'], 'value', 'low', 'high') &&
      numbers(value['ours'], 'median', 'p95', 'samples') &&
      numbers(value['bare'], 'median', 'p95')))

const isRun = (value: unknown): value is Run =>
  isObject(value) &&
  typeof value['quick'] === 'boolean' &&
  typeof value['date'] === 'string' &&
  isObject(value['machine']) &&
  isObject(value['versions']) &&
  Array.isArray(value['figures']) &&
  value['figures'].every(isFigure)
