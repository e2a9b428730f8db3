import { PersistablesError } from '../../errors'
import type { Blob } from '../store'

const MIB = 1 << 20

/** The largest object that S3 keeps, in bytes. */
export const MAX_OBJECT: number = 5 * 1024 ** 4
/** The most parts of one object. */
export const MAX_PARTS = 10_000
/** The smallest size of a part that is not the last one, in bytes. */
export const MIN_PART: number = 5 * MIB
/** The largest size of a part that may be asked for, in bytes: parts are held in memory. */
export const MAX_PART: number = 1024 * MIB

/** How an object is cut. */
export interface PartPlan {
  /** number of parts; 1 means that the object is put in one request */
  readonly count: number
  /** bytes of every part but the last */
  readonly partSize: number
  /** parts held in memory at once, the one that is being filled among them */
  readonly held: number
}

/**
 * Cuts an object of `size` bytes into parts of `partSize`, or as much larger as 10,000 parts need, in whole MiB. As many are held at once as fit the memory of
 * `queue` parts of `partSize`, at least one.
 *
 * @example
 * partPlan(5 * 1024 ** 4, { partSize: 8 << 20, queue: 4 }) // { count: 9987, partSize: 550502400, held: 1 }
 */
export function partPlan(size: number, { partSize, queue }: { readonly partSize: number; readonly queue: number }): PartPlan {
  if (size <= partSize) return { count: 1, partSize: size, held: 1 }
  const least = Math.ceil(size / MAX_PARTS / MIB) * MIB
  const chosen = Math.max(partSize, least)
  return { count: Math.ceil(size / chosen), partSize: chosen, held: Math.max(1, Math.min(queue, Math.floor((partSize * queue) / chosen))) }
}

/** Throws `STORE_FAILED` for a blob that no S3 object can hold. */
export function requireFits(store: string, blob: Blob): void {
  if (blob.size <= MAX_OBJECT) return
  throw new PersistablesError('STORE_FAILED', `The store "${store}" cannot keep ${blob.size} bytes in one object: the limit is 5 TiB.`, {
    fix: 'Keep it in another store, or in several artifacts.',
    details: { store, digest: blob.digest, size: blob.size, limit: MAX_OBJECT },
  })
}
