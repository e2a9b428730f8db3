import { setImmediate as turn } from 'node:timers/promises'
import { type Blob, isDigest } from './artifacts/store'
import type { StoredBlob } from './blobs'
import { atomically, type PersistableTransaction, rawOf } from './client'
import { type Dialect, type Sql, sql } from './dialect'
import { PersistablesError } from './errors'
import { databaseFailure } from './failure'
import { FIRST_PAGE, nextPage } from './page-size'
import { referencesOf } from './references'
import { retrying } from './retry'
import type { Filepaths } from './types'

/** Blobs that one statement marks. */
const BLOBS = 200

/** Options of {@link Marks.scan}. */
export interface ScanOptions {
  readonly signal?: AbortSignal | undefined
  /** called with the number of rows looked at since the last call */
  readonly onRows?: ((count: number) => void) | undefined
}

/**
 * Which blobs rows refer to, noted in the blob table, so that it takes no memory however many there are. A mark is the time by the database's clock at which the
 * scan that made it began; a later one is never replaced by an earlier one. So several scans may run at once: each knows that what carries a mark of its own
 * time or a later one was referred to while it ran. A mark in the future is a term of grace: nothing refers to the blob, and gc leaves it alone until then.
 */
export interface Marks {
  /** milliseconds since 1970 by the database's clock */
  clock(): Promise<number>
  /** number of rows of all projects */
  rows(): Promise<number>
  /** Marks what the rows of all projects refer to in the given stores. A blob that the table did not know is added to it, unpinned. */
  scan(mark: number, stores: ReadonlySet<string>, options?: ScanOptions): Promise<void>
  /** Adds blobs that the table does not know, with a term of grace, unpinned. Gives their number. */
  adopt(store: string, blobs: readonly Blob[], until: number): Promise<number>
  /** of blobs of a store, those that the table does not know, and those that it knows as neither marked since nor pinned at that time */
  strangers(store: string, blobs: readonly Blob[], mark: number): Promise<{ unknown: ReadonlySet<string>; unreferenced: ReadonlySet<string> }>
}

/** The {@link Marks} of a database. Errors are `DATABASE_FAILED` and its kin. */
export function marksOf(client: PersistableTransaction, dialect: Dialect): Marks {
  const db = rawOf(client)
  const table = dialect.table('persistable_blobs')
  const persistables = dialect.table('persistables')
  const { typed } = dialect

  const select = async <T>(statement: Sql): Promise<T[]> => {
    try {
      return await retrying('looking at references', () => db.$queryRawUnsafe<T[]>(dialect.text(statement), ...statement.values))
    } catch (error) {
      throw databaseFailure(error, 'looking at references')
    }
  }
  const write = async <T>(statement: Sql): Promise<T[]> =>
    (await retrying('noting references', () => atomically(db, [db.$queryRawUnsafe<T[]>(dialect.text(statement), ...statement.values)])))[0] ?? []

  // One order for all who write here.
  const given = (blobs: readonly StoredBlob[]): Sql => {
    const sorted = [...blobs].sort((a, b) => (`${a.store}/${a.digest}` < `${b.store}/${b.digest}` ? -1 : 1))
    return dialect.unnest(JSON.stringify(sorted), { store: 'text', digest: 'text', size: 'bigint' })
  }
  const insert = (blobs: readonly StoredBlob[], mark: number): Sql =>
    sql`INSERT INTO ${table} AS b ("store", "digest", "size", "state", "marked")
      SELECT j."store", j."digest", j."size", 'live', ${typed(mark, 'bigint')} FROM ${given(blobs)} WHERE true`

  return {
    async clock() {
      const [row] = await select<{ now: number | bigint }>(sql`SELECT ${dialect.now} AS now`)
      return Number(row?.now)
    },
    async rows() {
      const [row] = await select<{ n: number | bigint }>(sql`SELECT count(*) AS n FROM ${persistables}`)
      return Number(row?.n ?? 0)
    },
    async scan(mark, stores, { signal, onRows } = {}) {
      const marked = async (blobs: readonly StoredBlob[]): Promise<void> => {
        const statement = sql`${insert(blobs, mark)} ON CONFLICT ("store", "digest") DO UPDATE SET "marked" = excluded."marked"
            WHERE coalesce(b."marked", 0) < excluded."marked" OR b."marked" > ${dialect.now}`
        await retrying('noting references', () => atomically(db, [db.$executeRawUnsafe(dialect.text(statement), ...statement.values)]))
      }
      let limit = FIRST_PAGE
      // Where a page ends is decided by the id, which never changes: a row that is there all the time is met, whatever else comes and goes.
      for (let after = ''; ; ) {
        signal?.throwIfAborted()
        const rows = await select<{ id: string; filepaths: unknown }>(
          sql`SELECT p."id", p."filepaths" FROM ${persistables} p WHERE ${dialect.binary(sql`p."id"`)} > ${after}
            ORDER BY ${dialect.binary(sql`p."id"`)} LIMIT ${typed(limit, 'int')}`,
        )
        const blobs = new Map<string, StoredBlob>()
        let characters = 0
        for (const { id, filepaths } of rows) {
          characters += (typeof filepaths === 'string' ? filepaths : JSON.stringify(filepaths ?? null)).length
          for (const blob of referencesOf(parsed(id, filepaths))) if (stores.has(blob.store)) blobs.set(`${blob.store}/${blob.digest}`, blob)
        }
        const all = [...blobs.values()]
        for (let at = 0; at < all.length; at += BLOBS) await marked(all.slice(at, at + BLOBS))
        onRows?.(rows.length)
        const last = rows.at(-1)
        if (last === undefined || rows.length < limit) return
        after = last.id
        limit = nextPage(rows.length, characters)
        await turn()
      }
    },
    async adopt(store, blobs, until) {
      const known = blobs.filter(({ digest }) => isDigest(digest)).map(({ digest, size }) => ({ store, digest, size }))
      if (known.length === 0) return 0
      return (await write(sql`${insert(known, until)} ON CONFLICT ("store", "digest") DO NOTHING RETURNING "digest"`)).length
    },
    async strangers(store, blobs, mark) {
      const wanted = blobs.map(({ digest, size }) => ({ store, digest, size }))
      const rows = await select<{ digest: string; known: string | null }>(
        sql`SELECT j."digest", b."digest" AS known FROM ${given(wanted)} LEFT JOIN ${table} b ON b."store" = j."store" AND b."digest" = j."digest"
          WHERE b."digest" IS NULL OR (coalesce(b."pinned_until", 0) < ${typed(mark, 'bigint')}
            AND (coalesce(b."marked", 0) < ${typed(mark, 'bigint')} OR b."marked" > ${dialect.now}))`,
      )
      const of = (known: boolean) => new Set(rows.filter((row) => (row.known !== null) === known).map(({ digest }) => digest))
      return { unknown: of(false), unreferenced: of(true) }
    },
  }
}

// What cannot be read may refer to anything: nothing can be called unreferenced then.
function parsed(id: string, filepaths: unknown): Filepaths {
  if (typeof filepaths !== 'string') return filepaths as Filepaths
  try {
    return JSON.parse(filepaths) as Filepaths
  } catch (error) {
    throw new PersistablesError('DATABASE_FAILED', `What the row ${id} says of its files is no JSON.`, {
      fix: 'Restore the row from a backup, or delete it.',
      details: { id },
      cause: error,
    })
  }
}
