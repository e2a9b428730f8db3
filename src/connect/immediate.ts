import type { Driver, DriverFactory } from './driver'
import { retryBusy } from './retry'

/** Milliseconds that a transaction, or a lone write, waits to begin; `maxWait` of whoever began a transaction may end its wait sooner. */
const PATIENCE = 30_000

// Comments may come first; there is one way only to tell them apart, so that none takes long.
const WRITES = /^(?:\s|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/|--[^\n]*(?:\n|$))*(INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER)\b/i

/**
 * Makes every transaction of a SQLite client a writing one from its first moment, and keeps lone writes out of transactions.
 *
 * Prisma begins transactions DEFERRED: one that reads before it writes fails at its first write, for good, when another process committed in between, and on a
 * client's one connection any reader at all can be what reads first. Waiting for the write lock happens here instead, at the beginning, where nothing is lost by
 * it, and in pauses that leave the event loop free.
 *
 * A write that is made on the client itself while somebody's transaction is open on its one connection would join that, and vanish with its rollback: here it
 * waits its turn. Reads do not wait: they see what the open transaction has written so far.
 */
export function immediate(factory: DriverFactory, patience: number = PATIENCE): DriverFactory {
  const connect = factory.connect.bind(factory)
  factory.connect = async () => begunImmediately(await connect(), patience)
  return factory
}

function begunImmediately(driver: Driver, patience: number): Driver {
  const turn = turns()
  const start = driver.startTransaction.bind(driver)
  driver.startTransaction = async (isolation) => {
    const leave = await turn()
    try {
      return await begin(driver, await start(isolation), { leave, patience })
    } catch (error) {
      leave()
      throw error
    }
  }
  const [queryRaw, executeRaw] = [driver.queryRaw.bind(driver), driver.executeRaw.bind(driver)]
  const inTurn = async <T>(sql: string, run: () => Promise<T>): Promise<T> => {
    if (!WRITES.test(sql)) return run()
    const leave = await inTime(turn(), patience)
    try {
      return await run()
    } finally {
      leave()
    }
  }
  driver.queryRaw = (query) => inTurn(query.sql, () => queryRaw(query))
  driver.executeRaw = (query) => inTurn(query.sql, () => executeRaw(query))
  return driver
}

// A statement that waits for somebody's transaction may be what that transaction waits for.
async function inTime(turn: Promise<() => void>, patience: number): Promise<() => void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      // Its turn still comes, and goes by.
      turn.then((leave) => leave())
      reject(Object.assign(new Error(`database is locked: a transaction kept the connection for more than ${patience} ms`), { code: 'SQLITE_BUSY' }))
    }, patience)
  })
  return Promise.race([turn, late]).finally(() => clearTimeout(timer))
}

async function begin(
  driver: Driver,
  transaction: Awaited<ReturnType<Driver['startTransaction']>>,
  { leave, patience }: { readonly leave: () => void; readonly patience: number },
): ReturnType<Driver['startTransaction']> {
  const [commit, release] = [transaction.commit.bind(transaction), transaction.rollback.bind(transaction)]
  try {
    // Its turn within the process is what is kept of the transaction that Prisma's adapter began.
    await driver.executeScript('ROLLBACK')
    await retryBusy(() => driver.executeScript('BEGIN IMMEDIATE'), patience)
  } catch (error) {
    await release()
    throw error
  }
  transaction.commit = async () => {
    await commit()
    leave()
  }
  // Prisma calls it after its own ROLLBACK, and also after a COMMIT that failed: that one leaves the transaction open, and no other could ever begin.
  transaction.rollback = async () => {
    try {
      await driver.executeScript('ROLLBACK')
    } catch {
      // As it mostly is: none was open any more.
    }
    await release()
    leave()
  }
  return transaction
}

/** Gives turns one after the other, in the order in which they were asked for; a turn ends when what it gave is called. */
function turns(): () => Promise<() => void> {
  let last: Promise<void> = Promise.resolve()
  return async () => {
    const before = last
    let leave = (): void => {}
    last = new Promise((resolve) => {
      leave = resolve
    })
    await before
    return leave
  }
}
