import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { up } from 'empathic/package'
import { PersistablesError } from '../errors'

/** An embedded database: one SQLite file. */
export interface SqliteTarget {
  readonly provider: 'sqlite'
  /** absolute path */
  readonly file: string
  /** the url as people may see it */
  readonly shown: string
}

/** A PostgreSQL server's database. */
export interface PostgresTarget {
  readonly provider: 'postgresql'
  /** the url with its credentials: for the driver only, never for a message */
  readonly secret: string
  /** the url as people may see it */
  readonly shown: string
  /** the `schema` parameter; undefined means what the server's search path says */
  readonly schema: string | undefined
}

/** What a database url points to. */
export type Target = SqliteTarget | PostgresTarget

const SUPPORTED = 'Use file:<path> for SQLite, or postgresql://user:password@host:5432/database for PostgreSQL.'

/** The folder that holds the embedded default: `.persistables` beside the nearest package.json above `cwd`, else in `cwd`. */
export function defaultRoot(cwd: string): string {
  const manifest = up({ cwd })
  return join(manifest === undefined ? cwd : dirname(manifest), '.persistables')
}

/**
 * Reads a database url; without one, the embedded default. Touches nothing.
 *
 * @throws INVALID_OPTION - the scheme is not supported or the url cannot be read; the message never repeats the url
 * @example
 * targetOf('file:./data/registry.db', '/app').shown // 'file:/app/data/registry.db'
 */
export function targetOf(url: string | undefined, cwd: string): Target {
  if (url === undefined) return sqliteTarget(join(defaultRoot(cwd), 'registry.db'))
  const scheme = typeof url === 'string' ? /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase() : undefined
  if (scheme === 'file') return sqliteTarget(fileOf(url, cwd))
  if (scheme === 'postgresql' || scheme === 'postgres') return postgresTarget(url)
  // Only what is surely a scheme is repeated: in `user:password@host` it would be the user.
  const named = typeof url === 'string' && /^[a-z][a-z0-9+.-]*:\/\//i.test(url) ? scheme : undefined
  const what = named === undefined ? 'The database url has no scheme.' : `A database url cannot begin with "${named}:".`
  throw new PersistablesError('INVALID_OPTION', what, {
    fix: SUPPORTED,
    details: { option: 'url', scheme: named ?? null },
  })
}

function sqliteTarget(file: string): SqliteTarget {
  return { provider: 'sqlite', file, shown: `file:${file}` }
}

function fileOf(url: string, cwd: string): string {
  const bare = url.slice('file:'.length).replace(/\?.*$/s, '')
  const bad = (what: string): PersistablesError => new PersistablesError('INVALID_OPTION', what, { fix: SUPPORTED, details: { option: 'url' } })
  if (bare === '' || bare === ':memory:') throw bad('A file: url needs the path of a file; a database in memory would be gone with each connection.')
  // The driver trims names and stops at NUL, so it would open another file than the one that was asked for.
  if (/\s$/.test(bare) || bare.includes('\0')) throw bad('The path of a database file must not end with a blank or hold a NUL.')
  if (!bare.startsWith('//')) return resolve(cwd, bare)
  try {
    return fileURLToPath(`file:${bare}`)
  } catch {
    throw bad('The file: url names a host or cannot be decoded.')
  }
}

function postgresTarget(url: string): PostgresTarget {
  const parsed = URL.canParse(url) ? new URL(url) : null
  // An unescaped "/" or "#" in a password ends the host too early and leaves the rest of the password, with its "@", behind it.
  if (parsed === null || `${parsed.pathname}${parsed.hash}`.includes('@')) {
    throw new PersistablesError('INVALID_OPTION', 'The PostgreSQL url cannot be read.', {
      fix: 'Percent-encode special characters in the user and password: @ as %40, / as %2F, # as %23, : as %3A.',
      details: { option: 'url' },
    })
  }
  const schema = parsed.searchParams.get('schema') || undefined
  // Prisma puts the name between quotes as it is.
  if (schema !== undefined && /["\0]/.test(schema)) {
    throw new PersistablesError('INVALID_OPTION', 'The schema of a PostgreSQL url must not hold a double quote or a NUL.', {
      details: { option: 'url', schema },
    })
  }
  const credentials = parsed.username !== '' || parsed.password !== '' ? '***@' : ''
  const shown = `postgresql://${credentials}${parsed.host}${parsed.pathname}${schema === undefined ? '' : `?schema=${encodeURIComponent(schema)}`}`
  return { provider: 'postgresql', secret: url, shown, schema }
}
