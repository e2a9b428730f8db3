import { randomUUID } from 'node:crypto'
import { atomically, rawOf } from '../../client'
import { type Sql, sql } from '../../dialect'
import { databaseFailure, failureKind } from '../../failure'
import { retrying } from '../../retry'
import type { Blob, StoreDatabase } from '../store'

/** Bytes per row: little enough for one statement of a synchronous driver, and for a message to a server. */
export const ROW_BYTES: number = 1 << 18
/** Rows that one statement removes or copies. */
const ROWS_AT_ONCE = 16
const PAGE = 500

/** One writing of a blob that is complete. */
export interface Content extends Blob {
  readonly upload: string
  readonly chunkSize: number
}

/**
 * The rows of a database store. A blob is written under an upload's name, a row for each chunk, and seen by nobody until one statement gives the upload its
 * digest; it is removed the other way round. So a crash leaves a blob whole or absent, and at most an upload without a digest, which a sweep removes. What is
 * being removed has a chunk size of 0, and can never get a digest again.
 */
export interface DatabaseRows {
  /** what lies under the digest; its size is that of the chunks that are there */
  find(digest: string): Promise<Content | null>
  /** one chunk, or null where there is none */
  chunk(upload: string, position: number): Promise<Uint8Array | null>
  /** begins an upload, and gives its name */
  begin(): Promise<string>
  append(upload: string, position: number, bytes: Uint8Array): Promise<void>
  /** gives the upload its digest, unless another one has it: then `false`, as when the upload was swept */
  publish(upload: string, blob: Blob): Promise<boolean>
  /** gives the upload its digest, whoever had it: what that one was is removed. `false`, and nothing is changed, when the upload was swept */
  supersede(upload: string, blob: Blob): Promise<boolean>
  /** takes the digest from whoever has it, and removes what that was; `false` when nobody had it */
  remove(digest: string): Promise<boolean>
  /** removes an upload that nobody can see */
  abandon(upload: string): Promise<void>
  /** a copy under a key that is no digest; null when there is nothing under the digest */
  copy(digest: string, key: string): Promise<string | null>
  list(): AsyncIterable<Blob>
  /** removes uploads without a digest that were last heard of more than `olderThan` ms ago. Gives their number. */
  sweep(olderThan: number): Promise<number>
  /** see `Store.owner`: the database is its own marker */
  owner(claim: string | undefined): Promise<string | null>
}

/** The {@link DatabaseRows} of the store `store`. Errors are `DATABASE_FAILED` and its kin. */
export function databaseRows(store: string, { client, dialect, transaction }: StoreDatabase): DatabaseRows {
  const db = rawOf(client)
  const contents = dialect.table('persistable_contents')
  const chunks = dialect.table('persistable_chunks')
  const { typed } = dialect
  const mine = sql`"store" = ${store}`
  const length = dialect.provider === 'sqlite' ? sql`length(c."bytes")` : sql`octet_length(c."bytes")`

  const select = async <T>(statement: Sql): Promise<T[]> => {
    const run = () => db.$queryRawUnsafe<T[]>(dialect.text(statement), ...statement.values)
    try {
      return await (transaction ? run() : retrying('reading stored bytes', run))
    } catch (error) {
      throw databaseFailure(error, 'reading stored bytes')
    }
  }
  const write = async <T>(statements: readonly Sql[]): Promise<T[][]> => {
    const run = (statement: Sql) => db.$queryRawUnsafe<T[]>(dialect.text(statement), ...statement.values)
    if (!transaction) return retrying('writing stored bytes', () => atomically(db, statements.map(run)))
    const results: T[][] = []
    for (const statement of statements) results.push(await run(statement))
    return results
  }
  // Inside a caller's transaction a unique violation would end it, so that the loser of a race fails there; outside it is the answer.
  const unlessTaken = async (work: () => Promise<boolean>): Promise<boolean> => {
    try {
      return await work()
    } catch (error) {
      if (!transaction && failureKind((error as { cause?: unknown }).cause ?? error) === 'unique') return false
      throw databaseFailure(error, 'writing stored bytes')
    }
  }
  const nameless = (upload: string): Sql => sql`"upload" = ${upload} AND "digest" IS NULL AND "chunk_size" > 0`
  const naming = (upload: string, { digest, size }: Blob): Sql =>
    sql`UPDATE ${contents} SET "digest" = ${digest}, "size" = ${typed(size, 'bigint')} WHERE ${nameless(upload)}`
  const hiding = (digest: string): Sql =>
    sql`UPDATE ${contents} SET "digest" = NULL, "chunk_size" = 0, "touched" = ${dialect.now} WHERE ${mine} AND "digest" = ${digest}`

  const abandon = async (upload: string): Promise<void> => {
    const [claimed] = await write([sql`UPDATE ${contents} SET "chunk_size" = 0 WHERE "upload" = ${upload} AND "digest" IS NULL RETURNING "upload"`])
    if (claimed?.length !== 1) return
    const some = sql`SELECT "position" FROM ${chunks} WHERE "upload" = ${upload} LIMIT ${typed(ROWS_AT_ONCE, 'int')}`
    for (;;) {
      const [gone] = await write([sql`DELETE FROM ${chunks} WHERE "upload" = ${upload} AND "position" IN (${some}) RETURNING "position"`])
      if ((gone?.length ?? 0) < ROWS_AT_ONCE) break
    }
    await write([sql`DELETE FROM ${contents} WHERE "upload" = ${upload} AND "digest" IS NULL RETURNING "upload"`])
  }
  const begin = async (): Promise<string> => {
    const upload = randomUUID()
    await write([
      sql`INSERT INTO ${contents} ("upload", "store", "chunk_size", "touched")
        VALUES (${upload}, ${store}, ${typed(ROW_BYTES, 'int')}, ${dialect.now}) RETURNING "upload"`,
    ])
    return upload
  }
  const find = async (digest: string): Promise<Content | null> => {
    const [row] = await select<{ upload: string; chunk_size: number; size: number | bigint }>(
      sql`SELECT s."upload", s."chunk_size", (SELECT CAST(coalesce(sum(${length}), 0) AS BIGINT) FROM ${chunks} c WHERE c."upload" = s."upload") AS "size"
        FROM ${contents} s WHERE s."store" = ${store} AND s."digest" = ${digest}`,
    )
    return row === undefined ? null : { upload: row.upload, chunkSize: Number(row.chunk_size), digest, size: Number(row.size) }
  }

  return {
    find,
    begin,
    abandon,
    async chunk(upload, position) {
      const [row] = await select<{ bytes: Uint8Array }>(
        sql`SELECT "bytes" FROM ${chunks} WHERE "upload" = ${upload} AND "position" = ${typed(position, 'int')}`,
      )
      return row?.bytes ?? null
    },
    async append(upload, position, bytes) {
      await write([
        sql`INSERT INTO ${chunks} ("upload", "position", "bytes") VALUES (${upload}, ${typed(position, 'int')}, ${bytes}) RETURNING "position"`,
        sql`UPDATE ${contents} SET "touched" = ${dialect.now} WHERE "upload" = ${upload} RETURNING "upload"`,
      ])
    },
    publish: (upload, blob) =>
      unlessTaken(async () => {
        const free = sql`NOT EXISTS (SELECT 1 FROM ${contents} o WHERE o."store" = ${store} AND o."digest" = ${blob.digest})`
        const [named] = await write([sql`${naming(upload, blob)} AND ${free} RETURNING "upload"`])
        return named?.length === 1
      }),
    async supersede(upload, blob) {
      const done: { held: readonly object[]; hidden: readonly { upload: string }[] } = { held: [], hidden: [] }
      // The first statement keeps a sweep away until the last is done. Two that supersede at once: the later one's statements ran before the earlier one's
      // were to be seen, and run again.
      while (
        !(await unlessTaken(async () => {
          const lock = sql`UPDATE ${contents} SET "touched" = ${dialect.now} WHERE ${nameless(upload)} RETURNING "upload"`
          const hide = sql`${hiding(blob.digest)} AND EXISTS (SELECT 1 FROM ${contents} WHERE ${nameless(upload)}) RETURNING "upload"`
          const [held = [], hidden = []] = await write<{ upload: string }>([lock, hide, sql`${naming(upload, blob)} RETURNING "upload"`])
          Object.assign(done, { held, hidden })
          return true
        }))
      );
      // The blob is in its place, whatever becomes of what it replaced: a sweep has that sooner or later.
      for (const old of done.hidden) await abandon(old.upload).catch(() => {})
      return done.held.length === 1
    },
    async remove(digest) {
      const [hidden = []] = await write<{ upload: string }>([sql`${hiding(digest)} RETURNING "upload"`])
      for (const { upload } of hidden) await abandon(upload)
      return hidden.length > 0
    },
    async copy(digest, key) {
      const from = await find(digest)
      if (from === null) return null
      const upload = await begin()
      const last = Math.ceil(from.size / from.chunkSize) + ROWS_AT_ONCE
      for (let at = 0; at < last; at += ROWS_AT_ONCE) {
        await write([
          sql`INSERT INTO ${chunks} ("upload", "position", "bytes") SELECT ${typed(upload, 'text')}, "position", "bytes" FROM ${chunks}
            WHERE "upload" = ${from.upload} AND "position" >= ${typed(at, 'int')} AND "position" < ${typed(at + ROWS_AT_ONCE, 'int')} RETURNING "position"`,
        ])
      }
      await write([sql`UPDATE ${contents} SET "chunk_size" = ${typed(from.chunkSize, 'int')} WHERE "upload" = ${upload} RETURNING "upload"`])
      await write([sql`${naming(upload, { digest: key, size: from.size })} RETURNING "upload"`])
      return upload
    },
    async *list() {
      for (let after = ''; ; ) {
        const rows = await select<{ digest: string; size: number | bigint }>(
          sql`SELECT "digest", "size" FROM ${contents} WHERE ${mine} AND "digest" > ${after} AND length("digest") = 64
            ORDER BY "digest" LIMIT ${typed(PAGE, 'int')}`,
        )
        for (const { digest, size } of rows) yield Object.freeze({ digest, size: Number(size) })
        const last = rows.at(-1)
        if (last === undefined || rows.length < PAGE) return
        after = last.digest
      }
    },
    async sweep(olderThan) {
      const stale = await select<{ upload: string }>(
        sql`SELECT "upload" FROM ${contents} WHERE ${mine} AND "digest" IS NULL AND "touched" < ${dialect.now} - ${typed(olderThan, 'bigint')}`,
      )
      for (const { upload } of stale) await abandon(upload)
      return stale.length
    },
    async owner(claim) {
      const registry = dialect.table('persistable_registry')
      const one = sql`SELECT "registry_id" AS id FROM ${registry} WHERE "id" = 1`
      const [found] = await select<{ id: string }>(one)
      if (found !== undefined || claim === undefined) return found?.id ?? null
      await write([
        sql`INSERT INTO ${registry} ("id", "registry_id", "created_at") VALUES (1, ${claim}, ${typed(new Date(), 'timestamp')})
          ON CONFLICT ("id") DO NOTHING RETURNING "id"`,
      ])
      return (await select<{ id: string }>(one))[0]?.id ?? null
    },
  }
}
