import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Driver, type DriverFactory, execute, queryOf } from '../connect/driver'
import { retryBusy } from '../connect/retry'
import { syncFolder, withSqlite } from '../connect/sqlite'
import { PersistablesError, reason } from '../errors'
import { databaseFailure } from '../failure'
import type { Logger } from '../types'
import { inspect, peek, qualified } from './inspect'
import type { Migration, MigrationStatus } from './state'

/** How migrations are applied. */
export interface ApplyOptions {
  readonly migrations: readonly Migration[]
  readonly logger: Logger
  /** whether a copy of a SQLite file is kept before it changes */
  readonly backup: boolean
  /** throws for a database that must not be migrated; called under the lock, before anything changes */
  readonly guard: (status: MigrationStatus) => void
  /** milliseconds to wait for other processes */
  readonly limit: number
  /** called between the steps of the work on a SQLite file; what it throws undoes all of them */
  readonly onStep?: ((step: string) => void) | undefined
}

/** What was done. */
export interface Applied {
  /** names, in order; none when another process was first */
  readonly applied: readonly string[]
  /** absolute path of the copy that was kept */
  readonly backup?: string
}

// The statements by which Prisma's own engine makes its table, so that its commands accept what we made.
const SQLITE_HISTORY = `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
    "id"                    TEXT PRIMARY KEY NOT NULL,
    "checksum"              TEXT NOT NULL,
    "finished_at"           DATETIME,
    "migration_name"        TEXT NOT NULL,
    "logs"                  TEXT,
    "rolled_back_at"        DATETIME,
    "started_at"            DATETIME NOT NULL DEFAULT current_timestamp,
    "applied_steps_count"   INTEGER UNSIGNED NOT NULL DEFAULT 0
)`

const postgresHistory = (schema: string | undefined): string => `CREATE TABLE IF NOT EXISTS ${qualified('_prisma_migrations', schema)} (
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             TIMESTAMPTZ,
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          TIMESTAMPTZ,
    started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count     INTEGER NOT NULL DEFAULT 0
)`

/**
 * Brings a SQLite file up to date in one transaction under the file's own write lock: a process that dies leaves either all or nothing of it, and of
 * processes that come at once the first works and the others find it done. Sets WAL, for good.
 */
export async function applySqlite(file: string, options: ApplyOptions): Promise<Applied> {
  const { limit } = options
  const seen = await peek(file, options.migrations)
  if (seen !== null) options.guard(seen)
  // A short timeout: somebody in this very process may hold the lock, and a synchronous wait would keep it from going on.
  return withSqlite(file, { timeout: 50, limit }, async (driver) => {
    const query = queryOf(driver)
    options.guard(await retryBusy(() => inspect(query, 'sqlite', options.migrations), limit))
    options.onStep?.('seen')
    await useWal(driver, limit, options.logger, file)
    // Not possible inside a transaction, and without it a migration that remakes a table would delete the rows that refer to it.
    await execute(driver, 'PRAGMA foreign_keys=OFF')
    await retryBusy(() => driver.executeScript('BEGIN IMMEDIATE'), limit)
    try {
      const done = await applyLocked(driver, file, options)
      // In WAL mode nobody can stand in the way of a commit; where the file system has no WAL, readers can.
      await retryBusy(() => driver.executeScript('COMMIT'), limit)
      options.onStep?.('committed')
      return done
    } catch (error) {
      // After some failures SQLite has rolled back by itself, and says so.
      await driver.executeScript('ROLLBACK').catch(() => {})
      throw error
    }
  })
}

async function applyLocked(driver: Driver, file: string, options: ApplyOptions): Promise<Applied> {
  const { migrations, onStep } = options
  const query = queryOf(driver)
  const status = await inspect(query, 'sqlite', migrations)
  options.guard(status)
  onStep?.('locked')
  const first = status.pending[0]
  if (first === undefined) return { applied: [] }
  const backup = options.backup && status.applied.length > 0 ? await keepCopy(file, first, options) : undefined
  onStep?.('copied')
  const violations = async (): Promise<number> => Number((await query('SELECT count(*) AS "n" FROM pragma_foreign_key_check'))[0]?.['n'])
  const before = await violations()
  await driver.executeScript(SQLITE_HISTORY)
  for (const { name, checksum, sql } of migrations.filter((migration) => status.pending.includes(migration.name))) {
    const started = BigInt(Date.now())
    await driver.executeScript(sql)
    onStep?.(`ran ${name}`)
    // Milliseconds: how Prisma's own binary keeps DateTime in SQLite.
    await execute(
      driver,
      'INSERT INTO "_prisma_migrations" ("id", "checksum", "finished_at", "migration_name", "logs", "rolled_back_at", "started_at", "applied_steps_count") ' +
        'VALUES (?, ?, ?, ?, NULL, NULL, ?, 1)',
      [randomUUID(), checksum, BigInt(Date.now()), name, started],
    )
    onStep?.(`recorded ${name}`)
  }
  if ((await violations()) > before) throw new Error('a migration left rows that refer to rows which are gone')
  return { applied: status.pending, ...(backup !== undefined && { backup }) }
}

/** Makes WAL the file's journal. Where the file system cannot share memory, the file keeps its rollback journal: slower, no less safe. */
export async function useWal(driver: Pick<Driver, 'queryRaw'>, limit: number, logger: Logger, file: string): Promise<void> {
  // The change needs the file to itself for a moment, and fails rather than waits.
  const rows = await retryBusy(() => queryOf(driver)('PRAGMA journal_mode=WAL'), limit)
  const mode = String(rows[0]?.['journal_mode'])
  if (mode !== 'wal')
    logger.warn(`SQLite cannot use write-ahead logging on ${file}; many writers at once will be slow.`, { path: file, journal: mode })
}

// On a second connection, since VACUUM cannot run in a transaction. The lock that the first one holds lets it read and keeps every writer out, so
// the copy is exactly what is about to be changed.
async function keepCopy(file: string, migration: string, { limit, logger }: ApplyOptions): Promise<string> {
  const base = `${file}.before-${migration}`
  let path = `${base}.bak`
  for (let n = 2; existsSync(path); n++) path = `${base}.${n}.bak`
  const unfinished = `${base}.tmp`
  try {
    await rm(unfinished, { force: true })
    await withSqlite(file, { limit }, async (reader) => execute(reader, 'VACUUM INTO ?', [unfinished]))
    const handle = await open(unfinished, 'r+')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(unfinished, path)
    await syncFolder(dirname(path))
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => {})
    throw new PersistablesError('DATABASE_FAILED', `The database ${file} was not migrated, since no copy of it could be kept: ${reason(error)}.`, {
      fix: 'Free disk space or give write access to its folder, then try again; or migrate without a copy: `npx persistables migrate --no-backup`.',
      details: { path: file, backup: path },
      cause: error,
    })
  }
  logger.info?.(`Kept a copy of the database before migration ${migration}: ${path}`, { path: file, backup: path })
  return path
}

/** Brings a PostgreSQL schema up to date: each migration in a transaction of its own, under the lock that Prisma's own commands take. */
export async function applyPostgres(factory: DriverFactory, schema: string | undefined, options: ApplyOptions): Promise<Applied> {
  const driver = await factory.connect()
  const applied: string[] = []
  try {
    for (;;) {
      const name = await applyNext(driver, schema, options)
      if (name === undefined) return { applied }
      applied.push(name)
    }
  } finally {
    await driver.dispose()
  }
}

async function applyNext(driver: Driver, schema: string | undefined, { migrations, guard, limit }: ApplyOptions): Promise<string | undefined> {
  const session = await driver.startTransaction()
  let name: string | undefined
  try {
    await execute(session, `SET LOCAL lock_timeout = ${limit}; SET LOCAL statement_timeout = 0`)
    await execute(session, 'SELECT pg_advisory_xact_lock(72707369)')
    if (schema !== undefined) {
      await execute(session, `CREATE SCHEMA IF NOT EXISTS ${qualified(schema, undefined)}; SET LOCAL search_path TO ${qualified(schema, undefined)}`)
    }
    // Before the look at it, since a failed statement would end the transaction.
    await execute(session, postgresHistory(schema))
    const status = await inspect(queryOf(session), 'postgresql', migrations, schema)
    guard(status)
    const next = migrations.find((migration) => status.pending.includes(migration.name))
    if (next !== undefined) {
      await execute(session, next.sql)
      await execute(
        session,
        `INSERT INTO ${qualified('_prisma_migrations', schema)} (id, checksum, finished_at, migration_name, started_at, applied_steps_count) ` +
          'VALUES ($1, $2, clock_timestamp(), $3, now(), 1)',
        [randomUUID(), next.checksum, next.name],
      )
      name = next.name
    }
    await execute(session, name === undefined ? 'ROLLBACK' : 'COMMIT')
    await session.commit()
    return name
  } catch (error) {
    await execute(session, 'ROLLBACK').catch(() => {})
    await session.rollback()
    throw databaseFailure(error, name === undefined ? 'migrating' : `migrating to ${name}`)
  }
}
