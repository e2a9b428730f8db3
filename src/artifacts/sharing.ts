import { unlessAborted } from './abort'

/** A read that others may have joined; then each gets a copy. */
export interface SharedRead {
  readonly bytes: Promise<Uint8Array>
  /** how many wait for it: it is cancelled when none does any more */
  waiting: number
  joined: boolean
  readonly cancel: (reason: unknown) => void
}

/** Reads under way, by what they read. */
export type Sharing = Map<string, SharedRead>

/**
 * The bytes that `read` gives, read once by all who ask for the same `key` at the same time. Whoever's signal aborts leaves with its reason, and the others go on.
 */
export async function shared(
  sharing: Sharing | undefined,
  key: string,
  signal: AbortSignal | undefined,
  read: (signal: AbortSignal | undefined) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  if (sharing === undefined) return read(signal)
  const under = sharing.get(key)
  if (under !== undefined) {
    under.joined = true
    return (await waitFor(under, key, sharing, signal)).slice()
  }
  const stop = new AbortController()
  const mine: SharedRead = { bytes: read(stop.signal), waiting: 0, joined: false, cancel: (reason) => stop.abort(reason) }
  sharing.set(key, mine)
  const bytes = await waitFor(mine, key, sharing, signal)
  return mine.joined ? bytes.slice() : bytes
}

async function waitFor(read: SharedRead, key: string, sharing: Sharing, signal: AbortSignal | undefined): Promise<Uint8Array> {
  read.waiting++
  try {
    return await unlessAborted(read.bytes, signal)
  } finally {
    read.waiting--
    if (read.waiting === 0) {
      // nobody may join what is being cancelled
      if (sharing.get(key) === read) sharing.delete(key)
      if (signal?.aborted) {
        read.bytes.catch(() => undefined)
        read.cancel(signal.reason)
      }
    }
  }
}
