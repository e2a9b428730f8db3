import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { databaseFailure, type FailureKind, failureKind } from './failure'

/** How long the registry keeps trying before it gives up on a busy database. */
export const PATIENCE_MS = 60_000
/** How long it waits for a server that went away: a restart and its recovery should fit in. */
const RESTART_MS = 15_000

const PASSING: ReadonlySet<FailureKind> = new Set(['busy', 'serialization', 'unprepared'])

/** Milliseconds after which the event loop gets a turn: the embedded driver's promises give it none, however many are awaited. */
const TURN_MS = 10
let lastTurn = performance.now()

/** Gives timers and sockets of the process their turn, when they have waited for a while. */
export async function breathe(): Promise<void> {
  if (performance.now() - lastTurn < TURN_MS) return
  await turn()
  lastTurn = performance.now()
}

/** What {@link retrying} tells on the way. */
export interface RetryOptions {
  /** an attempt ended without word of what became of it, and another follows, or none does */
  readonly onLost?: () => void
}

/**
 * Runs a statement or batch again while the database is busy, a transaction lost to another, or the server is gone, with growing, jittered pauses.
 * Only for work that is atomic, outside a caller's transaction, and no worse when it was done already: a connection that breaks tells nothing.
 *
 * @param doing - completes "The database failed while …"
 */
export async function retrying<T>(doing: string, work: () => PromiseLike<T>, { onLost }: RetryOptions = {}): Promise<T> {
  const begun = Date.now()
  let gone: number | undefined
  for (let attempt = 0; ; attempt++) {
    await breathe()
    try {
      return await work()
    } catch (error) {
      const kind = failureKind(error)
      const lost = kind === 'unreachable'
      if (lost) {
        gone ??= Date.now()
        onLost?.()
      } else gone = undefined
      const patient = lost ? Date.now() - (gone ?? 0) < RESTART_MS : PASSING.has(kind) && Date.now() - begun < PATIENCE_MS
      if (!patient) throw databaseFailure(error, doing)
    }
    // Full jitter (Brooker 2015): without it writers that failed together try together again.
    await wait(1 + Math.random() * Math.min(2 ** attempt, gone === undefined ? 100 : 500))
  }
}
