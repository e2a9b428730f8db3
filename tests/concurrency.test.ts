import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3'
import { PrismaClient } from '../generated/sqlite/client'
import { createRepository, isPersistablesError, openRepository, type PersistableTransaction, type Repository } from '../src'
import { saveTogether, sorted, upTo } from './campaigns'
import { churn } from './churn'
import { onEveryProvider } from './registries'
import { tempDir } from './support'
import { runTogether } from './workers'
import { Base, Dataset, Note, TYPES } from './workers/models'
import type { OpenAnswer } from './workers/open'

type Transactions = { $transaction<T>(run: (tx: PersistableTransaction) => Promise<T>): Promise<T> }
const transactions = (repo: Repository): Transactions => repo.client as unknown as Transactions
const signal = (): { readonly wait: Promise<void>; readonly give: () => void } => {
  let give = (): void => {}
  const wait = new Promise<void>((resolve) => {
    give = resolve
  })
  return { wait, give }
}
const base = (name: string): Base => new Base({ name, config: { of: 0 } })

// The whole of it with all tests, as CI runs them.
const SAVES = process.env['ALL_TESTS'] === '1' ? 100 : 30

onEveryProvider((make, provider) => {
  test(`8 processes x ${SAVES} saves of one name, mixed with readers, callers that roll back and others’ transactions`, async () => {
    await saveTogether(await make(), 8, { saves: SAVES, mixed: true })
  }, 180_000)

  // Over 100 names, and by models, it is in concurrency.soak.ts.
  test(`8 processes x ${SAVES} saves of one name, while the newest are deleted and transactions roll back`, async () => {
    await churn(await make(), { workers: 8, saves: SAVES, names: 1, writes: 'statements' })
  }, 240_000)

  test('a transaction that reads before it saves is not in the way of other writers, nor they in its', async () => {
    const registry = await make()
    const [one, two] = [await registry.open({ types: TYPES }), await registry.open({ types: TYPES })]
    await one.save(base('base'))
    const [read, written] = [signal(), signal()]
    const other = read.wait.then(() => two.save(base('shared'))).finally(written.give)
    const mine = await transactions(one).$transaction(async (tx) => {
      expect(await one.using(tx).count(Base)).toBe(1)
      read.give()
      // Where the other can write meanwhile, it has; where it cannot, it waits for this transaction.
      await Promise.race([written.wait, new Promise((resolve) => setTimeout(resolve, 300))])
      // The parent is looked up inside the transaction too.
      await one.using(tx).save(new Note({ name: 'child', config: { worker: 0, i: 0 }, parents: { base: 'base' } }))
      return one.using(tx).save(base('shared'))
    })
    expect(sorted([mine.version, (await other).version])).toEqual([1, 2])
    expect((await one.versions(Base, 'shared')).map(({ version }) => version)).toEqual([2, 1])
    expect((await (await two.load(Note, 'child')).parent('base')).name).toBe('base')
  })

  test('readers on the same client do not make a transaction fail', async () => {
    const registry = await make()
    const [one, two] = [await registry.open({ types: TYPES }), await registry.open({ types: TYPES })]
    await one.save(base('base'))
    for (let round = 0; round < 5; round++) {
      let other: Promise<unknown> | undefined
      await transactions(one).$transaction(async (tx) => {
        // Not of this transaction, but on SQLite on its connection.
        await one.load(Base, 'base')
        other = two.save(base('beside'))
        await new Promise((resolve) => setTimeout(resolve, 20))
        await one.using(tx).save(base('mine'))
      })
      await other
    }
    expect(await two.count(Base, { where: { name: 'mine' } })).toBe(5)
    expect(await two.count(Base, { where: { name: 'beside' } })).toBe(5)
  })

  test('a commit that fails leaves the client usable', async () => {
    const repo = await (await make()).open({ types: TYPES })
    const failing = transactions(repo).$transaction(async (tx) => {
      if (provider === 'sqlite') await tx.$executeRawUnsafe('PRAGMA defer_foreign_keys=ON')
      else
        await tx.$executeRawUnsafe(
          'ALTER TABLE "persistable_tags" ALTER CONSTRAINT "persistable_tags_persistable_id_fkey" DEFERRABLE INITIALLY DEFERRED',
        )
      await repo.using(tx).save(base('lost'))
      await tx.$executeRawUnsafe(`INSERT INTO "persistable_tags" ("persistable_id", "key", "value") VALUES ('nobody', 'k', 'v')`)
    })
    await expect(failing).rejects.toThrow()
    const saved = await repo.save(base('kept'))
    await transactions(repo).$transaction(async (tx) => repo.using(tx).save(base('kept')))
    expect((await repo.versions(Base, 'kept')).map(({ version }) => version)).toEqual([2, 1])
    expect((await repo.load(Base, 'kept@1')).id).toBe(saved.id)
    expect(await repo.tryLoad(Base, 'lost')).toBeNull()
  })

  if (provider === 'sqlite') {
    test('4 processes x 25 saves by clients of the app’s own, as Prisma makes them', async () => {
      await saveTogether(await make(), 4, { saves: 25, mixed: false, own: true, at: 3 })
    }, 120_000)
  }
})

describe('sqlite', () => {
  test('8 processes open one new registry at once, save, and own one store', async () => {
    const cwd = await tempDir()
    await writeFile(join(cwd, 'package.json'), '{}')
    const { answers } = await runTogether<OpenAnswer>(
      'open',
      upTo(8).map((worker) => ({ cwd, worker })),
    )
    expect(answers.map(({ failed }) => failed).filter((failed) => failed !== undefined)).toEqual([])
    expect(sorted(answers.map(({ version }) => version))).toEqual(upTo(8))
    expect(answers.map(({ rows }) => rows)).toEqual(upTo(8).map((i) => [{ i }]))
    expect(answers.flatMap(({ warnings }) => warnings)).toEqual([])
    await using repo = await openRepository({ cwd, types: TYPES })
    expect((await repo.versions(Dataset, 'first')).length).toBe(8)
  })

  test('by a client of the app’s own, whose transactions begin deferred, a save that came too late says so', async () => {
    const folder = await tempDir()
    const url = `file:${join(folder, 'registry.db')}`
    await using two = await openRepository({ url, types: TYPES, stores: [] })
    const client = new PrismaClient({ adapter: new PrismaBetterSqlite3({ url, timeout: 50 }) })
    const one = createRepository({ client, types: TYPES })
    try {
      const late = client.$transaction(async (tx) => {
        await one.using(tx).count(Base)
        await two.save(base('shared'))
        await one.using(tx).save(base('shared'))
      })
      const error: unknown = await late.catch((reason: unknown) => reason)
      expect(isPersistablesError(error, 'VERSION_CONFLICT')).toBe(true)
      expect((error as Error).message).toContain('Retry the whole transaction.')
      expect((await client.$transaction(async (tx) => one.using(tx).save(base('shared')))).version).toBe(2)
    } finally {
      await client.$disconnect()
    }
  })
})
