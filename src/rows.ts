import { atomically, type PersistableTransaction, rawOf } from './client'
import { type Dialect, join, type Sql, sql } from './dialect'
import { PersistablesError } from './errors'
import { databaseFailure, type FailureKind, failureKind } from './failure'
import { type Given, insertEdges, insertMany, insertRow, insertTags, type NewRow, raiseCounter } from './insert'
import { retrying } from './retry'
import { labelOf, type Row } from './row'

export type { Edge, NewRow } from './insert'

/** What inserting may end in, beside success and a coded error. */
export class PinsLost extends Error {}

const MAX_CONFLICTS = 20
// What ends a caller's transaction, and would not stand in the way of another try: on SQLite, busy is also a transaction that read before somebody else wrote.
const RETRIABLE: ReadonlySet<FailureKind> = new Set(['unique', 'busy', 'serialization'])

/** Writes rows with race-free versions. */
export interface Rows {
  /**
   * Inserts rows with the next versions of their names, their edges and tags, in one atomic step. Rows may be parents of each other.
   * Rows of one name get versions in the order given. Throws {@link PinsLost}, `VERSION_CONFLICT` (inside a caller's transaction only),
   * `ALREADY_SAVED` for an id that is there, `NOT_FOUND` for a parent that is gone.
   */
  insert(rows: readonly NewRow[]): Promise<Row[]>
}

/**
 * The {@link Rows} of a client.
 *
 * PostgreSQL: one statement, edges and tags included when there is only one row; a counter row, locked by its own upsert, gives the number. SQLite: the
 * statement gives max + 1, and the database's single writer makes it unique; the counter is a high-water mark that deletes leave behind.
 *
 * @param transaction - whether `client` is a caller's transaction: then nothing is batched (a batch would escape it) and nothing retried
 */
export function rowsOf(client: PersistableTransaction, dialect: Dialect, transaction: boolean): Rows {
  const db = rawOf(client)
  const query = (statement: Sql) => db.$queryRawUnsafe<Given[]>(dialect.text(statement), ...statement.values)

  const run = async (statements: readonly Sql[]): Promise<Given[][]> => {
    if (transaction) {
      const results = []
      for (const statement of statements) results.push(await query(statement))
      return results
    }
    const [only] = statements
    if (statements.length === 1 && only !== undefined && dialect.provider === 'postgresql') return [await query(only)]
    return atomically(db, statements.map(query))
  }

  const attempt = async (rows: readonly NewRow[]): Promise<Row[]> => {
    const beside = [...insertEdges(dialect, rows), ...insertTags(dialect, rows)]
    const [only] = rows
    // One statement for one row on PostgreSQL: its counter is then locked for no longer than the server needs, whatever keeps this process busy.
    const whole = dialect.provider === 'postgresql' && rows.length === 1
    const inserts = rows.length === 1 && only !== undefined ? [insertRow(dialect, only, whole ? beside : [])] : insertMany(dialect, rows)
    const results = await run(whole ? inserts : [...inserts, ...beside])
    const versions = new Map(results.slice(0, inserts.length).flatMap((given) => given.map(({ id, version }) => [id, Number(version)])))
    return rows.map(({ edges: _e, blobs: _b, ...row }) => ({ ...row, version: versions.get(row.id) as number, rowVersion: 1 }))
  }

  return {
    async insert(rows) {
      if (rows.length === 0) return []
      for (let conflicts = 0; ; conflicts++) {
        try {
          return await (transaction ? attempt(rows) : retrying('inserting', () => attempt(rows)))
        } catch (error) {
          const cause = error instanceof PersistablesError ? error.cause : error
          const kind = failureKind(cause)
          if (kind === 'null') throw new PinsLost()
          if (kind === 'foreign-key') throw parentGone(rows, cause)
          if (transaction && RETRIABLE.has(kind)) throw conflict(rows, cause, kind)
          if (kind !== 'unique') throw databaseFailure(cause, `saving ${labels(rows)}`)
          await refuseKnownIds(rows)
          if (conflicts >= MAX_CONFLICTS) throw databaseFailure(cause, `giving ${labels(rows)} a version`)
          // Somebody inserted past the counter without raising it: bring it up and try again.
          await retrying('raising a counter', () => run(rows.map((row) => raiseCounter(dialect, row))))
        }
      }
    },
  }

  async function refuseKnownIds(rows: readonly NewRow[]): Promise<void> {
    const statement = sql`SELECT "id", "version", "type", "name" FROM ${dialect.table('persistables')} WHERE "id" IN (${join(rows.map((row) => row.id))})`
    const found = await db.$queryRawUnsafe<Pick<Row, 'id' | 'type' | 'name' | 'version'>[]>(dialect.text(statement), ...statement.values)
    const [first] = found
    if (first !== undefined) {
      throw new PersistablesError('ALREADY_SAVED', `${labelOf(first)} is in the registry already.`, {
        fix: 'Make a draft of the next version with .next({ … }) and save that.',
        details: { id: first.id },
      })
    }
  }
}

function labels(rows: readonly NewRow[]): string {
  const [first] = rows
  return rows.length === 1 ? `${first?.type}/${first?.name}` : `${rows.length} persistables`
}

function parentGone(rows: readonly NewRow[], cause: unknown): PersistablesError {
  const parents = rows.flatMap((row) => row.edges.map((edge) => edge.parentLabel ?? edge.parentId))
  return new PersistablesError('NOT_FOUND', `A parent of ${labels(rows)} is gone: one of ${[...new Set(parents)].join(', ')}.`, {
    fix: 'Load the parent again, and save with one that exists.',
    details: { parents },
    cause,
  })
}

function conflict(rows: readonly NewRow[], cause: unknown, kind: FailureKind): PersistablesError {
  const what = kind === 'unique' ? `took the next version of ${labels(rows)} first` : `was in the way of this transaction's save of ${labels(rows)}`
  return new PersistablesError('VERSION_CONFLICT', `Another writer ${what}.`, {
    fix: 'Retry the whole transaction.',
    details: { names: rows.map(({ type, name }) => `${type}/${name}`) },
    cause,
  })
}
