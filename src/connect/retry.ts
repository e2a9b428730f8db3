import { setTimeout as sleep } from 'node:timers/promises'
import { failureKind } from '../failure'

/**
 * Runs `work` again, after an asynchronous pause of 5 to 100 ms, for as long as it fails because the database is busy.
 * The driver is synchronous: its own waiting would stop the whole process, so it waits shortly and this waits long.
 *
 * @param limit - milliseconds after which the last failure is thrown as it is
 */
export async function retryBusy<T>(work: () => Promise<T>, limit: number): Promise<T> {
  const end = performance.now() + limit
  for (let round = 0; ; round++) {
    try {
      return await work()
    } catch (error) {
      if (failureKind(error) !== 'busy' || performance.now() >= end) throw error
    }
    // Random, so that processes that met once do not keep meeting.
    await sleep(5 + Math.random() * Math.min(95, 10 * 2 ** round))
  }
}
