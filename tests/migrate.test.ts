import { createHash } from 'node:crypto'
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { MIGRATIONS } from '../generated/migrations'
import { runPrisma } from '../scripts/prisma-cli'
import { type Connection, connect } from '../src/connect'
import { type Query, queryOf } from '../src/connect/driver'
import { withSqlite } from '../src/connect/sqlite'
import { isPersistablesError, type PersistablesError } from '../src/errors'
import { ensureSchema, type Migration, type MigrationStatus, migrate, migrationStatus } from '../src/migrate'
import { COLUMNS } from '../src/migrate/state'
import { runChild, runTogether } from './database-child'
import { createDatabase, onServer, type TestDatabase } from './postgres'
import { tempDir } from './support'

const notes: string[] = []
const logger = { warn: (message: string): void => void notes.push(message), info: (message: string): void => void notes.push(message) }
beforeEach(() => void notes.splice(0))

const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
const migration = (name: string, sql: string): Migration => ({ name, sql, checksum: hash(sql) })
const NEXT = migration(
  '20990101000000_next',
  'ALTER TABLE "persistables" ADD COLUMN "extra" TEXT;\n\n-- CreateIndex\nCREATE INDEX "extra_idx" ON "persistables"("extra");\n',
)
const sqlite = [...MIGRATIONS.sqlite, NEXT]
const names = MIGRATIONS.sqlite.map(({ name }) => name)
const last = names.at(-1) as string

const refused = async (work: Promise<unknown>): Promise<PersistablesError> => {
  const error = await work.then(
    () => new Error('it did not throw'),
    (thrown: unknown) => thrown,
  )
  if (!isPersistablesError(error)) throw error
  return error
}

const using = async <T>(url: string, work: (connection: Connection) => Promise<T>): Promise<T> => {
  const connection = await connect({ url, logger })
  try {
    return await work(connection)
  } finally {
    await connection.close()
  }
}
const opening = (url: string, migrations?: readonly Migration[]): Promise<unknown> =>
  using(url, (connection) => ensureSchema(connection, { apply: true, migrations }))
const status = (url: string, migrations?: readonly Migration[]): Promise<MigrationStatus> =>
  using(url, (connection) => migrationStatus(connection, migrations))
const sql = (file: string, script: string): Promise<void> => withSqlite(file, {}, (driver) => driver.executeScript(script))
const ask = (file: string, query: string): Promise<Record<string, unknown>[]> => withSqlite(file, {}, (driver) => queryOf(driver)(query))
const bytes = (file: string): string => hash(readFileSync(file, 'base64'))
const columnsOf = (rows: readonly Record<string, unknown>[]): Record<string, string[]> => {
  const found: Record<string, string[]> = {}
  for (const { table, column } of rows) (found[String(table)] ??= []).push(String(column))
  for (const columns of Object.values(found)) columns.sort()
  return found
}
const NEEDED = Object.fromEntries(Object.entries(COLUMNS).map(([table, columns]) => [table, [...columns].sort()]))

/** A database whose tables are ours but whose history is an application's. */
const ownTables = (history: readonly string[]): string =>
  `${MIGRATIONS.sqlite.map((one) => one.sql).join('\n')}
  CREATE TABLE "_prisma_migrations" ("id" TEXT PRIMARY KEY NOT NULL, "checksum" TEXT NOT NULL, "finished_at" DATETIME, "migration_name" TEXT NOT NULL,
    "logs" TEXT, "rolled_back_at" DATETIME, "started_at" DATETIME NOT NULL DEFAULT current_timestamp, "applied_steps_count" INTEGER UNSIGNED NOT NULL DEFAULT 0);
  ${history.map((name) => `INSERT INTO "_prisma_migrations" ("id", "checksum", "migration_name", "finished_at") VALUES ('${name}', 'abc', '${name}', current_timestamp);`).join('\n')}`

describe('a new SQLite file', () => {
  test('is made with its folder, holds exactly the columns that the code needs, and is current from then on', async () => {
    const file = join(await tempDir(), 'a', 'b', 'new.db')
    const url = `file:${file}`
    expect(await migrate(url, { logger, dryRun: true })).toEqual({ applied: names })
    expect(await status(url)).toMatchObject({ state: 'empty', applied: [], pending: names })
    expect(await opening(url)).toEqual({ applied: names })
    expect(await opening(url)).toEqual({ applied: [] })
    expect(await status(url)).toEqual({ state: 'current', applied: names, pending: [], unknown: [], missing: [] })
    expect(
      columnsOf(
        await ask(
          file,
          `SELECT m.name AS "table", c.name AS "column" FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.name LIKE 'persistable%' AND m.type = 'table'`,
        ),
      ),
    ).toEqual(NEEDED)
    expect(await ask(file, 'PRAGMA journal_mode')).toEqual([{ journal_mode: 'wal' }])
    expect(readdirSync(join(file, '..'))).toEqual(['new.db'])
  })

  test('of no bytes, and one that Prisma has looked at, are new as well', async () => {
    const folder = await tempDir()
    writeFileSync(join(folder, 'zero.db'), '')
    expect(await opening(`file:${join(folder, 'zero.db')}`)).toEqual({ applied: names })
    const looked = join(folder, 'looked.db')
    await sql(looked, `${ownTables([]).slice(ownTables([]).indexOf('CREATE TABLE "_prisma'))}`)
    expect(await status(`file:${looked}`)).toMatchObject({ state: 'empty' })
    expect(await opening(`file:${looked}`)).toEqual({ applied: names })
  })

  test('is opened by 8 processes at once, of which one makes it and all can use it', async () => {
    for (let round = 0; round < 2; round++) {
      const file = join(await tempDir(), 'shared.db')
      const answers = await runTogether(Array.from({ length: 8 }, () => ({ verb: 'open' as const, url: `file:${file}` })))
      expect(answers).toEqual(Array.from({ length: 8 }, () => ({ applied: expect.anything(), rows: 0, warnings: [] })))
      expect(answers.flatMap((answer) => (typeof answer === 'string' ? [] : (answer.applied ?? [])))).toEqual(names)
      expect(await ask(file, 'SELECT count(*) AS n FROM _prisma_migrations')).toEqual([{ n: names.length }])
    }
  })

  test('is opened by many callers of one process at once', async () => {
    const file = join(await tempDir(), 'shared.db')
    const done = await Promise.all(Array.from({ length: 12 }, () => migrate(`file:${file}`, { logger })))
    expect(done.flatMap(({ applied }) => applied)).toEqual(names)
  })

  test('is not made when migrating is not allowed', async () => {
    const file = join(await tempDir(), 'new.db')
    const error = await refused(using(`file:${file}`, (connection) => ensureSchema(connection, { apply: false })))
    expect(error.code).toBe('SCHEMA_MISSING')
    expect(error.message).toContain(`npx persistables migrate --url file:${file}`)
    expect((await refused(connect({ url: `file:${file}.other`, create: false, logger }))).code).toBe('SCHEMA_MISSING')
  })
})

describe('an outdated SQLite file', () => {
  const outdated = async (): Promise<string> => {
    const file = join(await tempDir(), 'old.db')
    await migrate(`file:${file}`, { logger })
    await sql(file, `INSERT INTO persistable_blobs (store, digest, size) VALUES ('disk', 'd', 3)`)
    return file
  }

  test('is brought up to date on opening, after a copy was kept', async () => {
    const file = await outdated()
    expect(await status(`file:${file}`, sqlite)).toMatchObject({ state: 'outdated', applied: names, pending: [NEXT.name] })
    expect(await migrate(`file:${file}`, { logger, migrations: sqlite, dryRun: true })).toEqual({ applied: [NEXT.name] })
    const backup = `${file}.before-${NEXT.name}.bak`
    expect(await opening(`file:${file}`, sqlite)).toEqual({ applied: [NEXT.name], backup })
    expect(notes.some((note) => note.includes(backup))).toBe(true)
    expect(await status(`file:${file}`, sqlite)).toMatchObject({ state: 'current', applied: [...names, NEXT.name] })
    expect(await status(`file:${backup}`)).toMatchObject({ state: 'current', applied: names })
    expect(await ask(backup, 'SELECT digest FROM persistable_blobs')).toEqual([{ digest: 'd' }])
    expect(await ask(backup, 'PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }])
  })

  test('never overwrites an older copy, and keeps none where none is wanted', async () => {
    const file = await outdated()
    const backup = `${file}.before-${NEXT.name}.bak`
    writeFileSync(backup, 'older')
    expect(await migrate(`file:${file}`, { logger, migrations: sqlite })).toEqual({ applied: [NEXT.name], backup: backup.replace(/bak$/, '2.bak') })
    expect(readFileSync(backup, 'utf8')).toBe('older')
    const other = await outdated()
    expect(await migrate(`file:${other}`, { logger, migrations: sqlite, backup: false })).toEqual({ applied: [NEXT.name] })
    expect(readdirSync(join(other, '..'))).toEqual([basename(other)])
  })

  test('is left as it was when no copy can be kept or a migration fails', async () => {
    const file = await outdated()
    const broken = migration('20990101000000_broken', 'ALTER TABLE "persistables" ADD COLUMN "x" TEXT; DROP TABLE "no_such_table";')
    const dangling = migration('20990101000000_dangling', `INSERT INTO persistable_tags (persistable_id, key, value) VALUES ('gone', 'k', 'v');`)
    for (const bad of [broken, dangling]) {
      expect((await refused(migrate(`file:${file}`, { logger, migrations: [...MIGRATIONS.sqlite, bad], backup: false }))).code).toMatch(
        /DATABASE_FAILED|SCHEMA_MISSING/,
      )
      expect(await status(`file:${file}`)).toMatchObject({ state: 'current' })
      expect(await ask(file, `SELECT name FROM pragma_table_info('persistables') WHERE name = 'x'`)).toEqual([])
    }
  })

  test('keeps rows that refer to a table which a migration makes anew', async () => {
    const file = await outdated()
    await sql(
      file,
      `INSERT INTO persistables (id, type, registered_name, version, hash, filepaths, metadata) VALUES ('p', 'T', 'T', 1, 'h', '{}', '{}');
       INSERT INTO persistable_tags (persistable_id, key, value) VALUES ('p', 'k', 'v');`,
    )
    // What Prisma writes for a column whose type changes.
    const remade = migration(
      '20990101000000_remade',
      `PRAGMA defer_foreign_keys=ON; PRAGMA foreign_keys=OFF;
       CREATE TABLE "new_persistables" AS SELECT * FROM "persistables"; DROP TABLE "persistables";
       ${MIGRATIONS.sqlite[0]?.sql.split('-- CreateTable')[1]}
       INSERT INTO "persistables" SELECT * FROM "new_persistables"; DROP TABLE "new_persistables";
       PRAGMA foreign_keys=ON; PRAGMA defer_foreign_keys=OFF;`,
    )
    await migrate(`file:${file}`, { logger, migrations: [...MIGRATIONS.sqlite, remade] })
    expect(await ask(file, 'SELECT persistable_id FROM persistable_tags')).toEqual([{ persistable_id: 'p' }])
  })

  test('is left whole or untouched by a process that is killed at any step', async () => {
    const steps = ['seen', 'locked', 'copied', `ran ${NEXT.name}`, `recorded ${NEXT.name}`, 'committed']
    for (const killAt of steps) {
      const file = await outdated()
      expect(await runChild({ verb: 'migrate', url: `file:${file}`, extra: NEXT, killAt })).toBe('SIGKILL')
      const { state, pending } = await status(`file:${file}`, sqlite)
      expect([killAt, state, pending]).toEqual(killAt === 'committed' ? [killAt, 'current', []] : [killAt, 'outdated', [NEXT.name]])
      await opening(`file:${file}`, sqlite)
      expect(await status(`file:${file}`, sqlite)).toMatchObject({ state: 'current' })
      expect(await ask(file, 'PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }])
      expect(await ask(file, 'SELECT digest FROM persistable_blobs')).toEqual([{ digest: 'd' }])
      for (const name of readdirSync(join(file, '..'))) expect(name).not.toMatch(/tmp/)
    }
  })
})

test('a process killed while it makes a new file leaves all of the schema or nothing of it', async () => {
  for (const killAt of ['seen', 'locked', 'copied', `ran ${last}`, `recorded ${last}`, 'committed']) {
    const file = join(await tempDir(), 'new.db')
    expect(await runChild({ verb: 'migrate', url: `file:${file}`, killAt })).toBe('SIGKILL')
    expect([killAt, (await status(`file:${file}`)).state]).toEqual([killAt, killAt === 'committed' ? 'current' : 'empty'])
    await opening(`file:${file}`)
    expect(await status(`file:${file}`)).toMatchObject({ state: 'current' })
  }
})

describe('a SQLite file that is not for us', () => {
  const untouched = async (file: string, code: string): Promise<PersistablesError> => {
    const files = (): string[] => readdirSync(join(file, '..')).filter((name) => name.startsWith(basename(file)) && !name.endsWith('-shm'))
    const before = files().map((name) => [name, bytes(join(file, '..', name))])
    const error = await refused(opening(`file:${file}`))
    expect(error.code).toBe(code)
    expect(error.message).toContain(file)
    expect((await refused(migrate(`file:${file}`, { logger }))).code).toBe(code)
    expect((await refused(migrate(`file:${file}`, { logger, dryRun: true }))).code).toBe(code)
    expect(files().map((name) => [name, bytes(join(file, '..', name))])).toEqual(before)
    return error
  }

  test('another application’s is refused and not changed by a byte, whatever its journal', async () => {
    const folder = await tempDir()
    const plain = join(folder, 'plain.db')
    await sql(plain, `CREATE TABLE users (id TEXT); INSERT INTO users VALUES ('u');`)
    expect((await untouched(plain, 'SCHEMA_FOREIGN')).fix).toContain('createRepository')
    const wal = join(folder, 'wal.db')
    await sql(wal, 'PRAGMA journal_mode=WAL; CREATE TABLE users (id TEXT)')
    await untouched(wal, 'SCHEMA_FOREIGN')
    // Left behind by a crash: what is in its -wal is not in the file yet.
    const crashed = join(folder, 'crashed.db')
    await withSqlite(wal, {}, async (driver) => {
      await driver.executeScript(`INSERT INTO users VALUES ('u')`)
      for (const suffix of ['', '-wal']) copyFileSync(wal + suffix, crashed + suffix)
    })
    await untouched(crashed, 'SCHEMA_FOREIGN')
    expect(await ask(crashed, 'SELECT id FROM users')).toEqual([{ id: 'u' }])
  })

  test('one that an application’s Prisma migrated, without our tables, is that application’s', async () => {
    const file = join(await tempDir(), 'app.db')
    await sql(file, ownTables(['20200101000000_app']).slice(ownTables([]).indexOf('CREATE TABLE "_prisma')))
    await untouched(file, 'SCHEMA_FOREIGN')
  })

  test('of a newer release is refused', async () => {
    const file = join(await tempDir(), 'newer.db')
    await migrate(`file:${file}`, { logger, migrations: sqlite })
    const error = await untouched(file, 'SCHEMA_NEWER')
    expect(error.message).toContain(NEXT.name)
    expect(error.details['unknown']).toEqual([NEXT.name])
    // Also when the newer release has only changed what no column shows.
    const quiet = join(await tempDir(), 'quiet.db')
    await migrate(`file:${quiet}`, {
      logger,
      migrations: [...MIGRATIONS.sqlite, migration('20990101000000_quiet', 'UPDATE persistable_registry SET id = 1;')],
    })
    await untouched(quiet, 'SCHEMA_NEWER')
  })

  test('with a migration that failed is refused with the command that resolves it', async () => {
    const file = join(await tempDir(), 'failed.db')
    await migrate(`file:${file}`, { logger })
    await sql(file, `INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ('x', 'y', '${NEXT.name}')`)
    expect((await untouched(file, 'SCHEMA_OUTDATED')).message).toContain(`npx prisma migrate resolve --rolled-back ${NEXT.name}`)
    await sql(file, `UPDATE _prisma_migrations SET rolled_back_at = 1 WHERE id = 'x'`)
    expect(await status(`file:${file}`)).toMatchObject({ state: 'current' })
  })

  test('that is damaged, or no database, says so and what to do', async () => {
    const folder = await tempDir()
    const junk = join(folder, 'junk.db')
    writeFileSync(junk, 'this is not a database, whatever its name says\n'.repeat(200))
    const error = await untouched(junk, 'DATABASE_FAILED')
    expect(error.details['kind']).toBe('corrupt')
    expect(error.fix).toContain('backup')
    const torn = join(folder, 'torn.db')
    await migrate(`file:${torn}`, { logger })
    const content = readFileSync(torn)
    writeFileSync(torn, content.fill(0xab, 100, 4096))
    expect((await untouched(torn, 'DATABASE_FAILED')).details['kind']).toBe('corrupt')
    writeFileSync(join(folder, 'short.db'), content.subarray(0, 50))
    expect((await untouched(join(folder, 'short.db'), 'DATABASE_FAILED')).details['kind']).toBe('corrupt')
  })
})

describe('tables that an application’s own migrations made', () => {
  test('are accepted when they have every column, from migrations or from db push, and beside tables of the application', async () => {
    const folder = await tempDir()
    const cases: Record<string, string> = {
      migrated: ownTables(['20200101000000_app', '20200201000000_registry']),
      pushed: MIGRATIONS.sqlite.map((one) => one.sql).join('\n'),
      'more.db': `${ownTables(['20200101000000_app'])}; CREATE TABLE users (id TEXT); ALTER TABLE persistable_tags ADD COLUMN note TEXT;`,
      'same-name': ownTables([last]),
    }
    for (const [name, script] of Object.entries(cases)) {
      const url = `file:${join(folder, name)}`
      await sql(join(folder, name), script)
      expect([name, await status(url)]).toEqual([name, expect.objectContaining({ state: 'custom', pending: [], missing: [] })])
      expect(await opening(url)).toEqual({ applied: [] })
      expect(await migrate(url, { logger })).toEqual({ applied: [] })
    }
  })

  test('are refused with what they lack', async () => {
    const file = join(await tempDir(), 'old-app.db')
    await sql(file, `${ownTables(['20200101000000_app'])}; DROP TABLE persistable_registry; ALTER TABLE persistables DROP COLUMN row_version;`)
    const error = await refused(opening(`file:${file}`))
    expect(error.code).toBe('SCHEMA_OUTDATED')
    expect(error.message).toContain('"persistables.row_version"')
    expect(error.message).toContain('prisma migrate dev')
    expect(error.details['missing']).toEqual([
      'persistables.row_version',
      'persistable_registry.id',
      'persistable_registry.registry_id',
      'persistable_registry.created_at',
    ])
  })

  test('stay accepted when our own migrations stand beside the application’s', async () => {
    const file = join(await tempDir(), 'both.db')
    await migrate(`file:${file}`, { logger })
    await sql(
      file,
      `CREATE TABLE users (id TEXT); INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at) VALUES ('a', 'b', '20300101000000_app', 1)`,
    )
    expect(await status(`file:${file}`)).toMatchObject({ state: 'custom', unknown: ['20300101000000_app'] })
    expect(await migrate(`file:${file}`, { logger, migrations: sqlite })).toMatchObject({ applied: [NEXT.name] })
  })
})

describe('Prisma’s own commands', () => {
  test('agree with a SQLite file that we made, and we with one that they made', async () => {
    const folder = await tempDir()
    const [ours, theirs] = [`file:${join(folder, 'ours.db')}`, `file:${join(folder, 'theirs.db')}`]
    await migrate(ours, { logger })
    const [mine, other] = await Promise.all([
      runPrisma(['migrate', 'status'], { provider: 'sqlite', url: ours }),
      runPrisma(['migrate', 'deploy'], { provider: 'sqlite', url: theirs }),
    ])
    expect(mine).toMatchObject({ code: 0, output: expect.stringContaining('up to date') })
    expect(other.code).toBe(0)
    expect(await status(theirs)).toMatchObject({ state: 'current', applied: names })
    expect(await opening(theirs)).toEqual({ applied: [] })
    expect(await ask(join(folder, 'theirs.db'), 'PRAGMA journal_mode')).toEqual([{ journal_mode: 'wal' }])
    const schema = `SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE '%prisma_migrations%' ORDER BY type, name`
    expect(await ask(join(folder, 'ours.db'), schema)).toEqual(await ask(join(folder, 'theirs.db'), schema))
  })

  test('agree with a PostgreSQL database that we made, and we with one that they made', async () => {
    const [ours, theirs] = await Promise.all([createDatabase({ empty: true }), createDatabase({ empty: true })])
    try {
      await migrate(ours.url, { logger })
      const [mine, other] = await Promise.all([
        runPrisma(['migrate', 'status'], { provider: 'postgresql', url: ours.url }),
        runPrisma(['migrate', 'deploy'], { provider: 'postgresql', url: theirs.url }),
      ])
      expect(mine).toMatchObject({ code: 0, output: expect.stringContaining('up to date') })
      expect(other.code).toBe(0)
      expect(await status(theirs.url)).toMatchObject({ state: 'current' })
      expect(await migrate(theirs.url, { logger })).toEqual({ applied: [] })
    } finally {
      await Promise.all([ours.drop(), theirs.drop()])
    }
  })
})

describe('PostgreSQL', () => {
  const next = migration(NEXT.name, NEXT.sql)
  const postgres = [...MIGRATIONS.postgresql, next]
  const have = MIGRATIONS.postgresql.map(({ name }) => name)
  let database: TestDatabase
  beforeEach(async () => {
    database = await createDatabase({ empty: true })
  })
  afterEach(() => database.drop())
  const run = (text: string): Promise<unknown> => onServer(database.url, (client) => client.query(text))
  const password = (): string => new URL(database.url).password
  const command = (): string => `npx persistables migrate --url postgresql://***@${new URL(database.url).host}${new URL(database.url).pathname}`

  test('is never migrated by opening: a missing or outdated schema is refused with the command to run', async () => {
    const missing = await refused(opening(database.url))
    expect(missing.code).toBe('SCHEMA_MISSING')
    await migrate(database.url, { logger })
    const outdated = await refused(opening(database.url, postgres))
    expect(outdated.code).toBe('SCHEMA_OUTDATED')
    expect(outdated.message).toContain(NEXT.name)
    for (const error of [missing, outdated]) {
      expect(error.message).toContain(command())
      expect(JSON.stringify([error.message, error.details, error.stack])).not.toContain(password())
    }
    expect(notes.join()).not.toContain(password())
  })

  test('is migrated once by many at a time, all of a migration or nothing of it', async () => {
    expect(await migrate(database.url, { logger, dryRun: true })).toEqual({ applied: have })
    const done = await Promise.all(Array.from({ length: 4 }, () => migrate(database.url, { logger })))
    expect(done.flatMap(({ applied }) => applied).sort()).toEqual(have)
    expect(await opening(database.url)).toEqual({ applied: [] })
    const broken = migration('20990101000000_broken', 'ALTER TABLE persistables ADD COLUMN x TEXT; DROP TABLE no_such_table;')
    expect((await refused(migrate(database.url, { logger, migrations: [...postgres, broken] }))).details['kind']).toBe('no-table')
    // The one before it stands, as with Prisma.
    expect(await status(database.url, postgres)).toMatchObject({ state: 'current' })
    const { rows } = await onServer(database.url, (client) =>
      client.query(`SELECT column_name FROM information_schema.columns WHERE table_name = 'persistables' AND column_name IN ('x', 'extra')`),
    )
    expect(rows).toEqual([{ column_name: 'extra' }])
    expect((await refused(opening(database.url))).code).toBe('SCHEMA_NEWER')
  })

  test('holds exactly the columns that the code needs', async () => {
    await migrate(database.url, { logger })
    const { rows } = await onServer(database.url, (client) =>
      client.query(`SELECT table_name AS "table", column_name AS "column" FROM information_schema.columns WHERE table_name LIKE 'persistable%'`),
    )
    expect(columnsOf(rows as Record<string, unknown>[])).toEqual(NEEDED)
  })

  test('works in a schema of its own, beside what others have in the same database', async () => {
    await run('CREATE TABLE users (id TEXT); CREATE TABLE _prisma_migrations (migration_name TEXT)')
    const url = `${database.url}?schema=own%20tables`
    expect(await migrate(url, { logger })).toEqual({ applied: have })
    await using(url, async (connection) => {
      expect(connection.schema).toBe('own tables')
      expect(await ensureSchema(connection, { apply: false })).toEqual({ applied: [] })
      const query: Query = async (text) => (await connection.client.$queryRawUnsafe(text)) as Record<string, unknown>[]
      expect(await query('SELECT count(*)::int AS n FROM "own tables".persistables')).toEqual([{ n: 0 }])
    })
  })

  test('leaves a database whose history is an application’s alone, and accepts one that has our tables', async () => {
    const history = `CREATE TABLE _prisma_migrations (id VARCHAR(36) PRIMARY KEY, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL,
      logs TEXT, rolled_back_at TIMESTAMPTZ, started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0);
      INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name) VALUES ('a', 'b', now(), '20200101000000_app')`
    await run(history)
    const error = await refused(opening(database.url))
    expect(error.code).toBe('SCHEMA_FOREIGN')
    expect(error.fix).toContain('?schema=')
    expect((await refused(migrate(database.url, { logger }))).code).toBe('SCHEMA_FOREIGN')
    for (const { sql: text } of MIGRATIONS.postgresql) await run(text)
    expect(await status(database.url)).toMatchObject({ state: 'custom' })
    expect(await opening(database.url)).toEqual({ applied: [] })
    await run('ALTER TABLE persistables DROP COLUMN row_version')
    expect((await refused(opening(database.url))).message).toContain('"persistables.row_version"')
    await run(`UPDATE _prisma_migrations SET finished_at = NULL`)
    expect((await refused(opening(database.url))).message).toContain('prisma migrate resolve')
  })
})
