import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3'
import { Client } from 'pg'
import { createRepository, type PersistableClient } from '../../src'
import type { Provider } from '../../src/client'
import { clientFor } from '../../tests/examples/app/client'
import { types } from '../../tests/examples/app/generated/persistables'
import { Classifier } from '../../tests/examples/app/persistables/Classifier'
import { alternate } from './alternate'
import { type Bench, type Benchmark, roundsOf } from './figure'
import { fillRows } from './fill'
import { createDatabase, PROVIDERS } from './registry'

const ROWS = 1e6
const APP = join(__dirname, '..', '..', 'tests', 'examples', 'app')

/** The example app's database, with so many classifiers of as many accuracies from 0 to 1. */
const filled = async (provider: Provider, bench: Bench) => {
  const schema = readFileSync(join(APP, 'prisma', provider, 'schema.sql'), 'utf8')
  const url = provider === 'sqlite' ? `file:${join(await bench.folder(), 'app.db')}` : await createDatabase()
  if (provider === 'sqlite') {
    const driver = await new PrismaBetterSqlite3({ url }).connect()
    await driver.executeScript(`PRAGMA journal_mode = WAL; ${schema}`)
    await driver.dispose()
  } else {
    const client = new Client({ connectionString: url })
    await client.connect()
    await client.query(schema).finally(() => client.end())
  }
  const prisma = await clientFor(provider, url)
  const repo = createRepository({ client: prisma as unknown as PersistableClient, types, stores: [], author: 'bench' })
  bench.after(async () => {
    await repo.close()
    await prisma.$disconnect()
  })
  await fillRows(repo, provider, 'Classifier', ROWS / 1000, 1000)
  await prisma.$executeRawUnsafe(
    `INSERT INTO "Classifier" ("id", "accuracy")
      SELECT "id", (("version" * 7919) % 1000 + CAST(substr("name", 6) AS INTEGER) / 1000.0) / 1000 FROM "persistables"`,
  )
  await prisma.$executeRawUnsafe('ANALYZE')
  return { repo, prisma }
}

export const benchmarks: readonly Benchmark[] = PROVIDERS.map((provider) => ({
  name: `columns/find/10^6/${provider}`,
  says: 'find() of the 50 best by an indexed column from a threshold on, among 10^6 rows, against findMany of the same rows with the same join, written by hand',
  bar: 1.3,
  async run(bench) {
    const rounds = roundsOf(bench, { quick: 0, full: 200 })
    const { repo, prisma } = await filled(provider, bench)
    const threshold = (i: number): number => ((i * 7919) % 900) / 1000
    let [ours, bare] = [0, 0]
    return alternate({
      rounds,
      times: 3,
      ours: {
        what: 'find',
        async run(times) {
          for (let i = 0; i < times; i++) {
            const page = await repo.find(Classifier, { where: { accuracy: { gte: threshold(ours++) } }, orderBy: { accuracy: 'desc' }, take: 50 })
            if (page.length !== 50) throw new Error(`${page.length} of 50 were found`)
          }
        },
      },
      bare: {
        what: 'findMany',
        async run(times) {
          for (let i = 0; i < times; i++) {
            const page = await prisma.classifier.findMany({
              where: { accuracy: { gte: threshold(bare++) }, persistable: { project: 'default' } },
              orderBy: [{ accuracy: 'desc' }, { id: 'desc' }],
              take: 50,
              include: { persistable: { include: { tags: true } } },
            })
            if (page.length !== 50) throw new Error(`${page.length} of 50 were found`)
          }
        },
      },
    })
  },
}))
