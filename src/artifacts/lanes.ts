import { setMaxListeners } from 'node:events'

/** Transfers at once: more of them make small files no faster. */
const MOST = 16
/** Bytes that transfers may hold at once. A larger one runs alone. */
const BUDGET = 32 << 20

/** Lets a bounded number of transfers run at once, in the order they came. */
export interface Lanes {
  /** runs `work` when there is room for `cost` more bytes of memory; throws the signal's reason when it aborts while waiting */
  use<T>(cost: number, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T>
}

/** Makes {@link Lanes}: at most `most` transfers and `budget` bytes at once. */
export function lanes(most: number = MOST, budget: number = BUDGET): Lanes {
  const waiting: { readonly cost: number; readonly start: () => void }[] = []
  let running = 0
  let held = 0
  const fits = (cost: number): boolean => running === 0 || (running < most && held + cost <= budget)
  const next = (): void => {
    for (let first = waiting[0]; first !== undefined && fits(first.cost); first = waiting[0]) {
      waiting.shift()
      take(first.cost)
      first.start()
    }
  }
  const take = (cost: number): void => {
    running++
    held += cost
  }
  return {
    async use(cost, signal, work) {
      if (waiting.length === 0 && fits(cost)) take(cost)
      else await new Promise<void>((start) => waiting.push({ cost, start }))
      try {
        signal?.throwIfAborted()
        return await work()
      } finally {
        running--
        held -= cost
        next()
      }
    },
  }
}

/**
 * Runs works at the same time. When one fails the others are told by their signal, and only when all have ended is the first failure thrown: nothing goes on behind
 * the caller's back.
 */
export async function together(
  works: readonly ((signal: AbortSignal | undefined) => Promise<void>)[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const [only] = works
  if (only !== undefined && works.length === 1) return only(signal)
  const stop = new AbortController()
  const own = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
  // each transfer listens to it, and there may be thousands
  setMaxListeners(0, own)
  let failure: { readonly error: unknown } | undefined
  await Promise.all(
    works.map(async (work) => {
      try {
        await work(own)
      } catch (error) {
        failure ??= { error }
        stop.abort(error)
      }
    }),
  )
  if (failure === undefined) return
  throw signal?.aborted ? signal.reason : failure.error
}
