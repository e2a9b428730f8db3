import { randomInt } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { atomically, type PersistableTransaction, rawOf } from './client'
import { type Dialect, raw, type Sql, sql } from './dialect'
import { PersistablesError } from './errors'
import { retrying } from './retry'

/** A blob of one store. */
export interface StoredBlob {
  readonly store: string
  readonly digest: string
  readonly size: number
  /** which life of the blob is pinned, once it is: gc ends one, and the next save that needs the bytes begins another */
  readonly born?: number
}

/** How long a pin holds without being renewed. Long saves renew at a third of it. */
export const PIN_MS: number = 60 * 60 * 1000
const CONDEMNED_WAIT_MS = 60_000

/**
 * The blob table: it decides, by the database's clock, between a save that relies on bytes and gc that removes them.
 * A save pins before it looks into a store; gc condemns only what nobody pins or refers to; a pin is never given on a condemned blob.
 */
export interface Blobs {
  /** Pins blobs, waiting for those that gc is just removing. Gives them back with the life that is pinned. Throws `IN_USE` when that takes over a minute. */
  pin<B extends StoredBlob>(blobs: readonly B[]): Promise<B[]>
  /** Pins, and renews the pins until the work is done, which gets the blobs as `pin` gives them. */
  pinned<T, B extends StoredBlob>(blobs: readonly B[], work: (pinned: readonly B[]) => Promise<T>): Promise<T>
  /** The id of this registry, made at the first call ever. */
  registryId(): Promise<string>
}

/** The {@link Blobs} of a database. @param lone - whether a statement that is sent alone stays out of other transactions of the client */
export function blobsOf(client: PersistableTransaction, dialect: Dialect, newId: () => string, lone: boolean): Blobs {
  const db = rawOf(client)
  const blobs = dialect.table('persistable_blobs')
  let registry: Promise<string> | undefined

  // The order is the same for every writer, so that two of them never wait for each other's rows.
  const sorted = (wanted: readonly StoredBlob[]): StoredBlob[] => [...wanted].sort((a, b) => (key(a) < key(b) ? -1 : 1))
  const run = (doing: string, statement: Sql) => {
    const query = () => db.$queryRawUnsafe<Born[]>(dialect.text(statement), ...statement.values)
    return retrying(doing, async () => (dialect.provider === 'sqlite' && !lone ? ((await atomically(db, [query()]))[0] ?? []) : query()))
  }
  const until = sql`${dialect.now} + ${dialect.typed(PIN_MS, 'bigint')}`
  const lapsed = sql`coalesce(b."pinned_until", 0) < ${dialect.now}`

  // A blob that gc was removing when it died may be there or not: who pins it begins another life of it.
  const pinOnce = async (wanted: readonly StoredBlob[]): Promise<ReadonlyMap<string, number>> => {
    const json = JSON.stringify(sorted(wanted).map(({ store, digest, size }) => ({ store, digest, size, born: randomInt(2 ** 48 - 1) + 1 })))
    const rows = await run(
      'pinning blobs',
      sql`INSERT INTO ${blobs} AS b ("store", "digest", "size", "state", "pinned_until", "born")
      SELECT j."store", j."digest", j."size", 'live', ${until}, j."born"
      FROM ${dialect.unnest(json, { store: 'text', digest: 'text', size: 'bigint', born: 'bigint' })} WHERE true
      ON CONFLICT ("store", "digest") DO UPDATE SET "state" = 'live', "size" = excluded."size", "pinned_until" = excluded."pinned_until",
        "born" = CASE WHEN b."state" = 'condemned' THEN excluded."born" ELSE b."born" END
      WHERE b."state" <> 'condemned' OR ${lapsed}
      RETURNING "store", "digest", "born"`,
    )
    return new Map(rows.map((row) => [key(row), Number(row.born)]))
  }

  // Only what is still pinned: a machine that slept must not claim again what gc may have removed meanwhile.
  const renew = async (wanted: readonly StoredBlob[]): Promise<void> => {
    const json = JSON.stringify(sorted(wanted).map(({ store, digest, born }) => ({ store, digest, born })))
    const held = sql`(SELECT 1 FROM ${dialect.unnest(json, { store: 'text', digest: 'text', born: 'bigint' })}
      WHERE j."store" = b."store" AND j."digest" = b."digest" AND j."born" = b."born")`
    await run(
      'renewing pins',
      sql`UPDATE ${blobs} AS b SET "pinned_until" = ${until} WHERE b."state" = 'live' AND NOT ${lapsed} AND EXISTS ${held} RETURNING "store", "digest", "born"`,
    )
  }

  const pin = async <B extends StoredBlob>(wanted: readonly B[]): Promise<B[]> => {
    const born = new Map<string, number>()
    let missing = [...new Map(wanted.map((blob) => [key(blob), blob])).values()]
    const deadline = Date.now() + CONDEMNED_WAIT_MS
    for (let pause = 5; missing.length > 0; pause = Math.min(pause * 2, 500)) {
      for (const [held, life] of await pinOnce(missing)) born.set(held, life)
      missing = missing.filter((blob) => !born.has(key(blob)))
      if (missing.length === 0) break
      if (Date.now() > deadline) {
        throw new PersistablesError('IN_USE', `gc has been removing ${missing.length} of the blobs that this save needs for over a minute.`, {
          fix: 'Save again when gc is done.',
          details: { blobs: missing },
        })
      }
      await wait(pause)
    }
    return wanted.map((blob) => ({ ...blob, born: born.get(key(blob)) as number }))
  }

  return {
    pin,
    async pinned(wanted, work) {
      if (wanted.length === 0) return work([])
      const held = await pin(wanted)
      let renewal = Promise.resolve()
      // A renewal that fails is not fatal: the row's insert checks the pins again.
      const timer = setInterval(() => {
        renewal = renew(held).catch(() => {})
      }, PIN_MS / 3)
      timer.unref()
      try {
        return await work(held)
      } finally {
        clearInterval(timer)
        await renewal
      }
    },
    registryId() {
      registry ??= readRegistryId(db, dialect, newId).catch((error: unknown) => {
        registry = undefined
        throw error
      })
      return registry
    },
  }
}

interface Born extends Pick<StoredBlob, 'store' | 'digest'> {
  readonly born: number | bigint
}

const key = (blob: Pick<StoredBlob, 'store' | 'digest'>): string => `${blob.store}/${blob.digest}`

async function readRegistryId(db: ReturnType<typeof rawOf>, dialect: Dialect, newId: () => string): Promise<string> {
  const table = dialect.table('persistable_registry')
  const insert = sql`INSERT INTO ${table} ("id", "registry_id", "created_at")
    VALUES (1, ${newId()}, ${dialect.typed(new Date(), 'timestamp')}) ON CONFLICT ("id") DO NOTHING`
  const select = sql`SELECT "registry_id" AS id FROM ${table} WHERE "id" = ${raw('1')}`
  const run = async () => {
    const rows = await db.$queryRawUnsafe<{ id: string }[]>(dialect.text(select))
    if (rows[0] !== undefined) return rows
    await atomically(db, [db.$executeRawUnsafe(dialect.text(insert), ...insert.values)])
    return db.$queryRawUnsafe<{ id: string }[]>(dialect.text(select))
  }
  return (await retrying('reading the registry’s id', run))[0]?.id ?? ''
}

/** What {@link stillPinned} is told of blobs. */
export function pinsJson(blobs: readonly StoredBlob[]): string {
  return JSON.stringify(blobs.map(({ store, digest, born = 0 }) => ({ store, digest, born })))
}

/**
 * The condition, inside the row's insert, that every blob in `json` is still pinned and live, in the life that was pinned.
 *
 * On PostgreSQL it also locks them, in the mode that only gc's first step conflicts with, until the row is committed: gc passes over what is locked, and
 * looks at the rows once more after that step. So it meets every row that relies on a blob, however long the transaction around the insert takes.
 */
export function stillPinned(dialect: Dialect, json: string, count: number): Sql {
  const wanted = dialect.unnest(json, { store: 'text', digest: 'text', born: 'bigint' })
  const lock = dialect.provider === 'postgresql' ? raw('FOR KEY SHARE OF b') : raw('')
  return sql`(SELECT count(*) FROM (SELECT 1 FROM ${wanted} JOIN ${dialect.table('persistable_blobs')} b ON b."store" = j."store" AND b."digest" = j."digest"
    WHERE b."state" = 'live' AND b."pinned_until" >= ${dialect.now} AND (j."born" = 0 OR j."born" = b."born") ${lock}) held) = ${dialect.typed(count, 'bigint')}`
}
