import type { ConnectionOptions } from 'node:tls'
import type { Client } from 'pg'
import { PersistablesError, reason } from '../errors'
import type { DriverFactory } from './driver'
import { inspecting, preparing } from './prepared-postgres'
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

/** A secret, or a function that gives the one of the moment: it is asked for every new connection. */
export type Secret = string | (() => string | Promise<string>)

/** Who connects, as known at the moment of connecting. */
export type Credentials = () => Promise<{ readonly user: string | undefined; readonly password: string | undefined }>

/**
 * Opens connections to PostgreSQL. No session state is set, so that a pooler may give each transaction another session: statements qualify their tables.
 *
 * @param credentials - asked for each new connection. @defaultValue what the target's url says
 * @throws MISSING_DEPENDENCY - `@prisma/adapter-pg` or `pg` is not installed
 */
export async function postgresFactory(target: PostgresTarget, pool: PoolOptions = {}, credentials?: Credentials): Promise<DriverFactory> {
  const [{ PrismaPg }, { Client }] = await Promise.all([import('@prisma/adapter-pg'), import('pg')]).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
    throw new PersistablesError('MISSING_DEPENDENCY', 'PostgreSQL needs two packages that are not installed.', {
      fix: 'Run `npm install @prisma/adapter-pg pg`.',
      details: { packages: ['@prisma/adapter-pg', 'pg'] },
      cause: error,
    })
  })
  const { schema } = target
  const config = {
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    application_name: 'persistables',
    ...pool,
    // Without its password: an adapter is printed with its settings.
    connectionString: withoutPassword(target.secret),
    onConnect: inspecting(pool['onConnect']),
    Client: refreshed(preparing(Client), limited(credentials ?? fixed(target.secret), Number(pool.connectionTimeoutMillis ?? 10_000))),
  }
  return schema === undefined ? new PrismaPg(config) : new PrismaPg(config, { schema })
}

// What a client of `pg` sends when it connects: its types do not show the parameters that the startup packet is made of.
interface Identity {
  user: string | undefined
  password: string | undefined
  readonly connectionParameters: { user: string | undefined; password: string | undefined }
}

type Connected = (error: Error | null) => void

// `pg` takes a function for the password alone, and rotated credentials are often a new user too.
function refreshed(Base: typeof Client, credentials: Credentials): typeof Client {
  const Fresh = class extends Base {
    override connect(): Promise<this>
    override connect(callback: Connected): void
    override connect(callback?: Connected): Promise<this> | undefined {
      if (callback === undefined) return new Promise((resolve, reject) => this.connect((error) => (error ? reject(error) : resolve(this))))
      credentials().then(
        (known) => {
          const identity = this as unknown as Identity
          // Left out means as the url had it at first.
          const user = known.user ?? identity.user
          const password = known.password ?? identity.password
          for (const part of [identity, identity.connectionParameters]) Object.assign(part, { user, password })
          // Told at once and not by a promise: until then nobody listens for errors of the connection, and one would end the process.
          super.connect(callback)
        },
        (error: Error) => callback(error),
      )
      return undefined
    }
  }
  return Fresh as unknown as typeof Client
}

function withoutPassword(url: string): string {
  const bare = new URL(url)
  bare.password = ''
  bare.searchParams.delete('password')
  return bare.href
}

function fixed(url: string): Credentials {
  const { username, password, searchParams } = new URL(url)
  const known = {
    user: decodeURIComponent(username) || undefined,
    password: decodeURIComponent(password) || (searchParams.get('password') ?? undefined),
  }
  return async () => known
}

// A function that never answers must not keep a connection waiting for ever.
function limited(credentials: Credentials, milliseconds: number): Credentials {
  if (!(milliseconds > 0)) return credentials
  return async () => {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      const error = Object.assign(new Error(`the function that gives the credentials did not answer within ${milliseconds} ms`), {
        code: '28000',
        severity: 'FATAL',
      })
      timer = setTimeout(() => reject(error), milliseconds)
    })
    return Promise.race([credentials(), late]).finally(() => clearTimeout(timer))
  }
}

/** {@link Credentials} from a url and a password that are given by functions, or `undefined` when neither is. Throws `DATABASE_FAILED` when one fails. */
export function credentialsOf(url: Secret | undefined, password: Secret | undefined): Credentials | undefined {
  if (typeof url !== 'function' && password === undefined) return undefined
  return async () => {
    try {
      return await known()
    } catch (error) {
      // As the driver itself would fail: of other errors Prisma keeps nothing but the text.
      throw Object.assign(new Error(reason(error)), { code: '28000', severity: 'FATAL' })
    }
  }

  async function known(): ReturnType<Credentials> {
    const parsed = typeof url === 'function' ? new URL(await secretOf('url', url)) : undefined
    const given = password === undefined ? undefined : await secretOf('password', password)
    return {
      user: parsed === undefined ? undefined : decodeURIComponent(parsed.username) || undefined,
      password: given ?? (parsed === undefined ? undefined : decodeURIComponent(parsed.password) || undefined),
    }
  }
}

/** A secret of the moment. Throws `DATABASE_FAILED` when its function fails, or gives no text. @param what - `url` or `password` */
export async function secretOf(what: string, secret: Secret): Promise<string> {
  const failed = (why: string, cause?: unknown): PersistablesError =>
    new PersistablesError('DATABASE_FAILED', `The function that gives the database's ${what} ${why}.`, {
      fix: `See why it fails: it is called for every new connection.`,
      details: { kind: 'denied', option: what },
      // Without what it threw: that may hold the secret itself.
      ...(cause !== undefined && { cause: new Error(reason(cause)) }),
    })
  if (typeof secret === 'string') return secret
  let given: unknown
  try {
    given = await secret()
  } catch (error) {
    throw failed(`failed: ${reason(error)}`, error)
  }
  if (typeof given !== 'string') throw failed(`gave no text (${given === null ? 'null' : typeof given})`)
  return given
}
