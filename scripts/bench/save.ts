import { randomUUID } from 'node:crypto'
import { alternate } from './alternate'
import type { Benchmark } from './figure'
import { bareRow, open, PROVIDERS, report, saved } from './registry'

// The draft is part of our side: without it nothing can be saved.
export const benchmarks: readonly Benchmark[] = PROVIDERS.map((provider) => ({
  name: `save/one/${provider}`,
  says: 'new Report(…) and save(), no artifacts, against prisma.persistable.create of the same row on the same client, whose statement is not kept prepared',
  bar: 1,
  async run(bench) {
    const { repo, prisma } = await open(provider, bench)
    const row = bareRow(await saved(repo))
    let version = 0
    return alternate({
      rounds: bench.quick ? 60 : 400,
      times: 10,
      ours: {
        what: 'save',
        async run(times) {
          for (let i = 0; i < times; i++) await repo.save(report('ours'))
        },
      },
      bare: {
        what: 'create',
        async run(times) {
          for (let i = 0; i < times; i++) {
            const now = new Date()
            await prisma.persistable.create({ data: { ...row, id: randomUUID(), name: 'bare', version: ++version, createdAt: now, modifiedAt: now } })
          }
        },
      },
    })
  },
}))
