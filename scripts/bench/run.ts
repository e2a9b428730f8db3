import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type Bench, type Benchmark, CannotMeasure, type Figure, type Missing } from './figure'
import { stopServers } from './registry'
import { lineOf } from './table'

/** Options of {@link run}. */
export interface RunOptions {
  readonly quick: boolean
  /** told of every benchmark as it begins and ends */
  readonly onProgress: (line: string) => void
  /** told of all results so far after every benchmark */
  readonly onResult?: (results: readonly (Figure | Missing)[]) => Promise<void>
}

/** Milliseconds that an interrupted run takes to tidy up. */
const PATIENCE = 5000
const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** Runs benchmarks one after the other. One that cannot run here, or fails, says why, and the others go on. */
export const run = async (chosen: readonly Benchmark[], { quick, onProgress, onResult }: RunOptions): Promise<(Figure | Missing)[]> => {
  const results: (Figure | Missing)[] = []
  const { bench: whole, end } = benchOf(quick)
  const clean = async (): Promise<void> => {
    await end()
    await stopServers()
  }
  // What is under way may take its time to end.
  let stopped = false
  const interrupted = (): void => {
    stopped = true
    void Promise.race([clean(), wait(PATIENCE)]).finally(() => process.exit(130))
  }
  for (const signal of SIGNALS) process.once(signal, interrupted)
  try {
    for (const benchmark of chosen) {
      onProgress(`${benchmark.name}: ${benchmark.says}`)
      const start = performance.now()
      const result = await measure(benchmark, whole)
      // What failed because its ground was taken away is no result.
      if (stopped) throw new Error('The run was interrupted.')
      onProgress(`  ${((performance.now() - start) / 1000).toFixed(1)} s: ${lineOf(result)}`)
      results.push(result)
      await onResult?.(results)
    }
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupted)
    await clean()
  }
  return results
}

const measure = async ({ run: work, ...told }: Benchmark, whole: Bench): Promise<Figure | Missing> => {
  const { bench, end } = benchOf(whole.quick, whole)
  // Also when the run is interrupted; ending twice does nothing.
  whole.after(end)
  const { name, says } = told
  try {
    return { ...told, ...(await work(bench)) }
  } catch (error) {
    if (error instanceof CannotMeasure) return { name, says, missing: error.message }
    const reason = error instanceof Error ? error.message : String(error)
    return { name, says, missing: `it failed: ${reason}`, failed: true }
  } finally {
    await end()
  }
}

const benchOf = (quick: boolean, whole?: Bench): { readonly bench: Bench; readonly end: () => Promise<void> } => {
  const free: (() => unknown)[] = []
  const made = new Map<string, Promise<unknown>>()
  const bench: Bench = {
    quick,
    get whole() {
      return whole ?? bench
    },
    once<T>(key: string, make: () => Promise<T>) {
      const known = (made.get(key) as Promise<T> | undefined) ?? make()
      made.set(key, known)
      return known
    },
    after: (work) => void free.push(work),
    async folder() {
      const path = await mkdtemp(join(tmpdir(), 'persistables-bench-'))
      free.push(() => rm(path, { recursive: true, force: true }))
      return path
    },
  }
  const end = async (): Promise<void> => {
    for (const work of free.splice(0).reverse()) await work()
  }
  return { bench, end }
}
