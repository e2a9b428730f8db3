import { setTimeout as wait } from 'node:timers/promises'
import { atomically, type PersistableTransaction, rawOf } from './client'
import { type Dialect, raw, sql } from './dialect'
import { PersistablesError } from './errors'
import { retrying } from './retry'

/** A blob of one store. */
export interface StoredBlob {
  readonly store: string
  readonly digest: string
  readonly size: number
}

/** How long a pin holds without being renewed. Long saves renew at a third of it. */
export const PIN_MS: number = 60 * 60 * 1000
const CONDEMNED_WAIT_MS = 60_000

/**
 * The blob table: it decides, by the database's clock, between a save that relies on bytes and gc that removes them.
 * A save pins before it looks into a store; gc condemns only what nobody pins or refers to; a pin is never given on a condemned blob.
 */
export interface Blobs {
  /** Pins blobs, waiting for those that gc is just removing. Throws `IN_USE` when that takes over a minute. */
  pin(blobs: readonly StoredBlob[]): Promise<void>
  /** Pins, and renews the pins until the work is done. */
  pinned<T>(blobs: readonly StoredBlob[], work: () => Promise<T>): Promise<T>
  /** The id of this registry, made at the first call ever. */
  registryId(): Promise<string>
}

/** The {@link Blobs} of a database. */
export function blobsOf(client: PersistableTransaction, dialect: Dialect, newId: () => string): Blobs {
  const db = rawOf(client)
  const blobs = dialect.table('persistable_blobs')
  let registry: Promise<string> | undefined

  // The order is the same for every writer, so that two of them never wait for each other's rows.
  const pinOnce = async (wanted: readonly StoredBlob[]): Promise<ReadonlySet<string>> => {
    const json = JSON.stringify([...wanted].sort((a, b) => (key(a) < key(b) ? -1 : 1)))
    const until = sql`${dialect.now} + ${dialect.typed(PIN_MS, 'bigint')}`
    const statement = sql`INSERT INTO ${blobs} AS b ("store", "digest", "size", "state", "pinned_until")
      SELECT j."store", j."digest", j."size", 'live', ${until} FROM ${dialect.unnest(json, { store: 'text', digest: 'text', size: 'bigint' })} WHERE true
      ON CONFLICT ("store", "digest") DO UPDATE SET "state" = 'live', "size" = excluded."size", "pinned_until" = excluded."pinned_until"
      WHERE b."state" = 'live' OR coalesce(b."pinned_until", 0) < ${dialect.now}
      RETURNING "store", "digest"`
    const run = () => db.$queryRawUnsafe<StoredBlob[]>(dialect.text(statement), ...statement.values)
    const rows = await retrying('pinning blobs', async () => (dialect.provider === 'sqlite' ? ((await atomically(db, [run()]))[0] ?? []) : run()))
    return new Set(rows.map(key))
  }

  const pin = async (wanted: readonly StoredBlob[]): Promise<void> => {
    let missing = [...new Map(wanted.map((blob) => [key(blob), blob])).values()]
    const deadline = Date.now() + CONDEMNED_WAIT_MS
    for (let pause = 5; missing.length > 0; pause = Math.min(pause * 2, 500)) {
      const held = await pinOnce(missing)
      missing = missing.filter((blob) => !held.has(key(blob)))
      if (missing.length === 0) return
      if (Date.now() > deadline) {
        throw new PersistablesError('IN_USE', `gc has been removing ${missing.length} of the blobs that this save needs for over a minute.`, {
          fix: 'Save again when gc is done.',
          details: { blobs: missing },
        })
      }
      await wait(pause)
    }
  }

  return {
    pin,
    async pinned(wanted, work) {
      if (wanted.length === 0) return work()
      await pin(wanted)
      let renewal = Promise.resolve()
      // A renewal that fails is not fatal: the row's insert checks the pins again.
      const timer = setInterval(() => {
        renewal = pin(wanted).catch(() => {})
      }, PIN_MS / 3)
      timer.unref()
      try {
        return await work()
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

/** The condition, inside the row's insert, that every blob in `json` is still pinned and live. */
export function stillPinned(dialect: Dialect, json: string, count: number): ReturnType<typeof sql> {
  const wanted = dialect.unnest(json, { store: 'text', digest: 'text' })
  return sql`(SELECT count(*) FROM ${wanted} JOIN ${dialect.table('persistable_blobs')} b ON b."store" = j."store" AND b."digest" = j."digest"
    WHERE b."state" = 'live' AND b."pinned_until" >= ${dialect.now}) = ${dialect.typed(count, 'bigint')}`
}
