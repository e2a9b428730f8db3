import { join, parse } from 'node:path'
import { up as packageUp } from 'empathic/package'
import { diskStore } from './artifacts/stores/disk'
import { type Connection, connect, type PoolOptions, type Secret } from './connect'
import type { Repository, RepositoryOptions } from './contract'
import { ensureSchema } from './migrate'
import { CONSOLE, checkPaths, noOptions } from './parts'
import { assemble } from './repository'

/** Options of {@link openRepository}. */
export interface OpenOptions extends RepositoryOptions {
  /** `file:<path>` or `postgresql://…`, or a function that gives it: then user and password are asked anew for every connection. @defaultValue `file:` of `registry.db` in `.persistables` beside the nearest package.json */
  readonly url?: Secret
  /** PostgreSQL only: instead of the url's; a function is asked for every new connection. @defaultValue the url's */
  readonly password?: Secret
  /** whether pending migrations of an embedded database are applied. A server's never are. @defaultValue true */
  readonly migrate?: boolean
  /** connections to PostgreSQL */
  readonly pool?: PoolOptions
}

/**
 * Opens a registry: SQLite and a disk store in `.persistables` with no set-up at all, or the database of `url`.
 * Stores default to one `diskStore`: `files` beside the default database, `<database>-files` beside another file.
 *
 * Throws `SCHEMA_MISSING`, `SCHEMA_OUTDATED`, `SCHEMA_NEWER` or `SCHEMA_FOREIGN` with the command to run, `READ_ONLY`, `DATABASE_FAILED`,
 * `MISSING_DEPENDENCY` when `pg` is not installed.
 *
 * @example
 * await using repo = await openRepository({ types: [Dataset, Classifier] })
 */
export async function openRepository(options: OpenOptions = {}): Promise<Repository> {
  if (typeof options !== 'object' || options === null) throw noOptions('openRepository')
  checkPaths(options)
  const logger = options.logger ?? CONSOLE
  const cwd = options.cwd ?? process.cwd()
  const connection = await connect({ url: options.url, password: options.password, cwd, logger, pool: options.pool })
  try {
    await ensureSchema(connection, { apply: options.migrate ?? true })
    const stores = options.stores ?? [diskStore(filesFolder(connection, options.url, cwd))]
    const mine = options.stores === undefined ? stores : []
    const { url: _url, password: _password, migrate: _migrate, pool: _pool, ...rest } = options
    const closers = [() => connection.close(), ...mine.map((store) => async () => store.close?.())]
    return assemble(
      {
        ...rest,
        client: connection.client,
        provider: connection.provider,
        stores,
        logger,
        cwd,
        ...(connection.schema && { schema: connection.schema }),
      },
      closers,
      // The package's own client sees to it.
      true,
    )
  } catch (error) {
    await connection.close().catch(() => {})
    throw error
  }
}

/** Where the default disk store of a database is. */
export function filesFolder(connection: Pick<Connection, 'file' | 'root'>, url: Secret | undefined, cwd: string): string {
  if (url === undefined && connection.root !== null) return join(connection.root, 'files')
  if (connection.file !== null) return `${connection.file}-files`
  const manifest = packageUp({ cwd })
  return join(manifest === undefined ? cwd : parse(manifest).dir, '.persistables', 'files')
}
