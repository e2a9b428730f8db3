import type { Filepaths } from '../types'
import { CHUNK_SIZE } from './chunks'
import { makesSense } from './record'
import type { Store } from './store'
import { readWhole } from './verified'

/** The chunk checksums of content of `size` bytes that an earlier version kept; `undefined` when it kept none of that size, or when they cannot be read. */
export type Earlier = (size: number, signal: AbortSignal | undefined) => Promise<Uint8Array | undefined>

/** {@link Earlier} of one artifact. @param filepaths - of the earlier version; asked for only when it matters */
export function earlierOf(artifact: string, stores: ReadonlyMap<string, Store>, filepaths: () => Promise<Filepaths | undefined>): Earlier {
  return async (size, signal) => {
    for (const record of Object.values((await filepaths())?.[artifact] ?? {})) {
      if (!makesSense(record) || record.contentSize !== size || record.wrappers.length > 0) continue
      const { chunks } = record
      const store = stores.get(record.store)
      if (store === undefined || chunks?.chunkSize !== CHUNK_SIZE) continue
      const sums = await readWhole(store, chunks, { signal }).catch(() => undefined)
      if (sums?.length === Math.ceil(size / CHUNK_SIZE) * 4) return sums
    }
    return undefined
  }
}
