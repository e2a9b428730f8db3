import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { type PersistableTransaction, type Provider, rawOf } from './client'
import type { Connection, PoolOptions } from './connect'
import { type Query, queryOf } from './connect/driver'
import { postgresFactory, type Secret, secretOf } from './connect/postgres'
import { retryBusy } from './connect/retry'
import { openableSqlite, withSqlite } from './connect/sqlite'
import { type PostgresTarget, type SqliteTarget, type Target, targetOf } from './connect/target'
import { PersistablesError } from './errors'
import { databaseFailure, failureKind } from './failure'
import { type Applied, type ApplyOptions, applyPostgres, applySqlite, useWal } from './migrate/apply'
import { type Place, refusal } from './migrate/explain'
import { inspect, peek } from './migrate/inspect'
import type { Migration, MigrationStatus } from './migrate/state'
import type { Logger } from './types'

export type { Applied } from './migrate/apply'
export type { Migration, MigrationStatus, SchemaState } from './migrate/state'

/** Milliseconds to wait for other processes that migrate the same database. */
const PATIENCE = 30_000

/** What {@link migrationStatus} needs of a connection. */
export interface Inspectable {
  readonly client: PersistableTransaction
  readonly provider: Provider
  readonly schema?: string | undefined
  /** absolute path of a SQLite file, if known */
  readonly file?: string | null
  readonly readOnly?: boolean
  /** redacted, for messages */
  readonly url?: string
}

async function known(provider: Provider): Promise<readonly Migration[]> {
  const { MIGRATIONS } = await import('../generated/migrations')
  return MIGRATIONS[provider]
}

/**
 * What the database's schema is to this release. Changes nothing; one statement where the schema is current.
 *
 * @param migrations - of the release. @defaultValue this package's
 * @throws DATABASE_FAILED - the database cannot be read, for example since the file is damaged or is no database
 * @example
 * (await migrationStatus(connection)).state // 'current'
 */
export async function migrationStatus(connection: Inspectable, migrations?: readonly Migration[]): Promise<MigrationStatus> {
  const { client, provider, schema, file } = connection
  const all = migrations ?? (await known(provider))
  const ask: Query = async (sql) => rawOf(client).$queryRawUnsafe(sql)
  const seen = typeof file === 'string' && connection.readOnly !== true ? await peek(file, all) : null
  if (seen !== null) return seen
  return failingAs(`looking at the schema of ${connection.url ?? 'the database'}`, () => retryBusy(() => inspect(ask, provider, all, schema), 5000))
}

async function failingAs<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw databaseFailure(error, doing)
  }
}

/** How a schema is made ready. */
export interface EnsureOptions {
  /** whether pending migrations of an embedded database are applied; those of a server never are */
  readonly apply: boolean
  /** whether a copy of the file is kept before anything but the first migration. @defaultValue true */
  readonly backup?: boolean | undefined
  /** @defaultValue this package's */
  readonly migrations?: readonly Migration[] | undefined
}

/**
 * Makes sure that a repository can work on the connection: applies what is pending to an embedded file, refuses everything else with the
 * command to run. Does not close the connection when it throws.
 *
 * @throws SCHEMA_MISSING, SCHEMA_OUTDATED, SCHEMA_NEWER, SCHEMA_FOREIGN - with what to do
 * @throws DATABASE_FAILED - the file is damaged or no database, or stayed locked for 30 s
 */
export async function ensureSchema(connection: Connection, options: EnsureOptions): Promise<Applied> {
  const { provider, file, readOnly, logger } = connection
  const migrations = options.migrations ?? (await known(provider))
  const status = await migrationStatus(connection, migrations)
  const applying = options.apply && file !== null && !readOnly
  const refused = refusal(status, connection, applying)
  if (refused !== undefined) throw refused
  if (file === null || readOnly) return { applied: [] }
  if (status.state === 'current' || status.state === 'custom') {
    await keepWal(connection, file)
    return { applied: [] }
  }
  return migrateSqlite({ provider: 'sqlite', file, shown: connection.url }, { logger, migrations, backup: options.backup ?? true })
}

// A file that Prisma's own commands made has a rollback journal.
async function keepWal({ client, logger }: Connection, file: string): Promise<void> {
  if (existsSync(`${file}-wal`)) return
  const raw = rawOf(client)
  const rows = await failingAs(`opening file:${file}`, () =>
    retryBusy(async () => raw.$queryRawUnsafe<{ journal_mode: string }[]>('PRAGMA journal_mode'), 5000),
  )
  if (rows[0]?.journal_mode === 'wal') return
  await withSqlite(file, {}, (driver) => useWal(driver, 5000, logger, file)).catch((error: unknown) => {
    // Somebody keeps the file busy; it works as it is, and the next one to open it tries again.
    if (failureKind(error) !== 'busy') throw databaseFailure(error, `opening file:${file}`)
  })
}

/** How {@link migrate} works. */
export interface MigrateOptions {
  readonly logger: Logger
  /** where relative paths begin. @defaultValue the process's working directory */
  readonly cwd?: string | undefined
  /** whether a copy of a SQLite file is kept before anything but its first migration. @defaultValue true */
  readonly backup?: boolean | undefined
  /** only say what would be applied. @defaultValue false */
  readonly dryRun?: boolean | undefined
  /** PostgreSQL only */
  readonly pool?: PoolOptions | undefined
  /** @defaultValue this package's */
  readonly migrations?: readonly Migration[] | undefined
  /** For tests: called between the steps of the work on a SQLite file. */
  readonly onStep?: ((step: string) => void) | undefined
}

/**
 * Brings a database's schema up to date, as `prisma migrate deploy` would, and so that Prisma's own commands agree with it afterwards. A SQLite file
 * is made if there is none, and copied to `<file>.before-<migration>.bak` before anything but its first migration.
 *
 * @param url - as of {@link ConnectOptions}
 * @returns the names that were applied (or would be, with `dryRun`)
 * @throws SCHEMA_OUTDATED, SCHEMA_NEWER, SCHEMA_FOREIGN - it is not for this release's migrations; nothing was changed
 * @throws READ_ONLY, DATABASE_FAILED, MISSING_DEPENDENCY, INVALID_OPTION
 * @example
 * await migrate('file:./registry.db', { logger: console }) // { applied: ['20260101000000_init'] }
 */
export async function migrate(url: Secret | undefined, options: MigrateOptions): Promise<Applied> {
  const given = typeof url === 'function' ? await secretOf('url', url) : url
  const target = targetOf(given, resolve(options.cwd ?? '.'))
  const migrations = options.migrations ?? (await known(target.provider))
  if (options.dryRun === true) return dryRun(target, migrations, options)
  return target.provider === 'sqlite' ? migrateSqlite(target, { ...options, migrations }) : migratePostgres(target, { ...options, migrations })
}

type Work = MigrateOptions & { readonly migrations: readonly Migration[] }

function applyOptions(place: Place, options: Work): ApplyOptions {
  const { migrations, logger, backup = true, onStep } = options
  const guard = (status: MigrationStatus): void => {
    const refused = refusal(status, place, true)
    if (refused !== undefined) throw refused
  }
  return { migrations, logger, backup, guard, limit: PATIENCE, onStep }
}

function placeOf(target: Target): Place {
  return { provider: target.provider, url: target.shown }
}

function report(logger: Logger, place: Place, done: Applied): Applied {
  if (done.applied.length > 0) logger.info?.(`Migrated ${place.url}: ${done.applied.join(', ')}`, { url: place.url, ...done })
  return done
}

async function migrateSqlite(target: SqliteTarget, options: Work): Promise<Applied> {
  const place = placeOf(target)
  const opened = await openableSqlite(target.file)
  try {
    if (opened.readOnly) {
      throw new PersistablesError('READ_ONLY', `The database ${target.shown} cannot be migrated, since the file or its folder cannot be written.`, {
        fix: 'Give the process write access to both.',
        details: { path: target.file },
      })
    }
    return report(options.logger, place, await failingAs(`migrating ${target.shown}`, () => applySqlite(target.file, applyOptions(place, options))))
  } finally {
    await opened.release()
  }
}

async function migratePostgres(target: PostgresTarget, options: Work): Promise<Applied> {
  const place = placeOf(target)
  const factory = await postgresFactory(target, { max: 1, ...options.pool })
  const done = await failingAs(`migrating ${target.shown}`, () => applyPostgres(factory, target.schema, applyOptions(place, options)))
  return report(options.logger, place, done)
}

async function inspectFile(file: string, migrations: readonly Migration[]): Promise<MigrationStatus> {
  const opened = await openableSqlite(file)
  try {
    return await withSqlite(opened.path, { readonly: opened.readOnly }, (driver) => inspect(queryOf(driver), 'sqlite', migrations))
  } finally {
    await opened.release()
  }
}

async function dryRun(target: Target, migrations: readonly Migration[], options: MigrateOptions): Promise<Applied> {
  const status = await failingAs(`looking at the schema of ${target.shown}`, async () => {
    if (target.provider === 'sqlite') {
      if (!existsSync(target.file)) return null
      return (await peek(target.file, migrations)) ?? (await inspectFile(target.file, migrations))
    }
    const driver = await (await postgresFactory(target, { max: 1, ...options.pool })).connect()
    try {
      return await inspect(queryOf(driver), 'postgresql', migrations, target.schema)
    } finally {
      await driver.dispose()
    }
  })
  if (status === null) return { applied: migrations.map(({ name }) => name) }
  const refused = refusal(status, placeOf(target), true)
  if (refused !== undefined) throw refused
  return { applied: status.pending }
}
