import { createHash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { types } from 'node:util'
import { isPersistablesError, PersistablesError, reason, suggest } from '../errors'
import type { ChunksRecord, JsonObject, PatternRecord } from '../types'
import { CHUNK_SIZE, chunkSums } from './chunks'
import { isOneShot } from './one-shot'
import type { AnySerializer, Pattern } from './serializer'
import type { Blob, Spool, Store, TransferOptions } from './store'
import { tempSpool } from './stores/spool'

/** One artifact to be written. */
export interface ArtifactDraft {
  readonly artifact: string
  readonly value: unknown
  /** in the order they are written */
  readonly patterns: readonly Pattern[]
  /** the first serializer that the class declares: its bytes give the content digest, also when no pattern uses it */
  readonly declared: AnySerializer
}

/** What writing needs to know. */
export interface WriteContext extends TransferOptions {
  readonly stores: ReadonlyMap<string, Store>
  /** what messages call the owner, e.g. `Classifier/clf` */
  readonly label: string
}

/** An artifact whose bytes are known and hashed, and not visible in any store yet. Exactly one of write and discard is called. */
export interface EncodedArtifact {
  readonly artifact: string
  /** sha256 of the declared serializer's bytes */
  readonly contentDigest: string
  /** pattern name → what the row keeps */
  readonly records: Readonly<Record<string, PatternRecord>>
  /** everything that `write` writes, chunk checksums too, each once per store */
  readonly blobs: readonly (Blob & { readonly store: string })[]
  /** Writes to every pattern's store, in order. What is there already is not written again. Throws `STORE_FAILED`, naming artifact, pattern and store. */
  write(options?: TransferOptions): Promise<void>
  /** Removes temporary files; never throws. */
  discard(): Promise<void>
}

/** Bytes of one serializer: in memory, or in a spool that was written once. */
interface Body extends Blob {
  readonly options: JsonObject
  readonly sums: (Blob & { readonly bytes: Uint8Array }) | undefined
  readonly read: () => AsyncIterable<Uint8Array>
  /** where the spool lies, when it is a store's own */
  readonly home: Store | undefined
  readonly spool: Spool | undefined
}

/**
 * Encodes a value once per serializer, however many stores keep it, and hashes the bytes. Streams go through the first pattern's store that can spool, else
 * through a temporary file; nothing becomes visible before `write`.
 *
 * Throws `INVALID_ARTIFACT` for values that do not fit, `UNKNOWN_STORE` with near names, `STORE_FAILED`.
 *
 * @example
 * const encoded = await encodeArtifact({ artifact: 'rows', value, patterns, declared }, { stores, label: 'Dataset/iris' })
 * await encoded.write()
 */
export async function encodeArtifact(draft: ArtifactDraft, context: WriteContext): Promise<EncodedArtifact> {
  const places = draft.patterns.map((pattern) => ({ pattern, store: storeOf(pattern, draft, context) }))
  const serializers = new Map(draft.patterns.map(({ serializer }) => [serializer.name, serializer]))
  if (!serializers.has(draft.declared.name)) serializers.set(draft.declared.name, draft.declared)
  if (serializers.size > 1 && isOneShot(draft.value)) throw readTwice(draft, context, [...serializers.keys()])

  const bodies = new Map<string, Body>()
  const discard = async (): Promise<void> => {
    for (const { spool } of bodies.values()) await spool?.discard()
  }
  try {
    for (const [name, serializer] of serializers) {
      const home = places.find(({ pattern, store }) => pattern.serializer.name === name && store.spool !== undefined)?.store
      bodies.set(name, await bodyOf(serializer, draft, home, context))
    }
  } catch (error) {
    await discard()
    throw error
  }
  const body = (pattern: Pattern): Body => bodies.get(pattern.serializer.name) as Body
  const blobs = places.flatMap(({ pattern, store }) =>
    [body(pattern), body(pattern).sums].flatMap((blob) => (blob ? [{ store: store.name, digest: blob.digest, size: blob.size }] : [])),
  )
  return {
    artifact: draft.artifact,
    contentDigest: (bodies.get(draft.declared.name) as Body).digest,
    records: Object.fromEntries(draft.patterns.map((pattern) => [pattern.name, recordOf(pattern, body(pattern))])),
    blobs: [...new Map(blobs.map((blob) => [`${blob.store}/${blob.digest}`, blob])).values()],
    async write(options = {}) {
      const committed = new Set<Body>()
      try {
        for (const { pattern, store } of places) {
          try {
            await writeOne(body(pattern), store, committed, options)
          } catch (error) {
            throw writeFailed(error, draft, pattern, context, options)
          }
        }
      } finally {
        await discard()
      }
    },
    discard,
  }
}

async function writeOne(body: Body, store: Store, committed: Set<Body>, options: TransferOptions): Promise<void> {
  const { sums } = body
  if (sums !== undefined) await store.put(sums, () => once(sums.bytes), options)
  if (body.home === store && body.spool !== undefined && !committed.has(body)) {
    options.signal?.throwIfAborted()
    await body.spool.commit()
    committed.add(body)
    return
  }
  // After the commit the spool is gone: the bytes come back out of the store, checked on the way.
  const { home } = body
  await store.put(body, home !== undefined && committed.has(body) ? () => checked(home.get(body, options), body) : body.read, options)
}

async function bodyOf(serializer: AnySerializer, draft: ArtifactDraft, home: Store | undefined, context: WriteContext): Promise<Body> {
  const encoded = await serializer.encode(draft.value)
  const options = encoded.options ?? {}
  const { bytes } = encoded
  if (types.isUint8Array(bytes)) {
    const sums = chunkSums()
    const digest = await sha256(bytes, (piece) => bytes.length > CHUNK_SIZE && sums.update(piece))
    return {
      digest,
      size: bytes.length,
      options,
      sums: sidecar(bytes.length, sums.digest()),
      // What is written is what was hashed, whatever the caller does to the memory meanwhile.
      read: () => checked(copied(bytes), { digest, size: bytes.length }, 'The value was changed while it was being saved.'),
      home: undefined,
      spool: undefined,
    }
  }
  const sums = chunkSums()
  const settings = { onChunk: sums.update, ...(context.signal !== undefined && { signal: context.signal }) }
  const spool = await (home?.spool === undefined ? tempSpool(bytes, settings) : home.spool(bytes, settings)).catch((error: unknown) => {
    throw sourceFault(error) ?? error
  })
  return {
    digest: spool.digest,
    size: spool.size,
    options,
    sums: sidecar(spool.size, sums.digest()),
    read: () => spool.read(),
    home: home?.spool === undefined ? undefined : home,
    spool,
  }
}

// A value that does not fit is found only while its stream is being spooled: it is the value's fault then, not the store's.
function sourceFault(error: unknown): PersistablesError | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) if (isPersistablesError(at, 'INVALID_ARTIFACT')) return at
  return undefined
}

function sidecar(size: number, bytes: Uint8Array): Body['sums'] {
  if (size <= CHUNK_SIZE) return undefined
  return { bytes, digest: createHash('sha256').update(bytes).digest('hex'), size: bytes.length }
}

const PIECE = 8 << 20

async function sha256(bytes: Uint8Array, onPiece: (piece: Uint8Array) => unknown): Promise<string> {
  const hash = createHash('sha256')
  for (let start = 0; start < bytes.length; start += PIECE) {
    if (start > 0) await turn()
    const piece = bytes.subarray(start, start + PIECE)
    hash.update(piece)
    onPiece(piece)
  }
  return hash.digest('hex')
}

async function* copied(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  for (let start = 0; start < bytes.length; start += CHUNK_SIZE) yield new Uint8Array(bytes.subarray(start, start + CHUNK_SIZE))
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}

async function* checked(
  source: AsyncIterable<Uint8Array>,
  blob: Blob,
  what = `The bytes ${blob.digest.slice(0, 12)}… that were just written came back different.`,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256')
  let size = 0
  let last: Uint8Array | undefined
  // One block behind: the reader must not get the last byte of what turns out to be damaged.
  for await (const block of source) {
    if (last !== undefined) yield last
    hash.update(block)
    size += block.length
    last = block
  }
  if (size !== blob.size || hash.digest('hex') !== blob.digest) {
    throw new PersistablesError('ARTIFACT_CORRUPT', what, { fix: 'Save it again.', details: { digest: blob.digest } })
  }
  if (last !== undefined) yield last
}

function recordOf(pattern: Pattern, body: Body): PatternRecord {
  const chunks: ChunksRecord | undefined = body.sums && { digest: body.sums.digest, size: body.sums.size, chunkSize: CHUNK_SIZE }
  return Object.freeze({
    store: pattern.store,
    serializer: pattern.serializer.name,
    wrappers: [],
    options: body.options,
    digest: body.digest,
    size: body.size,
    contentDigest: body.digest,
    contentSize: body.size,
    ...(chunks !== undefined && { chunks }),
  })
}

function storeOf(pattern: Pattern, draft: ArtifactDraft, context: WriteContext): Store {
  const store = context.stores.get(pattern.store)
  if (store !== undefined) return store
  throw new PersistablesError(
    'UNKNOWN_STORE',
    `The artifact "${draft.artifact}" of ${context.label} goes to the store "${pattern.store}", which this repository does not have.`,
    {
      fix: `${suggest(pattern.store, context.stores.keys(), 'It has none.')} Pass it in stores: openRepository({ stores: [diskStore(dir, { name: '${pattern.store}' })] }).`,
      details: { artifact: draft.artifact, pattern: pattern.name, store: pattern.store, known: [...context.stores.keys()] },
    },
  )
}

function readTwice(draft: ArtifactDraft, context: WriteContext, serializers: readonly string[]): PersistablesError {
  return new PersistablesError(
    'INVALID_ARTIFACT',
    `The value of "${draft.artifact}" of ${context.label} can be read once, and ${serializers.join(' and ')} would each read it.`,
    {
      fix: 'Set a value that can be read twice: an array, bytes, or an object with [Symbol.asyncIterator]() that begins anew.',
      details: { artifact: draft.artifact, serializers },
    },
  )
}

function writeFailed(error: unknown, draft: ArtifactDraft, pattern: Pattern, context: WriteContext, options: TransferOptions): unknown {
  if (options.signal?.aborted) return error
  return new PersistablesError(
    'STORE_FAILED',
    `The artifact "${draft.artifact}" of ${context.label} could not be written by the pattern ${pattern.name}: ${reason(error)}`,
    {
      details: {
        artifact: draft.artifact,
        pattern: pattern.name,
        store: pattern.store,
        ...(isPersistablesError(error) && { ...error.details, code: error.code }),
      },
      cause: error,
    },
  )
}
