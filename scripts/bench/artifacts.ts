import type { Benchmark } from './figure'
export const benchmarks: readonly Benchmark[] = []
