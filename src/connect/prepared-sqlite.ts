import { statementName } from '../prepared'
import type { Driver } from './driver'

// Of better-sqlite3, which Prisma's adapter brings without types: what the adapter calls.
interface Statement {
  readonly reader: boolean
  run(values: readonly unknown[]): unknown
  columns(): unknown
  raw(): { all(values: readonly unknown[]): unknown }
}

interface Database {
  prepare(text: string): Statement | Bindable
}

// The adapter binds the values to a statement first, which can be done only once with each.
interface Bindable {
  bind(values: readonly unknown[]): unknown
}

/** Keeps the statements of a connection prepared which are worth it ({@link statementName}), as the adapter itself does not. They end with the connection. */
export function keepingPrepared(driver: Driver): Driver {
  const { client } = driver as unknown as { readonly client?: Database }
  // Another adapter than the one that this was made for: then nothing is kept.
  if (typeof client?.prepare !== 'function') return driver
  const prepare = client.prepare.bind(client)
  const kept = new Map<string, Statement>()
  client.prepare = (text) => {
    if (statementName(text) === undefined) return prepare(text)
    const statement = kept.get(text) ?? (prepare(text) as Statement)
    kept.set(text, statement)
    return {
      bind(values) {
        let rows: unknown
        return {
          reader: statement.reader,
          run: () => statement.run(values),
          columns() {
            // A table may have changed since: the columns are told anew when the statement runs.
            rows = statement.raw().all(values)
            return statement.columns()
          },
          raw: () => ({ all: () => rows }),
        }
      },
    }
  }
  return driver
}
