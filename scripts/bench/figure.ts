import type { Ratio } from './stats'

/** One side of a comparison. */
export interface Side {
  readonly what: string
  /** in the figure's unit */
  readonly median: number
  readonly p95: number
  readonly samples: number
}

/** What came of one comparison. */
export interface Figure {
  readonly name: string
  /** what is compared, in one line */
  readonly says: string
  readonly unit: 'ms' | 'µs' | 'MiB' | 'statements'
  readonly ours: Side
  readonly bare: Side
  readonly ratio: Ratio
  /** of the processor time that this process spent, which other load on the machine changes little. The database server's is not in it. */
  readonly cpu?: Ratio
  /** the highest ratio that is good enough */
  readonly bar?: number
  /** further numbers, e.g. saves per second */
  readonly notes?: Readonly<Record<string, number>>
}

/** A figure that could not be measured here, or was not asked for in this kind of run, and why. */
export interface Missing {
  readonly name: string
  readonly says: string
  readonly missing: string
  /** whether it went wrong, and was not merely left out */
  readonly failed?: true
}

/** What a benchmark gets from the run. */
export interface Bench {
  /** few rounds and small data: a look, not a verdict */
  readonly quick: boolean
  /** a new folder, removed at the end */
  folder(): Promise<string>
  /** for what several benchmarks share: its folders and what it frees last as long as the run */
  readonly whole: Bench
  /** what several benchmarks share, made when the first of them asks: ask {@link whole} */
  once<T>(key: string, make: () => Promise<T>): Promise<T>
  /** calls `free` at the end of this benchmark, whatever happens */
  after(free: () => unknown): void
}

/** Thrown by a benchmark that cannot run here. */
export class CannotMeasure extends Error {}

/** Rounds for this kind of run. Throws {@link CannotMeasure} where there are none. */
export const roundsOf = ({ quick }: Bench, rounds: { readonly quick: number; readonly full: number }): number => {
  const count = quick ? rounds.quick : rounds.full
  if (count === 0) throw new CannotMeasure('it takes minutes, so only the full run (without --quick) does it')
  return count
}

/** One line of the table. A group's file exports several as `benchmarks`. */
export interface Benchmark {
  /** `group/what`, or `group/what/provider`: what `--only` matches */
  readonly name: string
  /** what it does, in one line */
  readonly says: string
  readonly bar?: number
  run(bench: Bench): Promise<Comparison>
}

/** What a benchmark gives; name, line and bar are added to it. */
export type Comparison = Omit<Figure, 'name' | 'says' | 'bar'>
