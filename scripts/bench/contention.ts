import type { ChildProcess } from 'node:child_process'
import { alternate, type Contestant } from './alternate'
import { type Bench, type Benchmark, roundsOf } from './figure'
import { open, PROVIDERS } from './registry'
import { percentile } from './stats'
import { answerOf, begin, type Order, WRITERS } from './writers'

const SAVES = { quick: 10, full: 100 }
const ROUNDS = { names: { quick: 3, full: 11 }, loop: { quick: 2, full: 5 } }
const BARS = { sqlite: 1.5, postgresql: 2 }

const race = (
  what: string,
  writers: readonly ChildProcess[],
  order: (writer: number) => Omit<Order, 'saves'>,
  took?: number[],
  walls?: number[],
): Contestant => ({
  what,
  async run(times) {
    const start = performance.now()
    const answers = writers.map(answerOf)
    for (const [i, writer] of writers.entries()) writer.send({ ...order(i), saves: times / WRITERS } satisfies Order)
    const each = (await Promise.all(answers)).flat()
    const wall = performance.now() - start
    took?.push(...each)
    walls?.push(wall)
    return wall
  },
})

// One registry with its writers for all that is compared on a database.
type Begun = { readonly repo: Awaited<ReturnType<typeof open>>['repo']; readonly writers: readonly ChildProcess[] }
const writersOn = (provider: (typeof PROVIDERS)[number], bench: Bench): Promise<Begun> =>
  bench.once(`contention/${provider}`, async () => {
    const { repo, url } = await open(provider, bench)
    return { repo, writers: await begin(url, bench) }
  })

// Of our writers on one name, whatever they are compared with.
const contended = async (bench: Bench, provider: (typeof PROVIDERS)[number], against: keyof typeof ROUNDS) => {
  const { repo, writers } = await writersOn(provider, bench.whole)
  const name = `against ${against}`
  const loop = against === 'loop'
  const latencies: number[] = []
  const walls: number[] = []
  const figure = await alternate({
    rounds: roundsOf(bench, ROUNDS[against]),
    times: WRITERS * SAVES[bench.quick ? 'quick' : 'full'],
    ours: race('one name', writers, () => ({ name }), latencies, walls),
    bare: race(loop ? 'retry loop' : 'own names', writers, (i) => (loop ? { name: 'looped', loop } : { name: `own-${i}` })),
  })
  const versions = (await repo.rows({ where: { name }, orderBy: { version: 'asc' } })).rows.map(({ version }) => version)
  if (versions.length !== latencies.length || versions.some((version, i) => version !== i + 1)) throw new Error('versions are not dense')
  const seconds = walls.reduce((sum, wall) => sum + wall, 0) / 1000
  const notes = { 'saves/s': latencies.length / seconds, 'p50 ms': percentile(latencies, 0.5), 'p99 ms': percentile(latencies, 0.99) }
  return { ...figure, notes }
}

export const benchmarks: readonly Benchmark[] = PROVIDERS.flatMap((provider): Benchmark[] => [
  {
    name: `contention/${provider}`,
    says: `${WRITERS} processes of ${SAVES.full} saves of one name, against the same processes on a name each: wall time per save`,
    bar: BARS[provider],
    run: (bench) => contended(bench, provider, 'names'),
  },
  {
    name: `contention/retry-loop/${provider}`,
    says: `${WRITERS} processes of ${SAVES.full} saves of one name, against the same by reading the newest version, creating the next, and trying again when somebody was first`,
    // On SQLite the loop meets itself seldom: its readers and writers take turns.
    ...(provider === 'postgresql' && { bar: 0.2 }),
    run: (bench) => contended(bench, provider, 'loop'),
  },
])
