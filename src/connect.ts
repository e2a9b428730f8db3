import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { PersistableClient, Provider } from './client'
import { rawOf } from './client'
import { immediate } from './connect/immediate'
import { credentialsOf, type PoolOptions, postgresFactory, type Secret, secretOf } from './connect/postgres'
import { openableSqlite, sqliteFactory } from './connect/sqlite'
import { type PostgresTarget, type SqliteTarget, targetOf } from './connect/target'
import { PersistablesError } from './errors'
import { databaseFailure } from './failure'
import type { Logger } from './types'

export type { PoolOptions, Secret } from './connect/postgres'

/** How to connect. */
export interface ConnectOptions {
  /** `file:<path>` (relative to `cwd`) or `postgresql://…?schema=…`. @defaultValue `file:` of `registry.db` in `.persistables` beside the nearest package.json */
  readonly url?: Secret | undefined
  /** PostgreSQL only: instead of the url's. @defaultValue the url's */
  readonly password?: Secret | undefined
  /** where relative paths and the search for package.json begin. @defaultValue the process's working directory */
  readonly cwd?: string | undefined
  readonly logger: Logger
  /** whether a database file that does not exist may be made, with its folder. @defaultValue true */
  readonly create?: boolean | undefined
  /** PostgreSQL only */
  readonly pool?: PoolOptions | undefined
}

/** A connected database. Whoever connects closes. */
export interface Connection {
  readonly client: PersistableClient
  readonly provider: Provider
  /** the PostgreSQL schema of the tables, where the url names one: for {@link dialectOf} */
  readonly schema: string | undefined
  /** without credentials, for people */
  readonly url: string
  /** whether every write will fail, because the file or its folder cannot be written */
  readonly readOnly: boolean
  /** the folder of the database file, where a disk store belongs too; null on a server */
  readonly root: string | null
  /** absolute path of the database file, even while a copy of it is being read; null on a server */
  readonly file: string | null
  readonly logger: Logger
  /** Disconnects and removes temporary files. May be called again. */
  close(): Promise<void>
}

/**
 * Connects the package's own Prisma client to a database. Does not look at the schema ({@link ensureSchema} does), and writes nothing to an
 * existing file.
 *
 * @throws INVALID_OPTION - the url is not one of a supported database
 * @throws MISSING_DEPENDENCY - PostgreSQL's packages are not installed
 * @throws SCHEMA_MISSING - there is no such file, and `create` is false
 * @throws READ_ONLY - a new file or its folder cannot be made
 * @throws DATABASE_FAILED - the server cannot be reached or refuses; a function that gives url or password failed; the file cannot be read
 * @example
 * const connection = await connect({ url: 'file:./registry.db', logger: console })
 * try { await ensureSchema(connection, { apply: true }) } finally { await connection.close() }
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const url = typeof options.url === 'function' ? await secretOf('url', options.url) : options.url
  const target = targetOf(url, resolve(options.cwd ?? '.'))
  return target.provider === 'sqlite' ? connectSqlite(target, options) : connectPostgres(target, options)
}

async function connectSqlite(target: SqliteTarget, { logger, create = true }: ConnectOptions): Promise<Connection> {
  const { file, shown } = target
  if (!create) mustExist(target)
  const opened = await openableSqlite(file)
  if (opened.readOnly) {
    const how = opened.copied ? 'a copy of it, as it is now, is read' : 'it is opened for reading'
    logger.warn(`The database ${shown} cannot be written: ${how}, and saving will fail.`, { path: file, copy: opened.copied })
  }
  const factory = await sqliteFactory(opened.path, { readonly: opened.readOnly })
  const adapter = opened.readOnly ? factory : immediate(factory)
  const { PrismaClient } = GENERATED.sqlite()
  const client = new PrismaClient({ adapter })
  return {
    client,
    provider: 'sqlite',
    schema: undefined,
    url: shown,
    readOnly: opened.readOnly,
    root: dirname(file),
    file,
    logger,
    close: once(async () => {
      await client.$disconnect()
      await opened.release()
    }),
  }
}

function mustExist({ file, shown }: SqliteTarget): void {
  if (existsSync(file)) return
  throw new PersistablesError('SCHEMA_MISSING', `There is no database ${shown}.`, {
    fix: 'Run `npx persistables migrate` to make it, or check the url.',
    details: { path: file },
  })
}

async function connectPostgres(target: PostgresTarget, { logger, pool, url, password }: ConnectOptions): Promise<Connection> {
  const adapter = await postgresFactory(target, pool, credentialsOf(url, password))
  const { PrismaClient } = GENERATED.postgresql()
  const client = new PrismaClient({ adapter })
  try {
    await rawOf(client).$queryRawUnsafe('SELECT 1')
  } catch (error) {
    await client.$disconnect().catch(() => {})
    throw databaseFailure(error, `connecting to ${target.shown}`)
  }
  return {
    client,
    provider: 'postgresql',
    schema: target.schema,
    url: target.shown,
    readOnly: false,
    root: null,
    file: null,
    logger,
    close: once(() => client.$disconnect()),
  }
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => (done ??= work())
}

interface GeneratedClient {
  readonly PrismaClient: new (options: { adapter: unknown }) => PersistableClient
}

// By require, so that the types of the generated clients, 25,000 lines that nothing here needs, stay out of the package's own.
const GENERATED: Readonly<Record<Provider, () => GeneratedClient>> = {
  sqlite: () => require('../generated/sqlite/client') as GeneratedClient,
  postgresql: () => require('../generated/postgresql/client') as GeneratedClient,
}
