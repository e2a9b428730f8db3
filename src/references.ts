import { type Blob, isDigest } from './artifacts/store'
import type { StoredBlob } from './blobs'
import type { Filepaths } from './types'

/**
 * The blobs that a row refers to, sidecars too, each once. What has no digest refers to nothing: whoever can write rows must not be able to make gc or verify do
 * more than look. What has one keeps its bytes, whatever else is wrong with it; a size that is none becomes 0.
 */
export function referencesOf(filepaths: Filepaths): StoredBlob[] {
  const found = new Map<string, StoredBlob>()
  const add = (store: unknown, blob: Partial<Blob> | undefined): void => {
    if (typeof store !== 'string' || !isObject(blob) || !isDigest(blob.digest)) return
    found.set(`${store}/${blob.digest}`, { store, digest: blob.digest, size: isSize(blob.size) ? blob.size : 0 })
  }
  for (const patterns of members(filepaths)) {
    for (const record of members(patterns)) {
      if (!isObject(record)) continue
      const { store, chunks } = record as Partial<{ store: string; chunks: Partial<Blob> }>
      add(store, record)
      add(store, chunks)
    }
  }
  return [...found.values()]
}

/** Whether something can be a number of bytes. */
export function isSize(size: unknown): size is number {
  return typeof size === 'number' && Number.isSafeInteger(size) && size >= 0
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function members(value: unknown): unknown[] {
  return isObject(value) ? Object.values(value) : []
}
