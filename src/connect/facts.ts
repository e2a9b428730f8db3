import { type PersistableTransaction, rawOf } from '../client'
import { type Dialect, raw, type Sql, sql } from '../dialect'
import { databaseFailure } from '../failure'
import { aliasesOf as aliasesStatement } from '../removal'

/** How a SQLite file is set up, and what is wrong with it. */
export interface SqliteFacts {
  /** `wal` as the registry wants it */
  readonly journalMode: string
  /** 2 (FULL) or 3 (EXTRA) as the registry wants it */
  readonly synchronous: number
  /** what SQLite's quick check found, at most three; none when the file is sound */
  readonly damage: readonly string[]
}

/** Looks at a SQLite file. The check reads all of it. Throws `DATABASE_FAILED`. */
export async function sqliteFacts(client: PersistableTransaction): Promise<SqliteFacts> {
  const [journal] = await read<{ journal_mode: string }>(client, 'PRAGMA journal_mode')
  const [synchronous] = await read<{ synchronous: number | bigint }>(client, 'PRAGMA synchronous')
  const check = await read<Record<string, unknown>>(client, 'PRAGMA quick_check(3)')
  const found = check.map((row) => String(Object.values(row)[0]))
  return {
    journalMode: journal?.journal_mode ?? '',
    synchronous: Number(synchronous?.synchronous ?? 0),
    damage: found.filter((line) => line !== 'ok'),
  }
}

/** The version of a PostgreSQL server. Throws `DATABASE_FAILED`. */
export async function serverVersion(client: PersistableTransaction): Promise<string> {
  const [row] = await read<{ server_version: string }>(client, 'SHOW server_version')
  return row?.server_version ?? ''
}

/** The id of the registry, which its stores carry as their owner; null before the first artifact was saved. Makes none. */
export async function registryIdOf(client: PersistableTransaction, dialect: Dialect): Promise<string | null> {
  const [row] = await select<{ id: string }>(
    client,
    dialect,
    sql`SELECT "registry_id" AS id FROM ${dialect.table('persistable_registry')} WHERE "id" = ${raw('1')}`,
  )
  return row?.id ?? null
}

/** The aliases that point to a row, by code point. */
export async function aliasesOf(client: PersistableTransaction, dialect: Dialect, id: string): Promise<readonly string[]> {
  const rows = await select<{ alias: string }>(client, dialect, aliasesStatement(dialect, id))
  return rows.map(({ alias }) => alias).sort((a, b) => (a < b ? -1 : 1))
}

async function select<T>(client: PersistableTransaction, dialect: Dialect, statement: Sql): Promise<T[]> {
  return read<T>(client, dialect.text(statement), statement.values)
}

async function read<T>(client: PersistableTransaction, text: string, values: readonly unknown[] = []): Promise<T[]> {
  try {
    return await rawOf(client).$queryRawUnsafe<T[]>(text, ...values)
  } catch (error) {
    throw databaseFailure(error, 'reading')
  }
}
