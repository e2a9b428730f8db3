import { setTimeout as wait } from 'node:timers/promises'
import { databaseFailure, type FailureKind, failureKind } from './failure'

/** How long the registry keeps trying before it gives up on a busy database. */
export const PATIENCE_MS = 60_000

const PASSING: ReadonlySet<FailureKind> = new Set(['busy', 'serialization'])

/**
 * Runs a statement or batch again while the database is busy or a transaction lost to another, with growing, jittered pauses.
 * Only for work that is atomic and outside a caller's transaction.
 *
 * @param doing - completes "The database failed while …"
 */
export async function retrying<T>(doing: string, work: () => PromiseLike<T>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS
  for (let attempt = 0; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (!PASSING.has(failureKind(error)) || Date.now() > deadline) throw databaseFailure(error, doing)
      // Full jitter (Brooker 2015): without it writers that failed together try together again.
      await wait(1 + Math.random() * Math.min(2 ** attempt, 100))
    }
  }
}
