import { createHash } from 'node:crypto'
import { types } from 'node:util'
import { abortable } from '../abort'
import { blockMemory } from '../blocks'
import type { TransferOptions } from '../store'
import type { OpenFile } from './disk-files'

/** Bytes per read. */
const BLOCK = 1 << 20
/**
 * Bytes per write. Linux 6.18 on ext4 keeps a write of 1 MiB in one piece of page cache, which a virtual machine that gives free memory back to its host has to
 * fetch anew each time: 2.8 ms per MiB against 1.0 in quarters, near the 0.9 of the system's own copy (measured on a Firecracker guest).
 */
const WRITE = 1 << 18
/** Bytes after which data are pushed to the medium while more are coming, so that the last sync has little left to do. */
const SYNC_EVERY = 8 << 20

/** Thrown by {@link fill} for what its source threw, to tell it from what the file system threw. */
export class SourceFailure extends Error {}

/** Thrown by {@link fill} when the source gives more bytes than were promised. */
export class TooLong extends Error {}

/** Options of {@link fill}. */
export interface FillOptions extends TransferOptions {
  /** number of bytes promised; more of them throw {@link TooLong}. @defaultValue any number */
  readonly limit?: number
  /** whether the data must be on the medium at the end */
  readonly durable: boolean
  /** whether to compute the sha256 */
  readonly hashed: boolean
  /** sees the bytes in order; each chunk is valid only during the call */
  readonly onChunk?: ((chunk: Uint8Array) => void) | undefined
}

/**
 * Writes a stream into a new file. Small chunks are gathered into reused blocks; one write is in flight while the next block is gathered and hashed.
 * Memory: two such blocks.
 *
 * @example
 * const { size, digest } = await fill(await files.create(path), stream, { durable: true, hashed: true })
 */
export async function fill(file: OpenFile, source: AsyncIterable<Uint8Array>, options: FillOptions): Promise<{ size: number; digest: string }> {
  const hash = options.hashed ? createHash('sha256') : null
  const capacity = Math.max(1, Math.min(WRITE, options.limit ?? WRITE))
  let block: Buffer = Buffer.allocUnsafeSlow(capacity)
  let spare: Buffer | null = null
  let used = 0
  let size = 0
  let unsynced = 0
  let writing: Promise<void> = Promise.resolve()
  let syncing: Promise<void> | null = null
  let syncFailure: { error: unknown } | null = null

  const pushToMedium = async (): Promise<void> => {
    try {
      await file.sync()
    } catch (error) {
      // the system tells of a lost write once only, so it must not be forgotten
      syncFailure ??= { error }
    } finally {
      syncing = null
    }
  }

  const flush = async (): Promise<void> => {
    await writing
    if (syncFailure !== null) throw syncFailure.error
    if (options.durable && unsynced >= SYNC_EVERY && syncing === null) {
      unsynced = 0
      syncing = pushToMedium()
    }
    const full = block.subarray(0, used)
    writing = file.write(full, size)
    writing.catch(() => undefined)
    hash?.update(full)
    options.onChunk?.(full)
    size += used
    unsynced += used
    const free: Buffer = spare ?? Buffer.allocUnsafeSlow(capacity)
    spare = block
    block = free
    used = 0
  }

  try {
    for await (const chunk of marked(abortable(source, options.signal))) {
      if (options.limit !== undefined && size + used + chunk.length > options.limit) throw new TooLong()
      for (let taken = 0; taken < chunk.length; ) {
        const piece = chunk.subarray(taken, taken + capacity - used)
        block.set(piece, used)
        used += piece.length
        taken += piece.length
        if (used === capacity) await flush()
      }
    }
    if (used > 0) await flush()
    await writing
    if (options.durable) {
      await syncing
      if (syncFailure === null) await pushToMedium()
      if (syncFailure !== null) throw (syncFailure as { error: unknown }).error
    }
    return { size, digest: hash?.digest('hex') ?? '' }
  } finally {
    // the file's number may be another file's as soon as it is closed
    await Promise.allSettled([writing, syncing])
  }
}

/** `source`, with what it throws wrapped in {@link SourceFailure}, and with every chunk checked to be bytes. */
export async function* marked(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = source[Symbol.asyncIterator]()
  let finished = false
  try {
    for (;;) {
      let next: IteratorResult<Uint8Array>
      try {
        next = await iterator.next()
        if (next.done !== true && !types.isUint8Array(next.value)) throw new TypeError(`a chunk is a ${typeof next.value}, not a Uint8Array`)
      } catch (cause) {
        finished = !(cause instanceof TypeError)
        throw new SourceFailure('the source failed', { cause })
      }
      if (next.done === true) {
        finished = true
        return
      }
      yield next.value
    }
  } finally {
    if (!finished) await iterator.return?.()
  }
}

/**
 * The bytes of a file from `start` on, in blocks of 1 MiB; the next block is on its way while one is looked at. Closes the file.
 *
 * @param reuse - whether a block's memory is used again when the one after it is asked for; otherwise blocks belong to the reader. @defaultValue false
 */
export async function* drain(file: OpenFile, start: number, reuse = false): AsyncGenerator<Uint8Array, void, undefined> {
  let coming: Promise<Uint8Array> | null = null
  try {
    const size = await file.size()
    let position = start
    const memory = blockMemory(reuse)
    const read = (): Promise<Uint8Array> | null => {
      if (position >= size) return null
      const block = readBlock(file, position, memory(Math.min(BLOCK, size - position)))
      block.catch(() => undefined)
      return block
    }
    coming = read()
    while (coming !== null) {
      const block = await coming
      coming = null
      if (block.length === 0) return
      position += block.length
      coming = read()
      yield block
    }
  } finally {
    await coming?.catch(() => undefined)
    await file.close()
  }
}

async function readBlock(file: OpenFile, position: number, block: Uint8Array): Promise<Uint8Array> {
  let done = 0
  while (done < block.length) {
    const count = await file.read(block.subarray(done), position + done)
    if (count === 0) break
    done += count
  }
  return block.subarray(0, done)
}
