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

export const benchmarks: readonly Benchmark[] = PROVIDERS.map((provider) => ({
  name: `contention/${provider}`,
  says: `${WRITERS} processes of ${SAVES} saves of one name, against the same processes on a name each: wall time per save`,
  bar: BARS[provider],
  async run(bench) {
    const { repo, url } = await open(provider, bench)
    const writers = await begin(url, bench)
    const latencies: number[] = []
    const walls: number[] = []
    const race = (what: string, nameOf: (writer: number) => string, shared: boolean): Contestant => ({
      what,
      async run(times) {
        const start = performance.now()
        const answers = writers.map(answerOf)
        for (const [i, writer] of writers.entries()) writer.send({ name: nameOf(i), saves: times / WRITERS } satisfies Order)
        const took = (await Promise.all(answers)).flat()
        const wall = performance.now() - start
        if (shared) {
          latencies.push(...took)
          walls.push(wall)
        }
        return wall
      },
    })
    const figure = await alternate({
      rounds: bench.quick ? 3 : 11,
      times: WRITERS * SAVES,
      ours: race('one name', () => 'shared', true),
      bare: race('own names', (i) => `own-${i}`, false),
    })
    const versions = (await repo.rows({ where: { name: 'shared' }, orderBy: { version: 'asc' } })).rows.map(({ version }) => version)
    if (versions.length !== latencies.length || versions.some((version, i) => version !== i + 1)) throw new Error('versions are not dense')
    const seconds = walls.reduce((sum, wall) => sum + wall, 0) / 1000
    return {
      ...figure,
      notes: { 'saves/s': latencies.length / seconds, 'p50 ms': percentile(latencies, 0.5), 'p99 ms': percentile(latencies, 0.99) },
    }
  },
}))
