import { crc32 } from 'node:zlib'
import { isPersistablesError, PersistablesError, reason } from '../errors'
import type { ChunksRecord, PatternRecord } from '../types'
import { abortable, unlessAborted } from './abort'
import { joined } from './blocks'
import { CHUNK_SIZE, chunkSums, rechunked, sumAt } from './chunks'
import { type Consuming, differenceIn, ofSize } from './intact'
import type { Source } from './record'
import { hashing } from './sha256'
import { type Blob, isDigest, type Store, type TransferOptions } from './store'
import { unwrapAll } from './wrapper'

/** How verified bytes are read. */
export interface Verifying extends TransferOptions {
  /** hears why the checksums of a blob could not be used */
  readonly onUnusable: (why: string) => void
}

/**
 * The content of a record from byte `start` on. No stored byte is handed on, or reaches a wrapper, before it is verified: blobs up to 1 MiB as a whole, larger ones by
 * the checksum of each chunk. Wrapped content begins at its beginning whatever `start` is, and never gives more than the record says.
 *
 * Throws `ARTIFACT_CORRUPT`, `ARTIFACT_MISSING`, `STORE_FAILED`, or the signal's reason.
 */
export async function* verifiedContent(
  { store, wrappers }: Source,
  record: PatternRecord,
  start: number,
  options: Verifying,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (wrappers.length === 0) {
    yield* verifiedStored(store, record, start, options)
    return
  }
  let at = 0
  try {
    for await (const chunk of unwrapAll(verifiedStored(store, record, 0, options), wrappers)) {
      // before anything of it is kept: what says that it is small may unwrap to any size
      if (at + chunk.length > record.contentSize) throw corrupt(store, record, `it unwraps to more than ${record.contentSize} bytes`)
      if (at + chunk.length > start) yield at >= start ? chunk : chunk.subarray(start - at)
      at += chunk.length
    }
  } catch (error) {
    if (isPersistablesError(error) || options.signal?.aborted) throw error
    throw corrupt(store, record, `it cannot be unwrapped (${reason(error)})`)
  }
  if (at !== record.contentSize) throw corrupt(store, record, `it unwraps to ${at} of ${record.contentSize} bytes`)
}

async function* verifiedStored(store: Store, record: PatternRecord, start: number, options: Verifying): AsyncGenerator<Uint8Array, void, undefined> {
  const { signal } = options
  if (record.size <= CHUNK_SIZE) {
    const whole = await readWhole(store, record, { signal })
    if (start < whole.length || start === 0) yield whole.subarray(start)
    return
  }
  const { sums, chunkSize } = await sumsOf(store, record, options)
  // Another pattern may have been cut in chunks of another size: begin at the chunk that holds the place, and hand on the rest of it.
  let index = Math.floor(start / chunkSize)
  let skip = start - index * chunkSize
  let read = index * chunkSize
  for await (const chunk of rechunked(abortable(store.get(record, { start: read, signal }), signal), chunkSize)) {
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
  { signal, onUnusable }: Verifying,
): Promise<{ readonly sums: Uint8Array; readonly chunkSize: number }> {
  const { chunks } = record
  if (typeof chunks === 'object' && chunks !== null && isUsable(chunks, record)) {
    try {
      return { sums: await readWhole(store, chunks, { signal }), chunkSize: chunks.chunkSize }
    } catch (error) {
      if (signal?.aborted) throw error
      onUnusable(reason(error))
    }
  }
  // One pass over the bytes gives the same checksums, and the sha256 says whether they can be trusted.
  const sums = chunkSums()
  await consume(store, record, { signal, onBlock: sums.update })
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

// Reads all of a blob, and throws unless it is right.
async function consume(store: Store, blob: Blob, options: Consuming): Promise<void> {
  const how = await differenceIn(store, blob, options)
  if (how !== null) throw corrupt(store, blob, how)
}

/** Options of {@link readWhole}. */
export interface ReadWholeOptions extends TransferOptions {
  /** hears the bytes so far */
  readonly onBytes?: ((done: number) => void) | undefined
}

/** A stored blob in memory, verified by its sha256. Throws as {@link verifiedContent} does. */
export async function readWhole(store: Store, blob: Blob, { signal, onBytes }: ReadWholeOptions = {}): Promise<Uint8Array> {
  let done = 0
  const counted = (block: Uint8Array): void => {
    done += block.length
    onBytes?.(done)
  }
  // A row that was tampered with must not cost the memory it claims.
  const there = blob.size > CHUNK_SIZE ? await unlessAborted(store.size(blob.digest), signal) : null
  if (there !== null && there !== blob.size) throw corrupt(store, blob, ofSize(blob, there))
  if (there === null) {
    const blocks: Uint8Array[] = []
    const onBlock = (block: Uint8Array): void => {
      blocks.push(block)
      counted(block)
    }
    await consume(store, blob, { signal, onBlock, keeps: true })
    return joined(blocks, blob.size)
  }
  const whole = Buffer.allocUnsafeSlow(blob.size)
  const onBlock = (block: Uint8Array): void => {
    whole.set(block, done)
    counted(block)
  }
  await consume(store, blob, { signal, onBlock })
  return new Uint8Array(whole.buffer)
}

/** The content of a wrapped record in memory, verified by both of its digests. Throws as {@link verifiedContent} does. */
export async function readUnwrapped(
  source: Source,
  record: PatternRecord,
  { onBytes, ...options }: Verifying & ReadWholeOptions,
): Promise<Uint8Array> {
  const blocks: Uint8Array[] = []
  const hash = hashing()
  let done = 0
  for await (const block of hash.on(verifiedContent(source, record, 0, options))) {
    blocks.push(block)
    done += block.length
    onBytes?.(done)
  }
  if (hash.blob().digest !== record.contentDigest) throw corrupt(source.store, record, 'the sha256 of its content is another')
  return joined(blocks, done)
}

function corrupt(store: Store, blob: Blob, how: string): PersistablesError {
  return new PersistablesError('ARTIFACT_CORRUPT', `The bytes ${blob.digest.slice(0, 12)}… in the store "${store.name}" are damaged: ${how}.`, {
    details: { store: store.name, digest: blob.digest, place: store.locate(blob.digest) },
  })
}
