import type { Driver, DriverFactory } from './driver'
import { retryBusy } from './retry'

/** Milliseconds that the beginning of a transaction waits for other processes; `maxWait` of whoever began it may end the wait sooner. */
const PATIENCE = 30_000

/**
 * Makes every transaction of a SQLite client a writing one from its first moment.
 *
 * Prisma begins transactions DEFERRED: one that reads before it writes fails at its first write, for good, when another process committed in between, and on a
 * client's one connection any reader at all can be what reads first. Waiting for the write lock happens here instead, at the beginning, where nothing is lost by
 * it, and in pauses that leave the event loop free.
 */
export function immediate(factory: DriverFactory): DriverFactory {
  const connect = factory.connect.bind(factory)
  factory.connect = async () => begunImmediately(await connect())
  return factory
}

function begunImmediately(driver: Driver): Driver {
  const start = driver.startTransaction.bind(driver)
  driver.startTransaction = async (isolation) => {
    const transaction = await start(isolation)
    const release = transaction.rollback.bind(transaction)
    try {
      // Its turn within the process is what is kept of the transaction that Prisma's adapter began.
      await driver.executeScript('ROLLBACK')
      await retryBusy(() => driver.executeScript('BEGIN IMMEDIATE'), PATIENCE)
    } catch (error) {
      await release()
      throw error
    }
    // Prisma calls it after its own ROLLBACK, and also after a COMMIT that failed: that one leaves the transaction open, and no other could ever begin.
    transaction.rollback = async () => {
      try {
        await driver.executeScript('ROLLBACK')
      } catch {
        // As it mostly is: none was open any more.
      }
      await release()
    }
    return transaction
  }
  return driver
}
