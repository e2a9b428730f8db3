import { randomUUID } from 'node:crypto'
import { alternate } from './alternate'
import type { Benchmark } from './figure'
import { bareRow, open, PROVIDERS, report, saved } from './registry'

const ROWS = 1000

export const benchmarks: readonly Benchmark[] = PROVIDERS.map((provider) => ({
  name: `save/many/${provider}`,
  says: `${ROWS} drafts and saveMany() of them, against createMany of ${ROWS} such rows`,
  bar: 1.3,
  async run(bench) {
    const { repo, prisma } = await open(provider, bench)
    const row = bareRow(await saved(repo))
    let version = 0
    return alternate({
      rounds: bench.quick ? 6 : 20,
      ours: { what: 'saveMany', run: async () => void (await repo.saveMany(Array.from({ length: ROWS }, () => report('ours')))) },
      bare: {
        what: 'createMany',
        async run() {
          const now = new Date()
          const data = Array.from({ length: ROWS }, () => ({
            ...row,
            id: randomUUID(),
            name: 'bare',
            version: ++version,
            createdAt: now,
            modifiedAt: now,
          }))
          await prisma.persistable.createMany({ data })
        },
      },
    })
  },
}))
