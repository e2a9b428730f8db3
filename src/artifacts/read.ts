import { createHash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { isPersistablesError, PersistablesError, reason, suggest } from '../errors'
import type { ChunksRecord, Logger, PatternRecord } from '../types'
import { CHUNK_SIZE, chunkSums, rechunked, sumAt } from './chunks'
import type { AnySerializer, Content } from './serializer'
import { type Blob, isDigest, type Store } from './store'

/** One artifact to be read. */
export interface ReadRequest {
  readonly artifact: string
  /** what messages call the owner, e.g. `Classifier/clf@3` */
  readonly label: string
  /** pattern names and records in the order to try them; records come from a row and are not trusted */
  readonly records: readonly (readonly [string, PatternRecord])[]
  /** decodes whatever the pattern, once, instead of the serializer that the record names */
  readonly serializer?: AnySerializer
  /** reads under way, by store and digest: those who ask for the same bytes at the same time share one */
  readonly reading?: Map<string, SharedRead>
}

/** A read that others may have joined; then each gets a copy. */
export interface SharedRead {
  readonly bytes: Promise<Uint8Array>
  joined: boolean
}

/** What reading needs to know. */
export interface ReadContext {
  readonly stores: ReadonlyMap<string, Store>
  /** the serializer of a record's name; `undefined` when there is none */
  readonly serializerOf: (name: string) => AnySerializer | undefined
  /** names of the serializers, for messages */
  readonly serializerNames: readonly string[]
  readonly logger: Logger
}

/** Why a pattern did not serve. */
export interface Attempt {
  readonly pattern: string
  readonly store: string
  readonly code: string
  readonly reason: string
}

/**
 * The value of an artifact from the first pattern whose bytes are intact and decode. One warning names every pattern that failed before it.
 *
 * Throws `ARTIFACT_UNREADABLE` with every attempt when none serves.
 */
export async function readArtifact(request: ReadRequest, context: ReadContext): Promise<unknown> {
  const attempts: Attempt[] = []
  for (const [pattern, record] of request.records) {
    try {
      const store = storeOf(record, context)
      const serializer = request.serializer ?? serializerOf(record, context)
      const bytes = await shared(request.reading, `${record.store}/${record.digest}`, () => readWhole(store, record))
      const value: unknown = await serializer.decode(contentOf(bytes, record))
      warn(request, attempts, pattern, context)
      return value
    } catch (error) {
      attempts.push(attemptOf(pattern, record, error))
    }
  }
  throw unreadable(request, attempts)
}

/**
 * The content bytes of an artifact. No byte is handed on before it is verified: blobs up to 1 MiB as a whole, larger ones by the checksum of each chunk. When a
 * chunk is damaged, reading goes on at the same place in another pattern of equal content. The sha256 of everything decides at the end.
 *
 * Throws `ARTIFACT_UNREADABLE` with every attempt, or `ARTIFACT_CORRUPT` when the whole is wrong though every chunk was right.
 */
export async function* streamArtifact(request: ReadRequest, context: ReadContext): AsyncGenerator<Uint8Array, void, undefined> {
  const attempts: Attempt[] = []
  const hash = createHash('sha256')
  let begun: PatternRecord | undefined
  let offset = 0
  for (const [pattern, record] of request.records) {
    try {
      const store = storeOf(record, context)
      if (begun !== undefined && record.contentDigest !== begun.contentDigest) {
        throw new PersistablesError('ARTIFACT_UNREADABLE', 'Its content is another than the one that reading began with.')
      }
      for await (const chunk of verifiedChunks(store, record, offset, context, request)) {
        hash.update(chunk)
        offset += chunk.length
        begun = record
        yield chunk
      }
    } catch (error) {
      attempts.push(attemptOf(pattern, record, error))
      continue
    }
    if (offset !== record.contentSize || hash.digest('hex') !== record.contentDigest) {
      throw new PersistablesError(
        'ARTIFACT_CORRUPT',
        `The artifact "${request.artifact}" of ${request.label} is not what was saved, though each of its chunks seemed to be.`,
        {
          fix: 'Drop what was read.',
          details: { artifact: request.artifact, pattern },
        },
      )
    }
    warn(request, attempts, pattern, context)
    return
  }
  throw unreadable(request, attempts)
}

async function* verifiedChunks(
  store: Store,
  record: PatternRecord,
  start: number,
  context: ReadContext,
  request: ReadRequest,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (record.size <= CHUNK_SIZE) {
    yield (await readWhole(store, record)).subarray(start)
    return
  }
  const { sums, chunkSize } = await sumsOf(store, record, context, request)
  // Another pattern may have been cut in chunks of another size: begin at the chunk that holds the place, and hand on the rest of it.
  let index = Math.floor(start / chunkSize)
  let skip = start - index * chunkSize
  let read = index * chunkSize
  for await (const chunk of rechunked(store.get(record, { start: read }), chunkSize)) {
    read += chunk.length
    if (read > record.size || crc32(chunk) !== sumAt(sums, index))
      throw corrupt(store, record, `bytes ${read - chunk.length} to ${read} differ from what was saved`)
    index++
    yield skip === 0 ? chunk : chunk.subarray(skip)
    skip = 0
  }
  if (read !== record.size) throw corrupt(store, record, `it ends after ${read} of ${record.size} bytes`)
}

async function sumsOf(
  store: Store,
  record: PatternRecord,
  context: ReadContext,
  request: ReadRequest,
): Promise<{ sums: Uint8Array; chunkSize: number }> {
  const { chunks } = record
  if (typeof chunks === 'object' && chunks !== null && isUsable(chunks, record)) {
    try {
      return { sums: await readWhole(store, chunks), chunkSize: chunks.chunkSize }
    } catch (error) {
      context.logger.warn(
        `The chunk checksums of "${request.artifact}" of ${request.label} cannot be used (${reason(error)}): the bytes are read twice instead.`,
        {
          artifact: request.artifact,
          store: store.name,
        },
      )
    }
  }
  // One pass over the bytes gives the same checksums, and the sha256 says whether they can be trusted.
  const sums = chunkSums()
  await consume(store, record, sums.update)
  return { sums: sums.digest(), chunkSize: CHUNK_SIZE }
}

function isUsable(chunks: ChunksRecord, record: PatternRecord): boolean {
  const { chunkSize, size } = chunks
  return (
    isDigest(chunks.digest) &&
    Number.isSafeInteger(chunkSize) &&
    chunkSize >= 4096 &&
    chunkSize <= 64 * CHUNK_SIZE &&
    size === Math.ceil(record.size / chunkSize) * 4
  )
}

async function consume(store: Store, blob: Blob, onBlock: (block: Uint8Array) => void): Promise<void> {
  const hash = createHash('sha256')
  let size = 0
  for await (const block of store.get(blob)) {
    size += block.length
    if (size > blob.size) break
    hash.update(block)
    onBlock(block)
  }
  if (size !== blob.size)
    throw corrupt(store, blob, size > blob.size ? `it has more than ${blob.size} bytes` : `it has ${size} of ${blob.size} bytes`)
  if (hash.digest('hex') !== blob.digest) throw corrupt(store, blob, 'its sha256 is another')
}

async function readWhole(store: Store, blob: Blob): Promise<Uint8Array> {
  // Not of the blob's size at once: a row that was tampered with must not cost the memory it claims.
  const blocks: Uint8Array[] = []
  await consume(store, blob, (block) => blocks.push(block))
  const whole = new Uint8Array(blob.size)
  let at = 0
  for (const block of blocks) {
    whole.set(block, at)
    at += block.length
  }
  return whole
}

async function shared(reading: ReadRequest['reading'], key: string, read: () => Promise<Uint8Array>): Promise<Uint8Array> {
  const under = reading?.get(key)
  if (under !== undefined) {
    under.joined = true
    return (await under.bytes).slice()
  }
  const mine: SharedRead = { bytes: read(), joined: false }
  reading?.set(key, mine)
  try {
    const bytes = await mine.bytes
    return mine.joined ? bytes.slice() : bytes
  } finally {
    reading?.delete(key)
  }
}

function contentOf(bytes: Uint8Array, record: PatternRecord): Content {
  return {
    size: bytes.length,
    options: record.options ?? {},
    bytes: async () => bytes,
    async *stream() {
      for (let start = 0; start < bytes.length; start += CHUNK_SIZE) {
        if (start > 0) await turn()
        yield bytes.subarray(start, start + CHUNK_SIZE)
      }
    },
  }
}

// Records come from a row: whoever can write rows must not be able to make a read do more than fail.
function storeOf(record: PatternRecord, context: ReadContext): Store {
  const fits =
    isDigest(record.digest) && isDigest(record.contentDigest) && [record.size, record.contentSize].every((n) => Number.isSafeInteger(n) && n >= 0)
  if (!fits || !Array.isArray(record.wrappers))
    throw new PersistablesError('ARTIFACT_CORRUPT', 'The row’s record of it makes no sense.', { fix: 'Restore the row from a backup.' })
  const store = context.stores.get(record.store)
  if (store === undefined) {
    throw new PersistablesError('UNKNOWN_STORE', `This repository has no store "${record.store}".`, {
      fix: suggest(record.store, context.stores.keys(), 'It has none.'),
    })
  }
  if (record.wrappers.length > 0) {
    throw new PersistablesError('UNKNOWN_SERIALIZER', `It is wrapped in ${record.wrappers.join(', ')}, which this release does not know.`, {
      fix: 'Update persistables.',
    })
  }
  return store
}

function serializerOf(record: PatternRecord, context: ReadContext): AnySerializer {
  const serializer = context.serializerOf(record.serializer)
  if (serializer !== undefined) return serializer
  throw new PersistablesError('UNKNOWN_SERIALIZER', `This repository has no serializer "${record.serializer}".`, {
    fix: `${suggest(record.serializer, context.serializerNames, '')} Pass it in serializers.`,
  })
}

function corrupt(store: Store, blob: Blob, how: string): PersistablesError {
  return new PersistablesError('ARTIFACT_CORRUPT', `The bytes ${blob.digest.slice(0, 12)}… in the store "${store.name}" are damaged: ${how}.`, {
    details: { store: store.name, digest: blob.digest, place: store.locate(blob.digest) },
  })
}

function attemptOf(pattern: string, record: PatternRecord, error: unknown): Attempt {
  return { pattern, store: String(record?.store), code: isPersistablesError(error) ? error.code : 'UNDECODABLE', reason: reason(error) }
}

const listed = (attempts: readonly Attempt[]): string => attempts.map(({ pattern, reason: why }) => `${pattern}: ${why}`).join('; ')

function warn(request: ReadRequest, attempts: readonly Attempt[], served: string, context: ReadContext): void {
  if (attempts.length === 0) return
  context.logger.warn(`The artifact "${request.artifact}" of ${request.label} was read by ${served}, because ${listed(attempts)}`, {
    artifact: request.artifact,
    served,
    attempts,
  })
}

function unreadable(request: ReadRequest, attempts: readonly Attempt[]): PersistablesError {
  return new PersistablesError(
    'ARTIFACT_UNREADABLE',
    `No pattern of the artifact "${request.artifact}" of ${request.label} gives what was saved: ${attempts.length > 0 ? listed(attempts) : 'it has none'}`,
    {
      fix: 'Bring the bytes back from a copy, or configure the store or serializer that is missing.',
      details: { artifact: request.artifact, label: request.label, attempts },
    },
  )
}
