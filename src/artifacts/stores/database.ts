import { createHash, randomUUID } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { types } from 'node:util'
import { PersistablesError, reason } from '../../errors'
import { abortable } from '../abort'
import { rechunked } from '../chunks'
import { requireName } from '../name'
import type { Blob, GetOptions, Spool, SpoolOptions, Store, StoreDatabase, TransferOptions } from '../store'
import { type Content, type DatabaseRows, databaseRows, ROW_BYTES } from './database-rows'
import { SourceFailure, TooLong } from './fill'
import { missing, requireBlob, requireDigest, sourceFailed, wrongLength } from './key'

/** Options of {@link databaseStore}. */
export interface DatabaseStoreOptions {
  /** what patterns call the store. @defaultValue 'database' */
  readonly name?: string
}

type Source = () => AsyncIterable<Uint8Array>

const DAY = 24 * 60 * 60 * 1000
const MODELS = ['persistableContent', 'persistableChunk'] as const

/**
 * Keeps bytes in the registry's own database, in rows of 256 KiB: for artifacts that must be where the rows are, in one backup and behind one password. Bytes
 * stream in and out, and are seen when all of them are there. Inside `using(tx)` they are read in that transaction.
 *
 * It works only in a repository, which gives it its database. Throws `SCHEMA_MISSING` when your own Prisma schema lacks its two models,
 * `DATABASE_FAILED` and `READ_ONLY` as rows do.
 *
 * @example
 * const repo = await openRepository({ stores: [databaseStore(), diskStore('/data')] })
 */
export function databaseStore(options: DatabaseStoreOptions = {}): Store {
  const name = requireName('store', options.name ?? 'database')
  const unbound = (): never => {
    throw new PersistablesError('STORE_FAILED', `The database store "${name}" is in no repository yet.`, {
      fix: 'Pass it to one: openRepository({ stores: [databaseStore()] }); it works through repo.stores.',
      details: { store: name },
    })
  }
  const never: DatabaseRows = new Proxy({} as DatabaseRows, { get: unbound })
  return storeOn(name, never)
}

function bound(name: string, database: StoreDatabase): Store {
  const client = database.client as unknown as Readonly<Record<string, unknown>>
  const lacking = MODELS.filter((model) => client[model] === undefined)
  if (lacking.length === 0) return storeOn(name, databaseRows(name, database))
  throw new PersistablesError('SCHEMA_MISSING', `The store "${name}" keeps bytes in tables that the Prisma client knows nothing of.`, {
    fix: 'Run `npx persistables init`, which puts the models PersistableContent and PersistableChunk into your schema, then prisma generate and prisma migrate dev.',
    details: { store: name, models: lacking },
  })
}

function storeOn(name: string, rows: DatabaseRows): Store {
  const locate = (digest: string): string => {
    requireDigest(name, digest)
    return `database:${name}/${digest}`
  }

  /** an upload with all the bytes of the source, nameless yet; when anything fails, nothing is left of it */
  const upload = async (source: AsyncIterable<Uint8Array>, options: SpoolOptions & { limit?: number }): Promise<Blob & { upload: string }> => {
    const { signal, onChunk, limit = Number.POSITIVE_INFINITY } = options
    const hash = createHash('sha256')
    const begun = await rows.begin()
    let size = 0
    try {
      let position = 0
      for await (const chunk of rechunked(counted(), ROW_BYTES)) {
        signal?.throwIfAborted()
        await rows.append(begun, position++, chunk)
        await turn()
      }
      return { upload: begun, digest: hash.digest('hex'), size }
    } catch (error) {
      await rows.abandon(begun).catch(() => {})
      if (signal?.aborted) throw signal.reason
      throw error instanceof SourceFailure ? sourceFailed(name, error.cause) : error
    }

    async function* counted(): AsyncGenerator<Uint8Array, void, undefined> {
      try {
        for await (const chunk of abortable(source, signal)) {
          if (!types.isUint8Array(chunk)) throw new TypeError(`a chunk is a ${typeof chunk}, not a Uint8Array`)
          size += chunk.length
          if (size > limit) break
          hash.update(chunk)
          onChunk?.(chunk)
          // The source may use the memory again while the rest of a row is awaited.
          yield new Uint8Array(chunk)
        }
      } catch (error) {
        if (signal?.aborted) throw signal.reason
        throw new SourceFailure(reason(error), { cause: error })
      }
      if (size > limit) throw new TooLong()
    }
  }

  const put = async (blob: Blob, source: Source, options: TransferOptions, always: boolean): Promise<void> => {
    requireBlob(name, blob)
    options.signal?.throwIfAborted()
    if (!always && (await rows.find(blob.digest))?.size === blob.size) return
    const made = await upload(source(), { ...options, limit: blob.size }).catch((error: unknown) => {
      throw error instanceof TooLong ? wrongLength(name, blob, 'more') : error
    })
    if (made.size !== blob.size) {
      await rows.abandon(made.upload)
      throw wrongLength(name, blob, String(made.size))
    }
    await settle(made.upload, blob, always, options.signal)
  }

  const settle = async (made: string, blob: Blob, always: boolean, signal: AbortSignal | undefined): Promise<void> => {
    try {
      signal?.throwIfAborted()
      if (!always && (await rows.publish(made, blob))) return
      if (!always && (await rows.find(blob.digest))?.size === blob.size) return await rows.abandon(made)
      if (await rows.supersede(made, blob)) return
    } catch (error) {
      await rows.abandon(made).catch(() => {})
      throw error
    }
    throw new PersistablesError(
      'STORE_FAILED',
      `The store "${name}" was swept while ${blob.digest.slice(0, 12)}… was being written; nothing was kept.`,
      {
        fix: 'Save it again, and sweep with a longer term (olderThan).',
        details: { store: name, digest: blob.digest },
      },
    )
  }

  async function* reading(found: Content, start: number, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
    let content = found
    for (let at = start; ; ) {
      signal?.throwIfAborted()
      const position = Math.floor(at / content.chunkSize)
      const bytes = await rows.chunk(content.upload, position)
      if (bytes === null) {
        // The end; or somebody replaced the blob meanwhile by one of the same digest: the rest is as good from there.
        const now = await rows.find(content.digest)
        if (now === null || now.upload === content.upload) return
        content = now
        continue
      }
      const piece = bytes.subarray(at - position * content.chunkSize)
      at = (position + 1) * content.chunkSize
      if (piece.length > 0) yield piece
      await turn()
    }
  }

  const store: Store = {
    name,
    kind: 'database',
    locate,
    bind: (database) => bound(name, database),
    put: (blob, source, options = {}) => put(blob, source, options, false),
    replace: (blob, source, options = {}) => put(blob, source, options, true),
    async *get(blob: Blob, { start = 0, signal }: GetOptions = {}) {
      requireBlob(name, blob)
      signal?.throwIfAborted()
      const content = await rows.find(blob.digest)
      if (content === null) throw missing(name, blob, locate(blob.digest))
      yield* reading(content, start, signal)
    },
    async size(digest) {
      requireDigest(name, digest)
      return (await rows.find(digest))?.size ?? null
    },
    async delete(digest) {
      requireDigest(name, digest)
      return rows.remove(digest)
    },
    list: () => rows.list(),
    owner: ({ claim } = {}) => rows.owner(claim),
    async spool(source, options = {}): Promise<Spool> {
      const made = await upload(source, options)
      const content: Content = { ...made, chunkSize: ROW_BYTES }
      return Object.freeze({
        digest: made.digest,
        size: made.size,
        commit: () => settle(made.upload, made, false, undefined),
        discard: () => rows.abandon(made.upload).catch(() => {}),
        read: () => reading(content, 0, undefined),
      })
    },
    async quarantine(digest) {
      requireDigest(name, digest)
      const copy = await rows.copy(digest, `quarantine/${digest}/${randomUUID()}`)
      return copy === null ? null : `database:${name}/quarantine/${digest} (upload ${copy})`
    },
    async sweep({ olderThan = DAY } = {}) {
      if (!(olderThan >= 0))
        throw new PersistablesError('INVALID_OPTION', `olderThan is ${String(olderThan)}.`, { fix: 'Give milliseconds, 0 or more.' })
      return rows.sweep(olderThan)
    },
  }
  return Object.freeze(store)
}
