import type { DiskFiles, OpenFile } from '../../src/artifacts/stores/disk-files'
import type { Driver, DriverFactory } from '../../src/connect/driver'

/** Called before every operation on files and database, with what it is, e.g. `disk rename`. */
export type Step = (kind: string) => void

const KINDS = ['create', 'open', 'rename', 'link', 'unlink', 'mkdir', 'syncDir', 'stat', 'list'] as const

function steppingFile(file: OpenFile, store: string, step: Step): OpenFile {
  const stepping =
    <A extends unknown[], R>(kind: string, run: (...args: A) => R) =>
    (...args: A): R => {
      step(`${store} ${kind}`)
      return run(...args)
    }
  return {
    write: stepping('write', file.write),
    read: stepping('read', file.read),
    size: file.size,
    sync: stepping('sync', file.sync),
    close: stepping('close', file.close),
  }
}

/** The file-system operations of a disk store, each a step. */
export function steppingFiles(files: DiskFiles, store: string, step: Step): DiskFiles {
  const stepping: Record<string, unknown> = {}
  for (const kind of KINDS) {
    const run = files[kind] as (...args: string[]) => Promise<unknown>
    stepping[kind] = async (...args: string[]) => {
      step(`${store} ${kind}`)
      const result = await run(...args)
      return kind === 'create' || kind === 'open' ? steppingFile(result as OpenFile, store, step) : result
    }
  }
  return stepping as unknown as DiskFiles
}

/** The statements of a database driver, each a step. */
export function steppingDriver<F extends DriverFactory>(factory: F, step: Step): F {
  const connect = factory.connect.bind(factory)
  factory.connect = async () => {
    const driver = await connect()
    queries(driver, step)
    const start = driver.startTransaction.bind(driver)
    driver.startTransaction = async (isolation) => {
      step('db begin')
      const transaction = await start(isolation)
      queries(transaction, step)
      return transaction
    }
    return driver
  }
  return factory
}

function queries(driver: Pick<Driver, 'queryRaw' | 'executeRaw'>, step: Step): void {
  for (const method of ['queryRaw', 'executeRaw'] as const) {
    const run = driver[method].bind(driver) as Driver['queryRaw'] & Driver['executeRaw']
    driver[method] = (async (query: Parameters<typeof run>[0]) => {
      step(`db ${nameOf(query.sql)}`)
      const result = await run(query)
      // The server or the file has it, and nobody here knows yet.
      step(`db after ${nameOf(query.sql)}`)
      return result
    }) as typeof run
  }
}

function nameOf(statement: string): string {
  const verb = /^\s*(\w+)/.exec(statement)?.[1]?.toLowerCase() ?? ''
  const into = /INSERT INTO (?:"\w+"\.)?"(?:persistable_)?(\w+)"/.exec(statement)?.[1]
  return into === undefined ? verb : `insert ${into}`
}
