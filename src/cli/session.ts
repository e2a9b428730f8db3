import { bindStores } from '../artifacts/bind'
import type { Store } from '../artifacts/store'
import { diskStore } from '../artifacts/stores/disk'
import type { Settings } from '../config'
import { type Connection, connect } from '../connect'
import { type Dialect, dialectOf } from '../dialect'
import { migrationStatus } from '../migrate'
import { refusal } from '../migrate/explain'
import { filesFolder } from '../open'
import { type Query, queryOf, type Scope } from '../query'
import type { Logger } from '../types'
import type { Context } from './context'
import { settingsOf } from './settings'

/** A registry, opened for reading: rows and bytes, without the application's classes. */
export interface Session {
  readonly settings: Settings
  readonly connection: Connection
  readonly dialect: Dialect
  readonly query: Query
  readonly scope: Scope
  readonly stores: ReadonlyMap<string, Store>
  readonly logger: Logger
}

/**
 * Opens the registry that the settings name, works with it, closes it. Makes nothing and migrates nothing.
 * Throws `SCHEMA_MISSING` and its kin with the command to run, `DATABASE_FAILED`, `INVALID_OPTION`.
 */
export async function withSession<T>({ io, flags, output }: Context, work: (session: Session) => Promise<T>): Promise<T> {
  const settings = await settingsOf(io, flags)
  const connection = await connectTo(settings)
  try {
    const refused = refusal(await migrationStatus(connection), connection, false)
    if (refused !== undefined) throw refused
    const dialect = dialectOf(connection.provider, connection.schema)
    const stores = storesOf(settings, connection)
    try {
      return await work({
        settings,
        connection,
        dialect,
        query: queryOf(connection.client, dialect),
        scope: { project: settings.project },
        stores,
        logger: output.logger,
      })
    } finally {
      for (const store of stores.values()) await store.close?.()
    }
  } finally {
    await connection.close()
  }
}

/** Connects to the database that the settings name. Throws `SCHEMA_MISSING` where there is no such file. */
export function connectTo(settings: Settings): Promise<Connection> {
  // That a database cannot be written is nothing to a command that reads; doctor says it.
  return connect({ url: settings.url, cwd: settings.base, create: false, logger: { warn: () => {} } })
}

/** The stores that the settings name, else the one that `openRepository` makes. Makes no folder. */
export function storesOf(
  settings: Settings,
  connection: Pick<Connection, 'file' | 'root' | 'client' | 'provider' | 'schema'>,
): ReadonlyMap<string, Store> {
  const stores = settings.stores ?? [diskStore(filesFolder(connection, settings.url, settings.base))]
  const database = { client: connection.client, dialect: dialectOf(connection.provider, connection.schema), transaction: false }
  return bindStores(new Map(stores.map((store) => [store.name, store])), database)
}
