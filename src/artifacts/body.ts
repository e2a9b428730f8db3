import { createHash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { isPersistablesError, PersistablesError } from '../errors'
import { abortable } from './abort'
import { CHUNK_SIZE, chunkSums, rechunked, sumAt } from './chunks'
import { exactBytes } from './intact'
import { hashing } from './sha256'
import type { Blob, Spool, Store } from './store'
import { sourceFailed } from './stores/key'
import { tempSpool } from './stores/spool'

/** Bytes that are known and hashed: in memory, or in a spool that was written once. */
export interface Body extends Blob {
  /** checksums per chunk, of bodies above one chunk */
  readonly sums: (Blob & { readonly bytes: Uint8Array }) | undefined
  /** the bytes, checked against the digest on the way */
  read(): AsyncIterable<Uint8Array>
  readonly spool: Spool | undefined
  /** whose own the spool is; `undefined` for a temporary file */
  readonly home: Store | undefined
}

const PIECE = 8 << 20
const CHANGED = 'The value was changed while it was being saved.'

/** A body of bytes in memory. */
export async function bodyOfBytes(bytes: Uint8Array): Promise<Body> {
  const sums = chunkSums()
  const digest = await sha256(bytes, (piece) => bytes.length > CHUNK_SIZE && sums.update(piece))
  const blob = { digest, size: bytes.length }
  return {
    ...blob,
    sums: sidecar(bytes.length, sums.digest()),
    // What is written is what was hashed, whatever the caller does to the memory meanwhile.
    read: () => checked(copied(bytes), blob, CHANGED),
    home: undefined,
    spool: undefined,
  }
}

/** A body of a stream: in memory when it is no longer than one chunk, else in a spool of `home`, else in a temporary file. */
export async function bodyOfStream(source: AsyncIterable<Uint8Array>, home: Store | undefined, signal: AbortSignal | undefined): Promise<Body> {
  const iterator = abortable(source, signal)[Symbol.asyncIterator]()
  const head: Uint8Array[] = []
  let length = 0
  // Most streams are a few rows: neither a file nor a sync for them.
  while (length <= CHUNK_SIZE) {
    const next = await iterator.next().catch((error: unknown) => {
      throw sourceFault(error, signal) ?? sourceFailed(home?.name ?? 'temporary files', error)
    })
    if (next.done === true) return bodyOfBytes(Buffer.concat(head, length))
    head.push(new Uint8Array(next.value))
    length += next.value.length
  }
  try {
    return await spooled(resumed(head, iterator), home, signal)
  } catch (error) {
    // a place that could not even begin has not closed what it was given
    void Promise.resolve(iterator.return?.()).catch(() => undefined)
    throw error
  }
}

/** A body of a file of this machine, cloned into `home` where that can be done without moving a byte; `undefined` where it cannot. */
export async function bodyOfFile(path: string, home: Store | undefined, signal: AbortSignal | undefined): Promise<Body | undefined> {
  const sums = chunkSums()
  const spool = await home?.spoolFile?.(path, { onChunk: sums.update, signal })
  return spool ? bodyOfSpool(spool, sums.digest(), home) : undefined
}

/**
 * The body of content that seems to be what an earlier version kept: hashed and not put anywhere, since the stores have it. `undefined` as soon as a chunk differs, so
 * that little is read in vain.
 *
 * @param content - to be hashed now, and to be read where a store has lost it
 * @param earlier - the chunk checksums of the earlier version's
 */
export async function bodyOfUnchanged(
  content: { readonly hashed: AsyncIterable<Uint8Array>; readonly read: () => AsyncIterable<Uint8Array> },
  earlier: Uint8Array,
): Promise<Body | undefined> {
  const hash = hashing()
  let index = 0
  for await (const chunk of hash.on(rechunked(content.hashed, CHUNK_SIZE))) {
    if (index * 4 >= earlier.length || crc32(chunk) !== sumAt(earlier, index)) return undefined
    index++
  }
  if (index * 4 !== earlier.length) return undefined
  const blob = hash.blob()
  return { ...blob, sums: sidecar(blob.size, earlier), read: () => checked(content.read(), blob, CHANGED), home: undefined, spool: undefined }
}

async function spooled(source: AsyncIterable<Uint8Array>, home: Store | undefined, signal: AbortSignal | undefined): Promise<Body> {
  const sums = chunkSums()
  const settings = { onChunk: sums.update, ...(signal !== undefined && { signal }) }
  const spool = await (home?.spool === undefined ? tempSpool(source, settings) : home.spool(source, settings)).catch((error: unknown) => {
    throw sourceFault(error, signal) ?? error
  })
  return bodyOfSpool(spool, sums.digest(), home)
}

function bodyOfSpool(spool: Spool, sums: Uint8Array, home: Store | undefined): Body {
  return {
    digest: spool.digest,
    size: spool.size,
    sums: sidecar(spool.size, sums),
    read: () => checked(spool.read(), spool),
    home: home?.spool === undefined ? undefined : home,
    spool,
  }
}

async function* resumed(head: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let finished = false
  try {
    yield* head
    for (;;) {
      const next = await rest.next()
      finished = next.done === true
      if (next.done === true) return
      yield next.value
    }
  } catch (error) {
    finished = true
    throw error
  } finally {
    if (!finished) await rest.return?.()
  }
}

// A value that does not fit is found only while its stream is being read: it is the value's fault then, not the store's.
function sourceFault(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    if (isPersistablesError(at, 'INVALID_ARTIFACT') || isPersistablesError(at, 'MISSING_DEPENDENCY')) return at
  return undefined
}

function sidecar(size: number, bytes: Uint8Array): Body['sums'] {
  if (size <= CHUNK_SIZE) return undefined
  return { bytes, digest: createHash('sha256').update(bytes).digest('hex'), size: bytes.length }
}

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

function checked(
  source: AsyncIterable<Uint8Array>,
  blob: Blob,
  what = `The bytes ${blob.digest.slice(0, 12)}… that were just written came back different.`,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { digest } = blob
  return exactBytes(source, blob, () => new PersistablesError('ARTIFACT_CORRUPT', what, { fix: 'Save it again.', details: { digest } }))
}
