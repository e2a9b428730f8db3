import type { Client, ClientBase, QueryConfig } from 'pg'
import { statementName } from '../prepared'

/** What is said when a session does not know a statement, or knows another one of its name. */
const UNKNOWN: ReadonlySet<string> = new Set(['26000', '42P05'])

/** An error as the server sent it. `routine` is the place in its source, and in no language. */
interface Sent {
  code?: string
  readonly routine?: string
}

/** A connection that can keep statements prepared. */
interface Preparing {
  /** Looks whether the connection has a session of its own; without this nothing is kept. */
  inspect(): Promise<void>
}

// What `pg` knows of a connection and its types do not show: the number that the server gave its session as it began.
interface Inner {
  readonly processID: number | null
  /** not of the native client */
  readonly connection?: { on(event: 'errorMessage', listener: (error: Sent) => void): void }
}

/**
 * A client of `pg` that keeps the statements prepared which are worth it ({@link statementName}), if its session is its own. A pooler gives each transaction
 * another session, where nothing of the one before is known. It tells its clients made-up process numbers, since it must find by them which session a request
 * to cancel is for: so the number that was told is compared with the one that the session has.
 */
export function preparing(Base: typeof Client): typeof Client {
  const Kept = class extends Base implements Preparing {
    #own = false

    constructor(...options: ConstructorParameters<typeof Client>) {
      super(...options)
      const { connection } = this as unknown as Inner
      connection?.on('errorMessage', (error) => {
        // A table changed under a statement: the code alone says no more than that something is not supported.
        if (error.code === '0A000' && error.routine === 'RevalidateCachedQuery') error.code = '26000'
        if (UNKNOWN.has(String(error.code))) this.#own = false
      })
    }

    async inspect(): Promise<void> {
      // A connection that breaks already tells it to whoever uses it.
      const { rows } = await super.query<{ pid: number }>('SELECT pg_backend_pid() AS pid').catch(() => ({ rows: [] }))
      this.#own = rows[0]?.pid === (this as unknown as Inner).processID
    }

    // biome-ignore lint/suspicious/noExplicitAny: as the overloads of `pg` are, of which Prisma's adapter and the pool call those with one object
    override query(statement: any, ...rest: any[]): any {
      const name = this.#own ? nameOf(statement) : undefined
      return super.query(name === undefined ? statement : { ...statement, name }, ...rest)
    }
  }
  return Kept as unknown as typeof Client
}

/** What the pool does with a new connection of {@link preparing}. @param theirs - what it was told to do besides */
export function inspecting(theirs: unknown): (client: ClientBase) => Promise<void> {
  return async (client) => {
    if (typeof theirs === 'function') await theirs(client)
    await (client as unknown as Preparing).inspect()
  }
}

function nameOf(statement: Partial<QueryConfig> | string): string | undefined {
  return typeof statement === 'object' && typeof statement.text === 'string' && !statement.name ? statementName(statement.text) : undefined
}
