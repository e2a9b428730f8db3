import { join } from 'node:path'
import { PrismaPg } from '@prisma/adapter-pg'
import { readReplicas } from '@prisma/extension-read-replicas'
import { PrismaClient } from '../generated/postgresql/client'
import {
  createRepository,
  diskStore,
  isPersistablesError,
  ndjson,
  openRepository,
  type PersistablesError,
  type PersistableTransaction,
  persistable,
  type Repository,
  source,
  typed,
} from '../src'
import type { OpenOptions } from '../src/open'
import { sorted, upTo } from './campaigns'
import { type PgPooler, pgPooler } from './pg-pooler'
import { type PgProxy, pgProxy } from './pg-proxy'
import { createDatabase, onServer, type TestDatabase } from './postgres'
import { tempDir } from './support'

class Note extends persistable('Note', { config: typed<{ i?: number }>(), parents: {} }) {}
class Model extends persistable('Model', {
  config: typed<{ rate: number }>(),
  parents: { note: Note },
  artifacts: { rows: source(ndjson<{ i: number }>().to('disk')) },
}) {}

type Transactions = { $transaction<T>(run: (tx: PersistableTransaction) => Promise<T>, limits?: object): Promise<T> }
const transactions = (repo: Repository): Transactions => repo.client as unknown as Transactions
class Undo extends Error {}

const failure = async (work: Promise<unknown>): Promise<PersistablesError> => {
  try {
    await work
  } catch (error) {
    if (isPersistablesError(error)) return error
    throw error
  }
  throw new Error('it did not fail')
}
const everything = (error: unknown): string => {
  const seen: string[] = []
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    seen.push(at.message, at.stack ?? '', JSON.stringify((at as { details?: unknown }).details ?? {}), JSON.stringify(at))
  }
  return seen.join('\n')
}

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
  const folder = await tempDir()
  const repo = await openRepository({
    url: database.url,
    types: [Note, Model],
    stores: [diskStore(join(folder, 'files'))],
    logger: { warn: () => {} },
    author: 'tester',
    ...options,
  })
  freed.push(() => repo.close())
  return repo
}
const withUrl = (change: Partial<Pick<URL, 'username' | 'password' | 'pathname' | 'port' | 'hostname'>>): string =>
  Object.assign(new URL(database.url), change).href
const sql = (text: string) => onServer(database.url, (client) => client.query(text))
const backends = async (user: string): Promise<void> => {
  await sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${user}' AND pid <> pg_backend_pid()`)
}
const role = async (name: string, password: string, grants = 'ALL'): Promise<void> => {
  await sql(`CREATE ROLE "${name}" LOGIN PASSWORD '${password}'`)
  await sql(`GRANT ${grants} ON ALL TABLES IN SCHEMA public TO "${name}"`)
  freed.push(() => sql(`DROP OWNED BY "${name}"; DROP ROLE "${name}"`))
}
const unique = (): string => `r_${Math.random().toString(36).slice(2)}`

describe('credentials', () => {
  test('that change while it is open: user and password are asked for every new connection', async () => {
    const [first, second] = [unique(), unique()]
    await role(first, 'pässwörd/1@')
    await role(second, 'two')
    let now = { username: first, password: encodeURIComponent('pässwörd/1@') }
    let asked = 0
    const repo = await open({
      url: async () => {
        asked++
        return withUrl(now)
      },
    })
    await repo.save(new Note({ name: 'n' }))
    now = { username: second, password: 'two' }
    await sql(`ALTER ROLE "${first}" NOLOGIN`)
    await backends(first)
    expect((await repo.save(new Note({ name: 'n' }))).version).toBe(2)
    const [user] = await (repo.client as unknown as { $queryRawUnsafe(q: string): Promise<{ u: string }[]> }).$queryRawUnsafe(
      'SELECT current_user::text AS u',
    )
    expect(user?.u).toBe(second)
    expect(asked).toBeGreaterThan(1)
  })

  test('a password apart from the url, as text or by a function', async () => {
    const name = unique()
    await role(name, 'one')
    const url = withUrl({ username: name, password: '' })
    const text = await open({ url, password: 'one' })
    expect(await text.count()).toBe(0)
    let password = 'one'
    const repo = await open({ url, password: () => password })
    password = 'two'
    await sql(`ALTER ROLE "${name}" PASSWORD 'two'`)
    await backends(name)
    expect((await repo.save(new Note({ name: 'n' }))).version).toBe(1)
  })

  test('a function that fails, or gives no text, says so and no secret', async () => {
    const cases: OpenOptions[] = [
      { url: () => Promise.reject(new Error('the vault at postgresql://u:s3cret@vault is sealed')) },
      { url: () => undefined as unknown as string },
      { password: () => Promise.reject(new Error('password=s3cret is wrong')) },
      { password: () => null as unknown as string },
      { url: () => withUrl({ password: 's3cret' }) },
    ]
    for (const options of cases) {
      const error = await failure(open(options))
      expect([error.code, error.details['kind']]).toEqual(['DATABASE_FAILED', 'denied'])
      expect(error.message).not.toContain('s3cret')
    }
  })
})

test('no password is printed with the client, nor kept in what a failing function threw', async () => {
  const { inspect } = await import('node:util')
  const repo = await open()
  await repo.count()
  const { password } = new URL(database.url)
  expect(inspect(repo.client, { depth: 7, showHidden: false })).not.toContain(password)
  const error = await failure(open({ url: () => Promise.reject(new Error('postgresql://u:s3cret@h')) }))
  expect(inspect(error, { depth: 12 })).not.toContain('s3cret')
  const late = await failure(open({ password: () => new Promise(() => {}), pool: { connectionTimeoutMillis: 200 } }))
  expect([late.code, late.details['kind']]).toEqual(['DATABASE_FAILED', 'denied'])
  expect((await failure(open({ url: 'user:s3cret@host/db' }))).message).toBe(
    'The database url has no scheme. Use file:<path> for SQLite, or postgresql://user:password@host:5432/database for PostgreSQL.',
  )
})

describe('what goes wrong', () => {
  test('connections that the server ends are made anew, and saves go on', async () => {
    const name = unique()
    await role(name, 'pw')
    const repo = await open({ url: withUrl({ username: name, password: 'pw' }) })
    await Promise.all(upTo(10).map(() => repo.save(new Note({ name: 'warm' }))))
    const saves = upTo(100).map((i) => repo.save(new Note({ name: 'n', config: { i } })))
    for (let round = 0; round < 3; round++) await backends(name)
    const saved = await Promise.all(saves)
    expect(sorted(saved.map(({ version }) => version))).toEqual(upTo(100))
    expect(await repo.count(Note, { where: { name: 'n' } })).toBe(100)
  })

  test('a user that may only read: reading works, saving says who may not', async () => {
    const name = unique()
    await role(name, 's3cret', 'SELECT')
    const writer = await open()
    await writer.save(new Note({ name: 'n' }))
    const reader = await open({ url: withUrl({ username: name, password: 's3cret' }) })
    expect((await reader.load(Note, 'n')).version).toBe(1)
    const error = await failure(reader.save(new Note({ name: 'n' })))
    expect([error.code, error.details['kind']]).toEqual(['DATABASE_FAILED', 'denied'])
    expect(error.fix).toContain('what that user may do')
    expect(everything(error)).not.toContain('s3cret')
    await sql(`ALTER DATABASE "${new URL(database.url).pathname.slice(1)}" SET default_transaction_read_only = on`)
    const later = await open()
    expect(await later.count(Note)).toBe(1)
    expect((await failure(later.save(new Note({ name: 'n' })))).code).toBe('READ_ONLY')
    await onServer(database.url, async (client) => {
      await client.query('SET default_transaction_read_only = off')
      await client.query(`ALTER DATABASE "${new URL(database.url).pathname.slice(1)}" RESET default_transaction_read_only`)
    })
  })

  test('a statement that takes longer than its timeout', async () => {
    const repo = await open({ pool: { statement_timeout: 200 } })
    const blocker = await open()
    await transactions(blocker).$transaction(async (tx) => {
      await tx.$executeRawUnsafe('LOCK TABLE "persistables" IN ACCESS EXCLUSIVE MODE')
      for (const work of [repo.save(new Note({ name: 'n' })), repo.load(Note, 'n'), repo.delete({ id: 'x' })]) {
        const error = await failure(work)
        expect([error.code, error.details['kind']]).toEqual(['DATABASE_FAILED', 'timeout'])
        expect(error.fix).toContain('statement_timeout')
      }
    })
    expect((await blocker.save(new Note({ name: 'n' }))).version).toBe(1)
  })

  test('a caller’s transaction that is aborted, or over, or lost to another', async () => {
    const repo = await open()
    const aborted = await failure(
      transactions(repo).$transaction(async (tx) => {
        await Promise.resolve(tx.$executeRawUnsafe('SELECT 1/0')).catch(() => {})
        return repo.using(tx).save(new Note({ name: 'n' }))
      }),
    )
    expect([aborted.code, aborted.details['kind']]).toEqual(['DATABASE_FAILED', 'aborted-transaction'])
    expect(aborted.fix).toContain('retry the whole transaction')

    let late: Promise<PersistablesError> | undefined
    let lateRead: Promise<PersistablesError> | undefined
    await transactions(repo)
      .$transaction(
        async (tx) => {
          await new Promise((resolve) => setTimeout(resolve, 300))
          late = failure(repo.using(tx).save(new Note({ name: 'n' })))
          lateRead = failure(repo.using(tx).load(Note, 'n'))
          await Promise.all([late, lateRead])
        },
        { timeout: 100 },
      )
      .catch(() => {})
    for (const error of [await late, await lateRead]) {
      expect([error?.code, error?.details['kind']]).toEqual(['DATABASE_FAILED', 'ended-transaction'])
      expect(error?.fix).toMatch(/retry (all of it|the whole transaction)/i)
    }

    const lost = await failure(
      transactions(repo).$transaction(
        async (tx) => {
          await repo.using(tx).count()
          await repo.save(new Note({ name: 'shared' }))
          return repo.using(tx).save(new Note({ name: 'shared' }))
        },
        { isolationLevel: 'Serializable' },
      ),
    )
    expect(lost.code).toBe('VERSION_CONFLICT')
    expect(lost.message).toContain('Retry the whole transaction.')
    expect((await repo.save(new Note({ name: 'shared' }))).version).toBe(2)
    expect(await repo.tryLoad(Note, 'n')).toBeNull()
  })

  test('every transaction serializable by the server’s default: all get through', async () => {
    await sql(`ALTER DATABASE "${new URL(database.url).pathname.slice(1)}" SET default_transaction_isolation = 'serializable'`)
    const repo = await open()
    const saved = await Promise.all(upTo(60).map((i) => repo.save(new Note({ name: 'n', tags: { i: String(i) } }))))
    expect(sorted(saved.map(({ version }) => version))).toEqual(upTo(60))
    const parent = await repo.save(new Note({ name: 'parent' }))
    const child = new Model({ name: 'm', config: { rate: 1 }, parents: { note: parent }, artifacts: { rows: [] } })
    const [made, gone] = await Promise.allSettled([repo.save(child), repo.delete(parent)])
    expect([made.status, gone.status].filter((status) => status === 'fulfilled')).toHaveLength(1)
  })
})

describe('an answer that is lost on its way', () => {
  let proxy: PgProxy
  beforeEach(async () => {
    proxy = await pgProxy(database.url)
  })
  afterEach(() => proxy.close())

  test.each(['before', 'answer'] as const)('%s: saved once, with the version that it has', async (fault) => {
    const repo = await open({ url: proxy.url })
    for (const [round, save] of [
      async () => [await repo.save(new Note({ name: 'n', tags: { k: 'v' } }))],
      async () => repo.saveMany([new Note({ name: 'n', tags: { k: 'v' } }), new Note({ name: 'n', tags: { k: 'v' } })]),
    ].entries()) {
      proxy.breakAt('INSERT INTO "persistables"', fault)
      const saved = await save()
      expect(proxy.broken()).toBe(round + 1)
      for (const one of saved) {
        const row = await repo.load(Note, { id: one.id })
        expect([row.version, row.tags, row.createdAt]).toEqual([one.version, { k: 'v' }, one.createdAt])
      }
    }
    expect((await repo.versions(Note, 'n')).map(({ version }) => version)).toEqual([3, 2, 1])
    // The commit of a batch.
    proxy.breakAt('COMMIT', fault)
    const [first, second] = await repo.saveMany([new Note({ name: 'n', tags: { k: 'v' } }), new Note({ name: 'n' })])
    expect([first.version, second.version]).toEqual([4, 5])
    expect(proxy.broken()).toBe(3)
    proxy.breakAt('DELETE FROM "persistables"', fault)
    await repo.delete(Note, 'n@5')
    expect(proxy.broken()).toBe(4)
    expect(await repo.count(Note)).toBe(4)
  })

  // It lasts as long as a server that is gone is waited for.
  const whole = process.env['ALL_TESTS'] === '1' ? test : test.skip
  whole(
    'by all attempts: the error says that it may be saved, and saving the same draft again saves it once',
    async () => {
      const repo = await open({ url: proxy.url })
      const draft = new Note({ name: 'n' })
      const endless = setInterval(() => proxy.breakAt('INSERT INTO "persistables"', 'answer'), 1)
      proxy.breakAt('INSERT INTO "persistables"', 'answer')
      let error: PersistablesError
      try {
        error = await failure(repo.save(draft))
      } finally {
        clearInterval(endless)
      }
      expect([error.code, error.details['kind']]).toEqual(['DATABASE_FAILED', 'unreachable'])
      expect(error.message).toContain('may have been saved all the same')
      proxy.breakAt('nothing has this in it', 'before')
      const saved = await repo.save(draft)
      expect(saved.version).toBe(1)
      expect((await repo.versions(Note, 'n')).map(({ id }) => id)).toEqual([draft.id])
    },
    60_000,
  )

  test('inside a caller’s transaction nothing is retried', async () => {
    const repo = await open({ url: proxy.url })
    const work = transactions(repo).$transaction(async (tx) => {
      proxy.breakAt('INSERT INTO "persistables"', 'answer')
      return repo.using(tx).save(new Note({ name: 'n' }))
    })
    const error = await failure(work)
    expect(error.code).toBe('DATABASE_FAILED')
    expect(await repo.count(Note)).toBe(0)
  })
})

describe('behind a pooler in transaction mode', () => {
  let pooler: PgPooler
  beforeEach(async () => {
    pooler = await pgPooler(database.url, 3)
  })
  afterEach(() => pooler.close())

  test('everything works, whichever session a statement meets', async () => {
    const repo = await open({ url: pooler.url })
    const note = await repo.save(new Note({ name: 'parent' }))
    const saved = await Promise.all(
      upTo(40).map((i) => repo.save(new Model({ name: 'm', config: { rate: i }, parents: { note }, artifacts: { rows: [{ i }] } }))),
    )
    expect(sorted(saved.map(({ version }) => version))).toEqual(upTo(40))
    const ready = await repo.stageMany([new Note({ name: 'n' }), new Note({ name: 'n' })])
    const attempt = (undo: boolean) =>
      transactions(repo).$transaction(async (tx) => {
        const inside = await repo.using(tx).saveMany(ready)
        if (undo) throw new Undo()
        return inside.map(({ version }) => version)
      })
    await expect(attempt(true)).rejects.toThrow(Undo)
    expect(await attempt(false)).toEqual([1, 2])
    const loaded = await repo.load(Model, 'm@7')
    expect([await loaded.artifact('rows'), (await loaded.parent('note')).id]).toEqual([[{ i: loaded.config.rate }], note.id])
    expect(await repo.count()).toBe(43)
    expect(pooler.lent()).toBeGreaterThan(80)
    pooler.dropClients()
    expect((await repo.save(new Note({ name: 'n' }))).version).toBe(3)
  })

  test('a schema other than public needs no session', async () => {
    const { migrate } = await import('../src/migrate')
    const url = (base: string): string => `${base}?schema=some%20where`
    await migrate(url(database.url), { logger: { warn: () => {} } })
    const repo = await open({ url: url(pooler.url) })
    await Promise.all(upTo(20).map((i) => repo.save(new Note({ name: 'n', config: { i } }))))
    expect(await repo.count(Note)).toBe(20)
    await repo.delete(Note, 'n@20')
    expect((await repo.save(new Note({ name: 'n' }))).version).toBe(21)
    const { rows } = await sql('SELECT count(*)::int AS n FROM public.persistables')
    expect(rows).toEqual([{ n: 0 }])
  })
})

describe('a transaction of the caller’s', () => {
  // A pool of one connection: whatever left the transaction would wait for it for ever.
  const alone = { pool: { max: 1, connectionTimeoutMillis: 3000 } }

  test.each(['statements', 'models'] as const)('nothing of what using(tx) does leaves it (%s)', async (writes) => {
    const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: database.url, ...alone.pool }) })
    freed.push(() => prisma.$disconnect())
    const folder = await tempDir()
    const repo = createRepository({ client: prisma, types: [Note, Model], stores: [diskStore(join(folder, 'files'))], writes })
    const note = await repo.save(new Note({ name: 'parent', tags: { k: 'v' } }))
    const drafts = [
      new Model({ name: 'm', config: { rate: 1 }, parents: { note }, artifacts: { rows: [{ i: 1 }] }, tags: { t: '1' } }),
      new Model({ name: 'm', config: { rate: 2 }, parents: { note }, artifacts: { rows: [{ i: 2 }] } }),
    ] as const
    await repo.stageMany(drafts)
    const counts = async () =>
      (
        await sql(`SELECT (SELECT count(*)::int FROM persistables) AS rows, (SELECT count(*)::int FROM persistable_edges) AS edges,
        (SELECT count(*)::int FROM persistable_tags) AS tags, (SELECT count(*)::int FROM persistable_counters) AS counters`)
      ).rows
    const before = await counts()
    const attempt = (undo: boolean) =>
      prisma.$transaction(async (tx) => {
        const inside = repo.using(tx)
        await tx.$executeRawUnsafe('CREATE TABLE IF NOT EXISTS app (id int)')
        await tx.$executeRawUnsafe('INSERT INTO app VALUES (1)')
        const saved = await inside.save(drafts[0])
        await inside.saveMany([drafts[1], new Note({ name: 'n' })])
        expect((await inside.versions(Model, 'm')).map(({ version }) => version)).toEqual([2, 1])
        expect((await (await inside.load(Model, 'm@1')).parent('note')).id).toBe(note.id)
        expect(await inside.count()).toBe(4)
        expect((await inside.find({ where: { tags: { t: '1' } } })).length).toBe(1)
        await inside.delete(Note, 'n@1')
        expect(await inside.tryLoad(Note, 'n')).toBeNull()
        expect(await saved.artifact('rows')).toEqual([{ i: 1 }])
        if (undo) throw new Undo()
        return saved
      })
    await expect(attempt(true)).rejects.toThrow(Undo)
    expect(await counts()).toEqual(before)
    const saved = await attempt(false)
    expect(saved.version).toBe(1)
    // What was saved inside outlives the transaction.
    expect((await saved.parent('note')).id).toBe(note.id)
    expect((await repo.save(new Note({ name: 'n' }))).version).toBe(2)
    expect((await sql('SELECT count(*)::int AS n FROM app')).rows).toEqual([{ n: 1 }])
  })
})

describe('with read replicas', () => {
  test('the registry reads what it wrote; a repository on a replica reads the replica', async () => {
    // A replica that never hears of anything: whatever is read there would be missing.
    const replica = await createDatabase()
    freed.push(() => replica.drop())
    const client = (url: string) => new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) })
    const [primary, stale] = [client(database.url), client(replica.url)]
    freed.push(async () => Promise.all([primary.$disconnect(), stale.$disconnect()]))
    await sql('CREATE TABLE app (id int)')
    const folder = await tempDir()
    const stores = [diskStore(join(folder, 'files'))]
    const prisma = primary.$extends(readReplicas({ replicas: [stale] }))
    for (const writes of ['statements', 'models'] as const) {
      const name = `by ${writes}`
      const repo = createRepository({ client: prisma, types: [Note, Model], stores, writes })
      const saved = await repo.save(new Note({ name, tags: { k: 'v' } }))
      expect((await repo.load(Note, name)).id).toBe(saved.id)
      expect((await repo.load(Note, { hash: saved.hash })).id).toBe(saved.id)
      expect((await repo.find(Note, { where: { name, tags: { k: 'v' } } })).map(({ id }) => id)).toEqual([saved.id])
      const ready = await repo.stage(new Model({ name, config: { rate: 1 }, parents: { note: saved }, artifacts: { rows: [] } }))
      const model = await prisma.$transaction(async (tx) => repo.using(tx).save(ready))
      expect((await model.parent('note')).id).toBe(saved.id)
      expect((await failure(repo.delete(Note, `${name}@1`))).code).toBe('IN_USE')
    }
    expect(await prisma.persistable.count()).toBe(0)
    const reading = createRepository({ client: prisma.$replica(), types: [Note], stores })
    expect(await reading.count()).toBe(0)
  })
})
