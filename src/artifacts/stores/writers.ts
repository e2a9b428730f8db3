import { unlessAborted } from '../abort'
import type { Blob } from '../store'

/** Lets one writer of each digest write at a time in this process; the others rely on it if it succeeds. */
export interface Writers {
  /**
   * Runs `work`, unless another writer of the same blob is at it: then waits for that one, and does nothing when it has succeeded and `always` is not set.
   * Throws the signal's reason while it waits; what another writer's work throws is that writer's.
   */
  alone(blob: Blob, options: { readonly always: boolean; readonly signal: AbortSignal | undefined }, work: () => Promise<void>): Promise<void>
}

/** {@link Writers} of one store. */
export function writers(): Writers {
  const pending = new Map<string, Promise<number | null>>()
  return {
    async alone(blob, { always, signal }, work) {
      for (let other = pending.get(blob.digest); other !== undefined; other = pending.get(blob.digest)) {
        const size = await unlessAborted(other, signal)
        if (size === blob.size && !always) return
      }
      signal?.throwIfAborted()
      const working = work()
      const done = working.then(
        () => blob.size,
        () => null,
      )
      pending.set(blob.digest, done)
      try {
        await working
      } finally {
        pending.delete(blob.digest)
      }
    },
  }
}
