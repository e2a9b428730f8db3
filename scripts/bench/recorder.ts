import { Client } from 'pg'

// Prisma's adapter brings it, without types.
const Database = require('better-sqlite3') as new (file: string) => { prepare(text: string): object; close(): void }

/** What reached the database driver while work went on, whichever way it got there. */
export interface Recorder {
  /** every statement in order, with what opens and ends transactions, white space made one blank */
  record(work: () => Promise<unknown>): Promise<string[]>
  /** Puts the drivers' own methods back. */
  stop(): void
}

type Method = (this: unknown, ...args: unknown[]) => unknown

/**
 * Notes the statements that this process's drivers of both databases run. At the drivers and not at Prisma's query events: those show neither raw transactions nor
 * what an adapter adds. Where statements are executed and not where they are prepared, so that a cache of prepared ones hides nothing.
 */
export const recorder = (): Recorder => {
  let seen: string[] = []
  const undo: (() => void)[] = []
  const watch = (prototype: object, method: string, textOf: (self: unknown, args: readonly unknown[]) => string): void => {
    const methods = prototype as Record<string, Method>
    const own = methods[method] as Method
    methods[method] = function (...args) {
      seen.push(textOf(this, args).replace(/\s+/g, ' ').trim())
      return own.apply(this, args)
    }
    undo.push(() => void (methods[method] = own))
  }
  const memory = new Database(':memory:')
  const statements = Object.getPrototypeOf(memory.prepare('SELECT 1')) as object
  memory.close()
  for (const method of ['run', 'all', 'get', 'iterate']) watch(statements, method, (self) => (self as { source: string }).source)
  watch(Database.prototype as object, 'exec', (_, [text]) => String(text))
  watch(Client.prototype, 'query', (_, [query]) => (typeof query === 'string' ? query : (query as { text: string }).text))
  return {
    async record(work) {
      seen = []
      await work()
      return seen.splice(0)
    },
    stop() {
      for (const put of undo.splice(0)) put()
    },
  }
}
