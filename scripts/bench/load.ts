import { alternate } from './alternate'
import type { Benchmark } from './figure'
import { open, PROVIDERS, Report, report } from './registry'

const NAMES = 100
const VERSIONS = 10

export const benchmarks: readonly Benchmark[] = PROVIDERS.map((provider) => ({
  name: `load/latest/${provider}`,
  says: `load() of the latest version of a name, among ${NAMES} names of ${VERSIONS}, against findUnique of the same row by primary key`,
  bar: 1.2,
  async run(bench) {
    const { repo, prisma } = await open(provider, bench)
    const names = Array.from({ length: NAMES }, (_, i) => `name-${i}`)
    const ids: string[] = []
    for (let version = 0; version < VERSIONS; version++) ids.push(...(await repo.saveMany(names.map(report))).map(({ id }) => id))
    const latest = ids.slice(-NAMES)
    let at = 0
    return alternate({
      rounds: bench.quick ? 60 : 400,
      times: 10,
      ours: {
        what: 'load',
        async run(times) {
          for (let i = 0; i < times; i++) await repo.load(Report, names[at++ % NAMES] as string)
        },
      },
      bare: {
        what: 'findUnique',
        async run(times) {
          for (let i = 0; i < times; i++) await prisma.persistable.findUniqueOrThrow({ where: { id: latest[at++ % NAMES] as string } })
        },
      },
    })
  },
}))
