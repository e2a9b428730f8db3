import type { Blob } from './artifacts/store'
import { atomically, type PersistableTransaction, rawOf } from './client'
import { type Dialect, raw, type Sql, sql } from './dialect'
import { databaseFailure } from './failure'
import { retrying } from './retry'

/** Milliseconds that a condemned blob belongs to the gc that condemned it, unless it renews that. After them a save may have it again. */
export const LEASE_MS = 50_000
const AT_ONCE = 500

/** Blobs of one store, counted. */
export interface Tally {
  readonly count: number
  readonly bytes: number
}

/** Blobs that one gc alone may remove, until `lease` by the database's clock. */
export interface Batch {
  readonly lease: number
  readonly blobs: readonly Blob[]
}

/**
 * The way of a blob that no row refers to, step by step, each of them one statement:
 *
 * `live` → `suspect`: no mark, no pin. A save may still pin it, and it is live again. From here on no row can come to rely on it without a new pin, so that
 * a scan of the rows that begins now meets every row that ever will.
 * `suspect` → `condemned`: that scan met none. No pin is given any more, for as long as the lease lasts. Now the bytes are removed, and then the blob's row.
 *
 * What a gc that died leaves behind is safe in any state: the next one begins anew with it. A blob whose bytes could not be removed stays condemned until
 * its lease is over, so that a removal which is late in coming through finds nobody relying on it.
 */
export interface Condemned {
  /** all blobs of a store, and those that the first step would take: not marked since, not pinned at that time */
  tally(store: string, mark: number): Promise<{ all: Tally; candidates: Tally }>
  /** the first step, for at most 500 blobs; 0 when there are no more. @param token - negative, and of this gc alone */
  suspect(store: string, mark: number, token: number): Promise<number>
  /** takes back suspicions of this gc: of those that were marked since, or of all */
  acquit(store: string, token: number, mark?: number): Promise<void>
  /** the second step, for at most `limit` of this gc's suspects that were not marked since */
  condemn(store: string, token: number, mark: number, limit: number): Promise<Batch>
  /** those of a batch that are still this gc's, with a new lease */
  renew(store: string, batch: Batch): Promise<Batch>
  /** forgets blobs of a batch whose bytes are gone; gives the number of those that were still this gc's */
  drop(store: string, lease: number, digests: readonly string[]): Promise<number>
}

/** The {@link Condemned} of a database. Errors are `DATABASE_FAILED` and its kin. */
export function condemnedOf(client: PersistableTransaction, dialect: Dialect): Condemned {
  const db = rawOf(client)
  const table = dialect.table('persistable_blobs')
  const { typed, now } = dialect
  // What somebody has locked is in use.
  const unlessLocked = dialect.provider === 'postgresql' ? raw('FOR UPDATE SKIP LOCKED') : raw('')
  const once = raw(dialect.provider === 'postgresql' ? 'MATERIALIZED' : '')
  const lease = sql`(SELECT ${now} + ${typed(LEASE_MS, 'bigint')})`

  const write = async <T = { digest: string }>(statement: Sql): Promise<T[]> => {
    try {
      const run = () => atomically(db, [db.$queryRawUnsafe<T[]>(dialect.text(statement), ...statement.values)])
      return (await retrying('collecting garbage', run))[0] ?? []
    } catch (error) {
      throw databaseFailure(error, 'collecting garbage')
    }
  }
  const unmarked = (mark: number): Sql => sql`coalesce("marked", 0) < ${typed(mark, 'bigint')}`
  const candidate = (store: string, mark: number): Sql => sql`"store" = ${store} AND ${unmarked(mark)} AND
    (("state" = 'live' AND coalesce("pinned_until", 0) < ${typed(mark, 'bigint')}) OR "state" = 'suspect' OR ("state" = 'condemned' AND coalesce("pinned_until", 0) < ${now}))`
  /** updates the first `limit` blobs that fit */
  const take = (set: Sql, where: Sql, limit: number): Sql =>
    sql`WITH fitting AS ${once} (SELECT "store", "digest" FROM ${table} WHERE ${where} LIMIT ${typed(limit, 'int')} ${unlessLocked})
      UPDATE ${table} SET ${set} WHERE ("store", "digest") IN (SELECT "store", "digest" FROM fitting) AND ${where} RETURNING "digest", "size", "pinned_until"`
  const mine = (store: string, until: number, digests: readonly string[]): Sql =>
    sql`"store" = ${store} AND "state" = 'condemned' AND "pinned_until" = ${typed(until, 'bigint')}
      AND "digest" IN (SELECT j."digest" FROM ${dialect.unnest(JSON.stringify(digests.map((digest) => ({ digest }))), { digest: 'text' })})`
  const suspects = (store: string, token: number): Sql =>
    sql`"store" = ${store} AND "state" = 'suspect' AND "pinned_until" = ${typed(token, 'bigint')}`

  interface Taken {
    readonly digest: string
    readonly size: number | bigint
    readonly pinned_until: number | bigint
  }
  const batchOf = (rows: readonly Taken[]): Batch => ({
    lease: Number(rows[0]?.pinned_until ?? 0),
    blobs: rows.map(({ digest, size }) => ({ digest, size: Number(size) })),
  })

  return {
    async tally(store, mark) {
      const fits = candidate(store, mark)
      const statement = sql`SELECT count(*) AS "n", CAST(coalesce(sum("size"), 0) AS BIGINT) AS "bytes", count(CASE WHEN ${fits} THEN 1 END) AS "m",
        CAST(coalesce(sum(CASE WHEN ${fits} THEN "size" END), 0) AS BIGINT) AS "garbage" FROM ${table} WHERE "store" = ${store}`
      const [row] = await write<Record<'n' | 'bytes' | 'm' | 'garbage', number | bigint>>(statement)
      return {
        all: { count: Number(row?.n ?? 0), bytes: Number(row?.bytes ?? 0) },
        candidates: { count: Number(row?.m ?? 0), bytes: Number(row?.garbage ?? 0) },
      }
    },
    async suspect(store, mark, token) {
      // The bytes of one that was condemned may be gone: whatever was pinned before is of another life.
      const born = sql`CASE WHEN "state" = 'condemned' THEN ${typed(-token, 'bigint')} ELSE "born" END`
      const set = sql`"state" = 'suspect', "pinned_until" = ${typed(token, 'bigint')}, "born" = ${born}`
      const others = sql`${candidate(store, mark)} AND NOT ("state" = 'suspect' AND "pinned_until" = ${typed(token, 'bigint')})`
      return (await write(take(set, others, AT_ONCE))).length
    },
    async acquit(store, token, mark) {
      const which = mark === undefined ? suspects(store, token) : sql`${suspects(store, token)} AND NOT (${unmarked(mark)})`
      await write(sql`UPDATE ${table} SET "state" = 'live', "pinned_until" = NULL WHERE ${which} RETURNING "digest"`)
    },
    async condemn(store, token, mark, limit) {
      const set = sql`"state" = 'condemned', "pinned_until" = ${lease}`
      return batchOf(await write<Taken>(take(set, sql`${suspects(store, token)} AND ${unmarked(mark)}`, limit)))
    },
    async renew(store, { lease: until, blobs }) {
      const which = mine(
        store,
        until,
        blobs.map(({ digest }) => digest),
      )
      return batchOf(await write<Taken>(sql`UPDATE ${table} SET "pinned_until" = ${lease} WHERE ${which} RETURNING "digest", "size", "pinned_until"`))
    },
    async drop(store, until, digests) {
      return (await write(sql`DELETE FROM ${table} WHERE ${mine(store, until, digests)} RETURNING "digest"`)).length
    },
  }
}
