import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { alternate, type Contestant } from './alternate'
import type { Bench, Benchmark } from './figure'
import { open, PROVIDERS } from './registry'
import { percentile } from './stats'
import type { Order } from './writer'

const WRITERS = 8
const SAVES = 100
const BARS = { sqlite: 1.5, postgresql: 2 }

type Answer = { readonly took: readonly number[] } | { readonly error: string } | { readonly ready: true }

const answerOf = async (writer: ChildProcess): Promise<readonly number[]> => {
  const [answer] = (await Promise.race([
    once(writer, 'message'),
    once(writer, 'exit').then(([code]) => [{ error: `a writer ended with ${String(code)}` }]),
  ])) as [Answer]
  if ('error' in answer) throw new Error(answer.error)
  return 'took' in answer ? answer.took : []
}

const begin = async (url: string, bench: Bench): Promise<readonly ChildProcess[]> => {
  // ts-node puts itself into execArgv, so a forked script is run by it too.
  const writers = Array.from({ length: WRITERS }, () => fork(join(__dirname, 'writer.ts'), [url]))
  bench.after(() =>
    Promise.all(
      writers.map(async (writer) => {
        if (writer.exitCode !== null || writer.signalCode !== null) return
        const ended = once(writer, 'exit')
        if (writer.connected) writer.disconnect()
        await ended
      }),
    ),
  )
  await Promise.all(writers.map(answerOf))
  return writers
}

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

// Of our writers on one name, whatever they are compared with.
const contended = async (bench: Bench, provider: (typeof PROVIDERS)[number], other: string, order: (writer: number) => Omit<Order, 'saves'>) => {
  const { repo, url } = await open(provider, bench)
  const writers = await begin(url, bench)
  const latencies: number[] = []
  const walls: number[] = []
  const figure = await alternate({
    rounds: bench.quick ? 3 : 11,
    times: WRITERS * SAVES,
    ours: race('one name', writers, () => ({ name: 'shared' }), latencies, walls),
    bare: race(other, writers, order),
  })
  const versions = (await repo.rows({ where: { name: 'shared' }, orderBy: { version: 'asc' } })).rows.map(({ version }) => version)
  if (versions.length !== latencies.length || versions.some((version, i) => version !== i + 1)) throw new Error('versions are not dense')
  const seconds = walls.reduce((sum, wall) => sum + wall, 0) / 1000
  const notes = { 'saves/s': latencies.length / seconds, 'p50 ms': percentile(latencies, 0.5), 'p99 ms': percentile(latencies, 0.99) }
  return { ...figure, notes }
}

export const benchmarks: readonly Benchmark[] = PROVIDERS.flatMap((provider): Benchmark[] => [
  {
    name: `contention/${provider}`,
    says: `${WRITERS} processes of ${SAVES} saves of one name, against the same processes on a name each: wall time per save`,
    bar: BARS[provider],
    run: (bench) => contended(bench, provider, 'own names', (i) => ({ name: `own-${i}` })),
  },
  {
    name: `contention/retry-loop/${provider}`,
    says: `${WRITERS} processes of ${SAVES} saves of one name, against the same by reading the newest version, creating the next, and trying again when somebody was first`,
    // On SQLite the loop meets itself seldom: its readers and writers take turns.
    ...(provider === 'postgresql' && { bar: 0.2 }),
    run: (bench) => contended(bench, provider, 'retry loop', () => ({ name: 'looped', loop: true })),
  },
])
