import { randomUUID } from 'node:crypto'
import { alternate } from './alternate'
import type { Benchmark } from './figure'
import { recorder } from './recorder'
import { bareRow, open, PROVIDERS, Report, report, saved } from './registry'

const ROUNDS = 3

// Not a time: counted, so a few rounds say it all. Whatever opens and ends a transaction is a round trip, and counts.
const counted = (what: string, work: (round: number) => Promise<unknown>) => ({
  what,
  async run(_times: number, round: number) {
    const watching = recorder()
    try {
      return (await watching.record(() => work(round))).length
    } finally {
      watching.stop()
    }
  },
})

const saving = PROVIDERS.map(
  (provider): Benchmark => ({
    name: `statements/save/${provider}`,
    says: 'statements that reach the driver for a save() without artifacts, against those of prisma.persistable.create',
    bar: 1,
    async run(bench) {
      const { repo, prisma } = await open(provider, bench)
      const row = bareRow(await saved(repo))
      const create = (version: number) => prisma.persistable.create({ data: { ...row, id: randomUUID(), name: 'bare', version } })
      return alternate({
        rounds: ROUNDS,
        unit: 'statements',
        ours: counted('save', () => repo.save(report('ours'))),
        bare: counted('create', (round) => create(round + 1)),
      })
    },
  }),
)

const loading = PROVIDERS.map(
  (provider): Benchmark => ({
    name: `statements/load/${provider}`,
    says: 'statements that reach the driver for a load() of the latest version, against those of findUnique',
    bar: 1,
    async run(bench) {
      const { repo, prisma } = await open(provider, bench)
      const { id } = await saved(repo)
      return alternate({
        rounds: ROUNDS,
        unit: 'statements',
        ours: counted('load', () => repo.load(Report, 'first')),
        bare: counted('findUnique', () => prisma.persistable.findUniqueOrThrow({ where: { id } })),
      })
    },
  }),
)

export const benchmarks: readonly Benchmark[] = [...saving, ...loading]
