import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '../generated/postgresql/client'
import {
  createRepository,
  diskStore,
  openRepository,
  type PersistableTransaction,
  persistable,
  type Repository,
  statementNameGenerator,
  typed,
} from '../src'
import { immediate } from '../src/connect/immediate'
import { sqliteFactory } from '../src/connect/sqlite'
import { failureKind } from '../src/failure'
import type { OpenOptions } from '../src/open'
import { sorted, upTo } from './campaigns'
import { pgPooler } from './pg-pooler'
import { createDatabase, type TestDatabase } from './postgres'
import { tempDir } from './support'

class Note extends persistable('Note', { config: typed<{ i?: number }>() }) {}

let database: TestDatabase
const freed: (() => Promise<unknown>)[] = []
beforeEach(async () => {
  database = await createDatabase()
})
afterEach(async () => {
  for (const free of freed.splice(0).reverse()) await free()
  await database.drop()
})

const open = async (options: OpenOptions = {}): Promise<Repository> => {
  const files = join(await tempDir(), 'files')
  const repo = await openRepository({ url: database.url, types: [Note], stores: [diskStore(files)], pool: { max: 1 }, ...options })
  freed.push(() => repo.close())
  return repo
}
type Raw = { $queryRawUnsafe<T>(text: string): Promise<T>; $executeRawUnsafe(text: string): Promise<number> }
type Transactions = { $transaction<T>(work: (tx: PersistableTransaction & Raw) => Promise<T>): Promise<T> }
const raw = (repo: Repository) => repo.client as unknown as Raw & Transactions

interface Prepared {
  readonly kind: string
  readonly runs: number
}
// Of the one connection that the repository has.
const prepared = (repo: Repository) =>
  raw(repo).$queryRawUnsafe<Prepared[]>(`SELECT substring(statement from 'kept \\*/ (\\w+)') AS kind, (generic_plans + custom_plans)::int AS runs
    FROM pg_prepared_statements WHERE name LIKE 'persistables%' ORDER BY kind`)

const save = async (repo: Repository, count = 1): Promise<number[]> =>
  sorted((await Promise.all(upTo(count).map((i) => repo.save(new Note({ name: 'n', config: { i } }))))).map(({ version }) => version))

test('what each save and load sends is prepared once for a connection, and nothing else is', async () => {
  const repo = await open()
  await save(repo, 12)
  for (let i = 0; i < 3; i++) await repo.load(Note, 'n')
  await repo.find(Note, { where: { name: 'n' } })
  await repo.saveMany([new Note({ name: 'n' }), new Note({ name: 'm' })])
  await repo.delete(Note, 'n@2')
  const kept = await prepared(repo)
  expect(kept.filter(({ kind }) => kind === 'WITH')).toEqual([{ kind: 'WITH', runs: 12 }])
  expect(kept.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['SELECT', 'WITH']))
  expect(kept).toHaveLength(3)
})

test('the plan that is kept from the first saves serves a table that grew', async () => {
  const repo = await open()
  await save(repo, 12)
  await raw(
    repo,
  ).$executeRawUnsafe(`INSERT INTO "persistables" SELECT gen_random_uuid()::text, "type", "registered_name", "project", "name", "author",
      g + 1000, "version_description", "hash", "has_external_files", "filepaths", "metadata", 1, "created_at", "modified_at"
    FROM "persistables", generate_series(1, 20000) g WHERE "version" = 1`)
  const [{ name, types } = { name: '', types: '' }] = await raw(repo).$queryRawUnsafe<{ name: string; types: string }[]>(
    `SELECT name, array_to_string(parameter_types, ',') AS types FROM pg_prepared_statements WHERE statement LIKE '%kept%WITH%'`,
  )
  const given = types
    .split(',')
    .map((type) => (type === 'jsonb' ? `'{}'` : type === 'integer' ? '1' : type === 'boolean' ? 'true' : /^timestamp/.test(type) ? 'now()' : `'n'`))
  const plan = await raw(repo).$queryRawUnsafe<{ 'QUERY PLAN': string }[]>(`EXPLAIN EXECUTE ${name}(${given.join(',')})`)
  const text = plan.map((row) => row['QUERY PLAN']).join('\n')
  expect(text).toContain('Index')
  expect(text).not.toContain('Seq Scan')
})

test('a session that forgot is noticed: what is outside of transactions is done again, once', async () => {
  const repo = await open()
  await save(repo, 3)
  await raw(repo).$executeRawUnsafe('DISCARD ALL')
  expect(await save(repo)).toEqual([4])
  expect((await repo.load(Note, 'n')).version).toBe(4)
  expect(await save(repo, 2)).toEqual([5, 6])
})

test('in a transaction nothing relies on what a session remembers', async () => {
  const repo = await open()
  await save(repo, 3)
  const attempt = () =>
    raw(repo).$transaction(async (tx) => {
      await tx.$executeRawUnsafe('DEALLOCATE ALL')
      const inside = repo.using(tx)
      await inside.load(Note, 'n')
      return (await inside.save(new Note({ name: 'n' }))).version
    })
  expect([await attempt(), await attempt()]).toEqual([4, 5])
  expect(await save(repo, 2)).toEqual([6, 7])
  expect(await repo.count()).toBe(7)
})

test('a table that changes under a prepared statement is read again', async () => {
  const repo = await open()
  await save(repo)
  for (let i = 0; i < 7; i++) await repo.load(Note, 'n')
  await raw(repo).$executeRawUnsafe('ALTER TABLE "persistables" ALTER COLUMN "author" TYPE varchar(300)')
  expect((await repo.load(Note, 'n')).version).toBe(1)
  expect(await save(repo)).toEqual([2])
})

test('behind a pooler nothing is prepared', async () => {
  const pooler = await pgPooler(database.url, 2)
  freed.push(() => pooler.close())
  const repo = await open({ url: pooler.url, pool: { max: 4 } })
  expect(await save(repo, 20)).toEqual(upTo(20))
  expect(await prepared(repo)).toEqual([])
  expect(await prepared(repo)).toEqual([])
})

test('a pooler that tells the number of one of its sessions costs another try, and no version', async () => {
  const pooler = await pgPooler(database.url, 3, ([first = 0]) => {
    const key = Buffer.alloc(8)
    key.writeInt32BE(first)
    return key
  })
  freed.push(() => pooler.close())
  const repo = await open({ url: pooler.url })
  for (const version of upTo(10)) expect(await save(repo)).toEqual([version])
  expect((await repo.load(Note, 'n')).version).toBe(10)
})

test('a client of the caller prepares what the generator names, and goes on when a session forgets it', async () => {
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: database.url, max: 1 }, { statementNameGenerator }) })
  freed.push(() => prisma.$disconnect())
  const repo = createRepository({ client: prisma, types: [Note] })
  await save(repo, 3)
  await prisma.$transaction(async (tx) => void (await repo.using(tx).save(new Note({ name: 'n' }))))
  await prisma.persistable.findMany({ take: 2 })
  expect(await prepared(repo)).toEqual([{ kind: 'WITH', runs: 3 }])
  const [{ n } = { n: 0 }] = await prisma.$queryRawUnsafe<{ n: number }[]>('SELECT count(*)::int AS n FROM pg_prepared_statements')
  expect(n).toBe(1)
  for (const forgets of ['DISCARD ALL', 'ALTER TABLE "persistables" ALTER COLUMN "author" TYPE varchar(300)']) {
    for (let i = 0; i < 6; i++) await repo.load(Note, 'n')
    await prisma.$executeRawUnsafe(forgets)
    const inside = await prisma.$transaction(async (tx) => (await repo.using(tx).load(Note, 'n')).version)
    expect([(await repo.load(Note, 'n')).version, inside]).toEqual([4, 4])
  }
  expect(await save(repo, 2)).toEqual([5, 6])
})

describe('on SQLite', () => {
  // Prisma's adapter brings it, without types.
  const Database = require('better-sqlite3') as { prototype: { prepare(text: string): unknown } }
  const { prepare } = Database.prototype
  let prepares: string[] = []
  beforeEach(() => {
    prepares = []
    Database.prototype.prepare = function (text) {
      prepares.push(text)
      return prepare.call(this, text)
    }
  })
  afterEach(() => {
    Database.prototype.prepare = prepare
  })
  const openFile = async () => open({ url: `file:${join(await tempDir(), 'registry.db')}` })

  test('what each save and load sends is prepared once for a connection', async () => {
    const repo = await openFile()
    expect(await save(repo, 5)).toEqual(upTo(5))
    for (let i = 0; i < 3; i++) expect((await repo.load(Note, `n@${i + 1}`)).config).toEqual({ i: i + 1 })
    const kept = prepares.filter((text) => text.includes('persistables:kept'))
    expect(kept.map((text) => /kept \*\/ (\w+)/.exec(text)?.[1])).toEqual(['INSERT', 'SELECT'])
  })

  test('a table that changes under a prepared statement is no matter, nor is a client that connects anew', async () => {
    const repo = await openFile()
    await save(repo, 2)
    await raw(repo).$executeRawUnsafe('ALTER TABLE "persistables" ADD COLUMN "more" TEXT')
    expect(await save(repo, 2)).toEqual([3, 4])
    await repo.client.$disconnect()
    expect(await save(repo)).toEqual([5])
    expect((await repo.load(Note, 'n')).version).toBe(5)
  })

  test('a table whose columns change their types is read as it is now', async () => {
    const repo = await openFile()
    await save(repo)
    const kept = '/* persistables:kept */ SELECT x FROM t'
    const ask = () => raw(repo).$queryRawUnsafe<{ x: unknown }[]>(kept)
    await raw(repo).$executeRawUnsafe('CREATE TABLE t (x INTEGER)')
    await raw(repo).$executeRawUnsafe('INSERT INTO t VALUES (1)')
    expect(await ask()).toEqual([{ x: 1 }])
    await raw(repo).$executeRawUnsafe('DROP TABLE t')
    await raw(repo).$executeRawUnsafe('CREATE TABLE t (x BOOLEAN)')
    await raw(repo).$executeRawUnsafe('INSERT INTO t VALUES (1)')
    expect(await ask()).toEqual([{ x: true }])
  })

  test('a lone write that a transaction keeps waiting ends as busy, and others go on', async () => {
    const driver = await immediate(await sqliteFactory(join(await tempDir(), 'x.db')), 100).connect()
    const write = (sql: string) => driver.executeRaw({ sql, args: [], argTypes: [] })
    await write('CREATE TABLE t (x INTEGER)')
    const transaction = await driver.startTransaction()
    const late = await write('INSERT INTO t VALUES (1)').catch((error: unknown) => error)
    expect(failureKind(late)).toBe('busy')
    await driver.executeScript('COMMIT')
    await transaction.commit()
    expect(await write('INSERT INTO t VALUES (2)')).toBe(1)
    await driver.dispose()
  })

  test('a save beside somebody’s transaction on the same client stays out of it', async () => {
    const repo = await openFile()
    await save(repo)
    let begun = (): void => {}
    const open = new Promise<void>((resolve) => {
      begun = resolve
    })
    let end = (): void => {}
    const held = new Promise<void>((resolve) => {
      end = resolve
    })
    const undone = raw(repo).$transaction(async (tx) => {
      await tx.$executeRawUnsafe('CREATE TABLE "theirs" ("id" INTEGER)')
      begun()
      await held
      throw new Error('undone')
    })
    undone.catch(() => {})
    await open
    const saving = save(repo)
    // Time to get into the transaction, if it does that.
    await wait(200)
    end()
    await expect(undone).rejects.toThrow('undone')
    expect(await saving).toEqual([2])
    expect(await repo.count()).toBe(2)
  })
})
