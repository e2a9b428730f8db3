import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { rawOf } from '../src/client'
import { type Connection, type ConnectOptions, connect } from '../src/connect'
import { queryOf } from '../src/connect/driver'
import { withSqlite } from '../src/connect/sqlite'
import { targetOf } from '../src/connect/target'
import { isPersistablesError, type PersistablesError } from '../src/errors'
import { databaseFailure, failureKind } from '../src/failure'
import { ensureSchema, migrate } from '../src/migrate'
import { type ChildAnswer, runChild } from './database-child'
import { createDatabase, type TestDatabase } from './postgres'
import { tempDir } from './support'

const warnings: string[] = []
const logger = { warn: (message: string): void => void warnings.push(message) }
beforeEach(() => void warnings.splice(0))

const using = async <T>(options: Omit<ConnectOptions, 'logger'>, work: (connection: Connection) => Promise<T>): Promise<T> => {
  const connection = await connect({ ...options, logger })
  try {
    return await work(connection)
  } finally {
    await connection.close()
  }
}

const thrown = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => new Error('it did not throw'),
    (error: unknown) => error,
  )

const refused = async (work: Promise<unknown>): Promise<PersistablesError> => {
  const error = await thrown(work)
  if (!isPersistablesError(error)) throw error
  return error
}

/** Everything of an error that could reach a log: its own and its causes' messages, stacks and properties. */
const everything = (error: unknown): string => {
  const parts = [inspect(error, { depth: 20, showHidden: true })]
  for (let at: unknown = error; at instanceof Error; at = at.cause) parts.push(at.message, String(at), at.stack ?? '', JSON.stringify(at))
  return parts.join('\n')
}

describe('a url', () => {
  test.each([
    ['file:data/x.db', '/app/data/x.db'],
    ['file:./data/x.db', '/app/data/x.db'],
    ['file:../x.db?connection_limit=1', '/x.db'],
    ['file:/var/x.db', '/var/x.db'],
    ['file:///var/my%20data/x.db', '/var/my data/x.db'],
    ['file:/var/my%20data/x.db', '/var/my%20data/x.db'],
    ['FILE:x.db', '/app/x.db'],
  ])('%s is the file %s', (url, file) => {
    expect(targetOf(url, '/app')).toEqual({ provider: 'sqlite', file, shown: `file:${file}` })
  })

  test('without one the file is beside the nearest package.json, or in the folder itself where there is none', async () => {
    const folder = await tempDir()
    mkdirSync(join(folder, 'src', 'deep'), { recursive: true })
    expect(targetOf(undefined, join(folder, 'src', 'deep'))).toMatchObject({ file: join(folder, 'src', 'deep', '.persistables', 'registry.db') })
    writeFileSync(join(folder, 'package.json'), '{}')
    await using({ cwd: join(folder, 'src', 'deep') }, async (connection) => {
      const root = join(folder, '.persistables')
      expect(connection).toMatchObject({
        provider: 'sqlite',
        root,
        file: join(root, 'registry.db'),
        url: `file:${join(root, 'registry.db')}`,
        readOnly: false,
        schema: undefined,
      })
      expect(existsSync(root)).toBe(true)
    })
    expect(targetOf('file:data/x.db', folder)).toMatchObject({ file: join(folder, 'data', 'x.db') })
  })

  test.each([
    'mysql://u:s3cret@h/x',
    './x.db',
    'x.db',
    '',
    'file:',
    'file::memory:',
    'file://host/x.db',
    'file:x.db ',
    'file:x\0.db',
    'postgresql://u:s3/cret@h/x',
    'postgresql://u:1/s3cret@h/x',
    'postgresql://u:s3#cret@h/x',
    'postgresql://u:s3cret@h/x?schema=a%22b',
  ])('%j is refused with what is supported, and not repeated', async (url) => {
    const error = await refused(connect({ url, logger }))
    expect(error.code).toBe('INVALID_OPTION')
    expect(error.message).toMatch(/file:<path>|Percent-encode|double quote/)
    expect(everything(error)).not.toMatch(/s3cret|cret@/)
  })

  test('shows neither user, password nor parameters', () => {
    expect(targetOf('postgres://bob:p%40ss@db.example:6543/app?schema=a%20b&password=s3cret&sslpassword=s3cret', '/').shown).toBe(
      'postgresql://***@db.example:6543/app?schema=a%20b',
    )
    expect(targetOf('postgresql://db.example/app', '/').shown).toBe('postgresql://db.example/app')
  })
})

describe('SQLite', () => {
  const made = async (): Promise<string> => {
    const file = join(await tempDir(), 'registry.db')
    await migrate(`file:${file}`, { logger })
    return file
  }
  const pragmas = async ({ client }: Connection): Promise<unknown[]> => {
    const raw = rawOf(client)
    const answers = []
    for (const name of ['synchronous', 'foreign_keys', 'journal_mode', 'busy_timeout']) {
      const rows = await raw.$queryRawUnsafe<Record<string, unknown>[]>(`PRAGMA ${name}`)
      answers.push(Object.values(rows[0] ?? {}).map(String)[0])
    }
    return answers
  }

  test('the client’s own connection has synchronous=FULL, foreign keys, WAL and a short timeout, and one opened anew has too', async () => {
    await using({ url: `file:${await made()}` }, async (connection) => {
      const expected = ['2', '1', 'wal', '200']
      expect(await pragmas(connection)).toEqual(expected)
      await connection.client.$disconnect()
      expect(await pragmas(connection)).toEqual(expected)
    })
  })

  test('connecting does not touch what is in the file', async () => {
    const file = await made()
    const before = readFileSync(file)
    await using({ url: `file:${file}` }, async () => {})
    expect(readFileSync(file).equals(before)).toBe(true)
    expect(readdirSync(join(file, '..'))).toEqual(['registry.db'])
    const missing = join(await tempDir(), 'none.db')
    await using({ url: `file:${missing}` }, async () => {})
    expect(existsSync(missing)).toBe(false)
  })

  test('a folder, or a path through a file, is refused by name', async () => {
    const folder = await tempDir()
    expect((await refused(connect({ url: `file:${folder}`, logger }))).message).toContain(`${folder} is not a file`)
    writeFileSync(join(folder, 'a'), '')
    const error = await refused(connect({ url: `file:${join(folder, 'a', 'b', 'x.db')}`, logger }))
    expect(error.code).toBe('DATABASE_FAILED')
    expect(error.message).toContain(join(folder, 'a', 'b'))
  })

  test('may be closed twice', async () => {
    const connection = await connect({ url: `file:${await made()}`, logger })
    await Promise.all([connection.close(), connection.close()])
    await connection.close()
  })
})

// Permissions do not bind root, so then a child is somebody else.
const user = process.getuid?.() === 0 ? 65534 : undefined
const childOf = async (file: string, temporary?: string): Promise<ChildAnswer> => {
  const answer = await runChild({
    verb: 'read',
    url: `file:${file}`,
    ...(user !== undefined && { user }),
    ...(temporary !== undefined && { temporary }),
  })
  if (typeof answer === 'string') throw new Error(`the child ended by ${answer}`)
  return answer
}
const posix = process.platform === 'win32' ? describe.skip : describe

posix('a folder that cannot be written', () => {
  const locked: string[] = []
  const lock = (folder: string): void => {
    for (const name of readdirSync(folder)) chmodSync(join(folder, name), 0o444)
    chmodSync(folder, 0o555)
    locked.push(folder)
  }
  afterEach(async () => {
    await Promise.all(locked.splice(0).map((folder) => chmod(folder, 0o755)))
  })
  const folderWith = async (script = ''): Promise<string> => {
    const folder = await tempDir()
    await migrate(`file:${join(folder, 'x.db')}`, { logger })
    await withSqlite(join(folder, 'x.db'), {}, (driver) =>
      driver.executeScript(`INSERT INTO persistable_blobs (store, digest, size) VALUES ('disk', 'd', 1); ${script}`),
    )
    return folder
  }

  test('can be read, from a copy where SQLite needs files beside a WAL database, and saving says READ_ONLY', async () => {
    const folder = await folderWith()
    lock(folder)
    const temporary = await tempDir()
    await chmod(temporary, 0o777)
    const answer = await childOf(join(folder, 'x.db'), temporary)
    expect(answer).toMatchObject({ readOnly: true, blobs: 1, code: 'READ_ONLY' })
    expect(answer.warnings).toEqual([expect.stringContaining('a copy of it')])
    expect(readdirSync(folder)).toEqual(['x.db'])
    expect(readdirSync(temporary)).toEqual([])
  })

  test('can be read as it is with a rollback journal', async () => {
    const folder = await folderWith('PRAGMA journal_mode=DELETE')
    lock(folder)
    const answer = await childOf(join(folder, 'x.db'))
    expect(answer).toMatchObject({ readOnly: true, blobs: 1, code: 'READ_ONLY' })
    expect(answer.warnings).toEqual([expect.stringContaining('opened for reading')])
  })

  test('can be read while somebody writes, and after a writer died, with all that was written', async () => {
    const folder = await folderWith()
    const crashed = await tempDir()
    await withSqlite(join(folder, 'x.db'), {}, async (driver) => {
      await driver.executeScript(`INSERT INTO persistable_blobs (store, digest, size) VALUES ('disk', 'e', 1)`)
      for (const suffix of ['', '-wal']) copyFileSync(join(folder, `x.db${suffix}`), join(crashed, `x.db${suffix}`))
      lock(folder)
      expect(await childOf(join(folder, 'x.db'))).toMatchObject({ readOnly: true, blobs: 2, code: 'READ_ONLY' })
      await chmod(folder, 0o755)
    })
    lock(crashed)
    expect(await childOf(join(crashed, 'x.db'))).toMatchObject({ readOnly: true, blobs: 2, code: 'READ_ONLY' })
  })

  test('cannot get a new file or folder, or be read without permission: each is refused by its path', async () => {
    const folder = await folderWith()
    lock(folder)
    for (const [path, code] of [
      [join(folder, 'new.db'), 'READ_ONLY'],
      [join(folder, 'sub', 'new.db'), 'READ_ONLY'],
    ] as const) {
      const answer = await childOf(path)
      expect(answer).toMatchObject({ error: code })
      expect(answer.message).toContain(folder)
    }
    chmodSync(join(folder, 'x.db'), 0o000)
    expect(await childOf(join(folder, 'x.db'))).toMatchObject({ error: 'DATABASE_FAILED', message: expect.stringContaining(join(folder, 'x.db')) })
  })
})

describe('PostgreSQL', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createDatabase()
  })
  afterAll(() => database.drop())
  const variant = (change: (url: URL) => void): string => {
    const url = new URL(database.url)
    change(url)
    return url.href
  }

  test('is connected with what the url and the pool say', async () => {
    await using(
      { url: database.url, pool: { max: 1, statement_timeout: 300, application_name: 'the app' } },
      async ({ client, root, file, url, provider, ...rest }) => {
        expect({ root, file, provider, schema: rest.schema, readOnly: rest.readOnly }).toEqual({
          root: null,
          file: null,
          provider: 'postgresql',
          schema: undefined,
          readOnly: false,
        })
        expect(url).toBe(`postgresql://***@${new URL(database.url).host}${new URL(database.url).pathname}`)
        expect(await rawOf(client).$queryRawUnsafe(`SELECT current_setting('application_name') AS n`)).toEqual([{ n: 'the app' }])
        const error = await thrown(Promise.resolve(rawOf(client).$queryRawUnsafe('SELECT 1 FROM pg_sleep(10)')))
        expect(databaseFailure(error, 'waiting').message).toContain('statement timeout')
        expect(await client.persistable).toBeDefined()
      },
    )
    await using({ url: database.url }, (connection) => ensureSchema(connection, { apply: false }))
  })

  test('knows the schema of the url, and sets nothing for a session: a pooler gives it to others', async () => {
    await using({ url: `${database.url}?schema=some%20where`, pool: { max: 3 } }, async ({ client, schema }) => {
      expect(schema).toBe('some where')
      const paths = await Promise.all(
        Array.from({ length: 6 }, () => rawOf(client).$queryRawUnsafe<{ p: string }[]>(`SELECT current_setting('search_path') AS p`)),
      )
      expect(new Set(paths.map(([row]) => row?.p))).toEqual(new Set(['"$user", public']))
    })
  })

  test('that cannot be reached or refuses says what to check, and no secret anywhere', async () => {
    const silent = createServer((socket) => void socket.resume())
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const port = String((silent.address() as { port: number }).port)
    const closed = createServer()
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve))
    const nobody = String((closed.address() as { port: number }).port)
    await new Promise((resolve) => closed.close(resolve))
    const cases: [string, string, number?][] = [
      [variant((url) => Object.assign(url, { password: 'wr0ng-s3cret' })), 'denied'],
      [variant((url) => Object.assign(url, { username: 'nobody' })), 'denied'],
      [variant((url) => Object.assign(url, { pathname: '/no_such_database' })), 'no-database'],
      [variant((url) => Object.assign(url, { port: nobody })), 'unreachable'],
      [variant((url) => Object.assign(url, { hostname: 'no-such-host.invalid' })), 'unreachable'],
      [variant((url) => Object.assign(url, { port })), 'unreachable', 200],
    ]
    try {
      for (const [url, kind, connectionTimeoutMillis] of cases) {
        const attempts = [
          connect({ url, logger, ...(connectionTimeoutMillis && { pool: { connectionTimeoutMillis } }) }),
          migrate(url, { logger, ...(connectionTimeoutMillis && { pool: { connectionTimeoutMillis } }) }),
        ]
        for (const error of await Promise.all(attempts.map(refused))) {
          expect([kind, error.code, error.details['kind']]).toEqual([kind, 'DATABASE_FAILED', kind])
          expect(error.message).toContain(new URL(url).hostname)
          expect(error.fix).toMatch(/^(Check|Create) /)
          expect(error.message).not.toMatch(/N\/A|invocation/)
          const all = everything(error)
          for (const secret of [new URL(url).password, new URL(database.url).password]) expect(all).not.toContain(secret)
        }
      }
    } finally {
      await new Promise((resolve) => silent.close(resolve))
    }
  })

  test('needs its packages, and says how to install them', async () => {
    jest.resetModules()
    jest.doMock('@prisma/adapter-pg', () => {
      throw Object.assign(new Error("Cannot find module '@prisma/adapter-pg'"), { code: 'MODULE_NOT_FOUND' })
    })
    try {
      const fresh: typeof import('../src/connect') = require('../src/connect')
      const error = await refused(fresh.connect({ url: database.url, logger }))
      expect(error.code).toBe('MISSING_DEPENDENCY')
      expect(error.message).toContain('npm install @prisma/adapter-pg pg')
      expect(everything(error)).not.toContain(new URL(database.url).password)
    } finally {
      jest.dontMock('@prisma/adapter-pg')
    }
  })
})

describe('the kind of a failure', () => {
  test('is found in what the driver itself throws', async () => {
    const folder = await tempDir()
    const file = join(folder, 'x.db')
    await withSqlite(file, {}, (driver) => driver.executeScript('CREATE TABLE t (a TEXT NOT NULL UNIQUE)'))
    const kind = async (script: string, readonly = false): Promise<string> =>
      failureKind(await thrown(withSqlite(file, { readonly }, (driver) => driver.executeScript(script))))
    expect(await kind('SELECT * FROM missing')).toBe('no-table')
    expect(await kind('INSERT INTO t VALUES (NULL)')).toBe('null')
    expect(await kind(`INSERT INTO t VALUES ('a'), ('a')`)).toBe('unique')
    expect(await kind(`INSERT INTO t VALUES ('a')`, true)).toBe('read-only')
    expect(failureKind(await thrown(withSqlite(join(folder, 'none.db'), { readonly: true }, (driver) => queryOf(driver)('SELECT 1'))))).toBe(
      'read-only',
    )
    await withSqlite(file, {}, async (driver) => {
      await driver.executeScript('BEGIN IMMEDIATE')
      expect(failureKind(await thrown(withSqlite(file, { timeout: 1 }, (other) => other.executeScript('BEGIN IMMEDIATE'))))).toBe('busy')
      await driver.executeScript('ROLLBACK')
    })
  })
})
