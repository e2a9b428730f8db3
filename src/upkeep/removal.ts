import type { Blob, Store } from '../artifacts/store'
import { type Batch, type Condemned, LEASE_MS } from '../condemned'
import { reason } from '../errors'
import { note, type Tallying } from './collection'

/** Removals that one batch has under way at once. */
const AT_ONCE = 8

/**
 * Removes the bytes of a condemned batch, then forgets the blobs. Nothing is removed unless the batch is known to be this gc's own still: it renews the lease
 * while it works, and begins no removal when the last renewal is a third of the lease ago, by the slower of two clocks, of which one goes on while a machine
 * sleeps.
 *
 * @param asked - when the batch was asked for: its lease began later than that
 */
export async function removeBatch(store: Store, batch: Batch, asked: Instant, condemned: Condemned, report: Tallying): Promise<void> {
  let held = batch
  let since = asked
  let renewing: Promise<void> = Promise.resolve()
  const gone: string[] = []

  const renew = (): Promise<void> => {
    renewing = renewing.then(async () => {
      const now = instant()
      const renewed = await condemned.renew(store.name, held).catch(() => null)
      if (renewed === null) return
      held = renewed
      since = now
    })
    return renewing
  }
  const isMine = async ({ digest }: Blob): Promise<boolean> => {
    if (elapsed(since) > LEASE_MS / 3) await renew()
    return elapsed(since) <= LEASE_MS / 3 && held.blobs.some((blob) => blob.digest === digest)
  }
  const remove = async (blob: Blob): Promise<void> => {
    if (!(await isMine(blob))) return
    try {
      const removed = await store.delete(blob.digest)
      if (removed) {
        report.deleted++
        report.bytesFreed += blob.size
      } else report.missing++
      gone.push(blob.digest)
    } catch (error) {
      note(report, `${blob.digest}: ${reason(error)}`)
    }
  }

  const timer = setInterval(() => void renew(), LEASE_MS / 5)
  timer.unref()
  try {
    const waiting = [...batch.blobs]
    const worker = async (): Promise<void> => {
      for (let blob = waiting.pop(); blob !== undefined; blob = waiting.pop()) await remove(blob)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
  } finally {
    clearInterval(timer)
    await renewing
  }
  if (gone.length > 0) await condemned.drop(store.name, held.lease, gone)
}

/** A moment by two clocks. */
export interface Instant {
  readonly steady: number
  readonly wall: number
}

/** Now. */
export function instant(): Instant {
  return { steady: performance.now(), wall: Date.now() }
}

function elapsed(since: Instant): number {
  return Math.max(performance.now() - since.steady, Date.now() - since.wall)
}
