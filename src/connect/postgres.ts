import type { ConnectionOptions } from 'node:tls'
import type { PoolConfig } from 'pg'
import { PersistablesError } from '../errors'
import type { DriverFactory } from './driver'
import type { PostgresTarget } from './target'

/** Options of the connection pool, passed on to `pg`. Times are milliseconds. */
export interface PoolOptions {
  /** most connections at once. @defaultValue 10 */
  readonly max?: number
  /** how long a new connection may take. @defaultValue 10000 */
  readonly connectionTimeoutMillis?: number
  /** after which an unused connection is closed. @defaultValue 10000 */
  readonly idleTimeoutMillis?: number
  /** after which the server cancels a statement. @defaultValue the server's */
  readonly statement_timeout?: number
  /** TLS settings of `pg`. @defaultValue what the url's sslmode says */
  readonly ssl?: boolean | ConnectionOptions
  /** every other option of `pg.Pool` */
  readonly [option: string]: unknown
}

/**
 * Opens connections to PostgreSQL, with the target's schema first on the search path.
 *
 * @throws MISSING_DEPENDENCY - `@prisma/adapter-pg` or `pg` is not installed
 */
export async function postgresFactory(target: PostgresTarget, pool: PoolOptions = {}): Promise<DriverFactory> {
  const { PrismaPg } = await import('@prisma/adapter-pg').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
    throw new PersistablesError('MISSING_DEPENDENCY', 'PostgreSQL needs two packages that are not installed.', {
      fix: 'Run `npm install @prisma/adapter-pg pg`.',
      details: { packages: ['@prisma/adapter-pg', 'pg'] },
      cause: error,
    })
  })
  const { schema } = target
  const config = { connectionTimeoutMillis: 10_000, ...pool, connectionString: target.secret }
  if (schema === undefined) return new PrismaPg(config)
  // By statement and not by the startup packet's options, which connection poolers such as PgBouncer refuse. The pool hands a new connection on
  // only after this is done.
  const verify: PoolConfig['verify'] = (session, done) => session.query(`SET search_path TO "${schema}"`, (error) => done(error ?? undefined))
  return new PrismaPg({ ...config, verify }, { schema })
}
