import type { Comparison } from './figure'
import { median, pairedRatio, percentile } from './stats'

/** One thing to measure. */
export interface Contestant {
  readonly what: string
  /** The timed work of one sample, doing `times` operations. Gives a number instead when it measures itself: milliseconds, or whatever the unit is. */
  readonly run: (times: number, round: number) => Promise<number | undefined> | number | undefined
  /** Untimed, before each of its samples. */
  readonly before?: (round: number) => Promise<unknown> | unknown
}

export interface AlternateOptions {
  readonly ours: Contestant
  /** With several, a round counts the slowest of them. */
  readonly bare: Contestant | readonly Contestant[]
  readonly rounds: number
  /** rounds that are thrown away: the compiler and the caches settle in them. @defaultValue a tenth of the rounds, at least 1 */
  readonly warmup?: number
  /** operations per sample; the figure is the time of one. @defaultValue 1 */
  readonly times?: number
  /** @defaultValue 'ms' */
  readonly unit?: Comparison['unit']
}

/**
 * Times contestants in turn, A B, B A, A B, …, so that neither always runs in the other's wake (its garbage, its dirty pages), and compares round by round.
 * Not tinybench's way of finishing one task before the next: on a shared machine the minutes differ more than the contestants.
 */
export const alternate = async (options: AlternateOptions): Promise<Comparison> => {
  const { ours, rounds, times = 1, unit = 'ms' } = options
  const bare = [options.bare].flat()
  const warmup = options.warmup ?? Math.max(1, Math.ceil(rounds / 10))
  const contestants = [ours, ...bare]
  const samples = contestants.map((): Sample[] => [])
  for (let round = 0; round < warmup + rounds; round++) {
    const order = contestants.map((_, i) => i)
    if (round % 2 === 1) order.reverse()
    for (const i of order) {
      const took = await sample(contestants[i] as Contestant, times, round)
      if (round >= warmup) samples[i]?.push(took)
    }
  }
  const [mine = [], ...others] = samples
  const against = mine.map((_, round) => slowest(others.map((other) => other[round] as Sample)))
  const scale = (unit === 'µs' ? 1000 : 1) / times
  const walls = (taken: readonly Sample[]): number[] => taken.map(({ wall }) => wall * scale)
  const cpus = (taken: readonly Sample[]): number[] => taken.flatMap(({ cpu }) => cpu ?? [])
  return {
    ...paired(unit, { what: ours.what, values: walls(mine) }, { what: bare.map(({ what }) => what).join(' or '), values: walls(against) }),
    ...(bare.length === 1 && cpus([...mine, ...against]).length === 2 * rounds && { cpu: pairedRatio(cpus(mine), cpus(against)) }),
  }
}

/** What one side was measured to be, round by round. */
export interface Measured {
  readonly what: string
  readonly values: readonly number[]
}

/** The comparison of two sides that were measured in the same rounds. */
export const paired = (unit: Comparison['unit'], ours: Measured, bare: Measured): Comparison => ({
  unit,
  ours: side(ours),
  bare: side(bare),
  ratio: pairedRatio(ours.values, bare.values),
})

// Milliseconds. A contestant that times itself works elsewhere: what this process spent says nothing about it.
interface Sample {
  readonly wall: number
  readonly cpu: number | undefined
}

const slowest = (samples: readonly Sample[]): Sample => samples.reduce((worst, one) => (one.wall > worst.wall ? one : worst))

const sample = async (contestant: Contestant, times: number, round: number): Promise<Sample> => {
  await contestant.before?.(round)
  const [start, spent] = [performance.now(), process.cpuUsage()]
  const own = await contestant.run(times, round)
  if (typeof own === 'number') return { wall: own, cpu: undefined }
  const wall = performance.now() - start
  const { user, system } = process.cpuUsage(spent)
  return { wall, cpu: (user + system) / 1000 }
}

const side = ({ what, values }: Measured): Comparison['ours'] => ({
  what,
  median: median(values),
  p95: percentile(values, 0.95),
  samples: values.length,
})
