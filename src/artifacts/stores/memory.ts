import { types } from 'node:util'
import { abortable } from '../abort'
import { joined } from '../blocks'
import { requireName } from '../name'
import type { Blob, GetOptions, Store, TransferOptions } from '../store'
import { missing, requireBlob, requireDigest, sourceFailed, wrongLength } from './key'

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /** what patterns call the store. @defaultValue 'memory' */
  readonly name?: string
}

const BLOCK = 1 << 20

/**
 * Keeps bytes in this process's memory: for tests and for caches in front of slower stores. Bytes are copied on their way in and out. Throws as every
 * {@link Store} does.
 *
 * @example
 * const repo = await openRepository({ stores: [memoryStore(), diskStore('/data')] })
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  const name = requireName('store', options.name ?? 'memory')
  const blobs = new Map<string, Uint8Array>()
  let owner: string | null = null

  const locate = (digest: string): string => {
    requireDigest(name, digest)
    return `memory:${name}/${digest}`
  }

  const take = async (blob: Blob, source: () => AsyncIterable<Uint8Array>, { signal }: TransferOptions): Promise<void> => {
    const parts: Uint8Array[] = []
    let size = 0
    try {
      for await (const chunk of abortable(source(), signal)) {
        if (!types.isUint8Array(chunk)) throw new TypeError(`a chunk is a ${typeof chunk}, not a Uint8Array`)
        size += chunk.length
        if (size > blob.size) break
        parts.push(new Uint8Array(chunk))
      }
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      throw sourceFailed(name, error)
    }
    if (size !== blob.size) throw wrongLength(name, blob, size > blob.size ? 'more' : String(size))
    blobs.set(blob.digest, joined(parts, size))
  }

  return Object.freeze({
    name,
    kind: 'memory',
    locate,
    async put(blob: Blob, source: () => AsyncIterable<Uint8Array>, options: TransferOptions = {}) {
      requireBlob(name, blob)
      options.signal?.throwIfAborted()
      if (blobs.get(blob.digest)?.length !== blob.size) await take(blob, source, options)
    },
    async replace(blob: Blob, source: () => AsyncIterable<Uint8Array>, options: TransferOptions = {}) {
      requireBlob(name, blob)
      options.signal?.throwIfAborted()
      await take(blob, source, options)
    },
    async *get(blob: Blob, { start = 0, signal }: GetOptions = {}) {
      requireBlob(name, blob)
      signal?.throwIfAborted()
      const bytes = blobs.get(blob.digest)
      if (bytes === undefined) throw missing(name, blob, locate(blob.digest))
      for (let position = start; position < bytes.length; position += BLOCK) {
        signal?.throwIfAborted()
        yield bytes.slice(position, position + BLOCK)
      }
    },
    async size(digest: string) {
      requireDigest(name, digest)
      return blobs.get(digest)?.length ?? null
    },
    async delete(digest: string) {
      requireDigest(name, digest)
      return blobs.delete(digest)
    },
    async *list() {
      for (const [digest, bytes] of blobs) yield Object.freeze({ digest, size: bytes.length })
    },
    async owner({ claim }: { claim?: string } = {}) {
      if (claim !== undefined) owner ??= claim
      return owner
    },
  })
}
