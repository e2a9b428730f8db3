import { setTimeout as wait } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { ask, atomically, type PersistableTransaction, rawOf, withModels } from './client'
import { filled, type NewCompanion } from './companion'
import { constraintOf, refusedColumns } from './companion-failure'
import { asSaved, companionColumns, insertCompanions, quoted, tableOf, updateCompanion } from './companion-sql'
import { type Dialect, join, raw, type Sql, sql } from './dialect'
import { PersistablesError } from './errors'
import { databaseFailure, type FailureKind, failureKind, isSameId } from './failure'
import { type Given, insertEdges, insertMany, insertRow, insertTags, type NewRow, raiseCounter } from './insert'
import { insertByModels, PinsLost } from './insert-models'
import { freezeJson, type RawRow, rowColumns, toRow } from './raw-row'
import { aliasesOf, childCountOf, childrenOf, DELETES, deleteRow, type Uses } from './removal'
import { breathe, retrying } from './retry'
import { labelOf, type Row } from './row'

export type { Edge, NewRow } from './insert'
export { PinsLost } from './insert-models'
export type { Uses } from './removal'

const MAX_CONFLICTS = 20
// What ends a caller's transaction, and would not stand in the way of another try: on SQLite, busy is also a transaction that read before somebody else wrote.
const RETRIABLE: ReadonlySet<FailureKind> = new Set(['unique', 'busy', 'serialization'])

/** How rows are inserted: by raw statements, or by the client's model methods. */
export type Writes = 'statements' | 'models'

/** What {@link rowsOf} is told. */
export interface RowsOptions {
  /** whether the client is a caller's transaction: then nothing is batched (a batch would escape it) and nothing retried */
  readonly transaction: boolean
  readonly writes: Writes
  /** whether a statement that is sent alone stays out of other transactions of the client; then it needs none of its own. Of PostgreSQL's clients it does. */
  readonly lone: boolean
}

/** What {@link Rows.insert} is told. */
export interface InsertOptions {
  /** whether an earlier attempt may have inserted the rows: then rows of these ids are those */
  readonly maybeThere?: boolean
  /** called when an attempt ends without word of what became of it */
  readonly onLost?: () => void
}

/** Writes rows with race-free versions. */
export interface Rows {
  /**
   * Inserts rows with the next versions of their names, their edges and tags, in one atomic step. Rows may be parents of each other.
   * Rows of one name get versions in the order given. Throws {@link PinsLost}, `VERSION_CONFLICT` (inside a caller's transaction only),
   * `ALREADY_SAVED` for an id that is there, `NOT_FOUND` for a parent that is gone.
   */
  insert(rows: readonly NewRow[], options?: InsertOptions): Promise<Row[]>
  /** Deletes a row with its tags and edges, never its number; whether it was there. Throws `IN_USE` unless forced. */
  remove(row: Row, options: { readonly force: boolean }): Promise<boolean>
  /** The row with other columns. Throws `VERSION_CONFLICT` when it was updated since it was read, `NOT_FOUND` when it is gone or has no columns. */
  update(row: Row, changes: NewCompanion): Promise<Row>
  /** Who refers to a row. */
  uses(id: string): Promise<Uses>
}

/**
 * The {@link Rows} of a client.
 *
 * PostgreSQL: one statement, edges and tags included when there is only one row; a counter row, locked by its own upsert, gives the number. SQLite: the
 * statement gives max + 1, and the database's single writer makes it unique; the counter is a high-water mark that deletes leave behind. By models: a counter
 * row on every database, in an interactive transaction.
 */
export function rowsOf(client: PersistableTransaction, dialect: Dialect, { transaction, writes, lone }: RowsOptions): Rows {
  const db = rawOf(client)
  const query = <T>(statement: Sql) => db.$queryRawUnsafe<T[]>(dialect.text(statement), ...statement.values)

  const one = async <T>(statement: Sql): Promise<T[]> => {
    // Not between the statements of a transaction: on SQLite's one connection readers would see what is half written.
    if (!transaction) await breathe()
    return ask<T>(db, dialect.text(statement), statement.values)
  }

  const run = async <T>(statements: readonly Sql[]): Promise<T[][]> => {
    if (transaction) {
      const results = []
      for (const statement of statements) results.push(await one<T>(statement))
      return results
    }
    const [only] = statements
    if (statements.length === 1 && only !== undefined && (lone || dialect.provider === 'postgresql')) return [await one(only)]
    return atomically(
      db,
      statements.map((statement) => query<T>(statement)),
    )
  }

  const byStatements = async (rows: readonly NewRow[]): Promise<Given[]> => {
    const beside = [...insertEdges(dialect, rows), ...insertTags(dialect, rows), ...insertCompanions(dialect, rows)]
    const [only] = rows
    // One statement for one row on PostgreSQL: its counter is then locked for no longer than the server needs, whatever keeps this process busy.
    const whole = dialect.provider === 'postgresql' && rows.length === 1
    const inserts =
      rows.length === 1 && only !== undefined
        ? [insertRow(dialect, only, { beside: whole ? beside : [], keep: !transaction })]
        : insertMany(dialect, rows)
    return (await run<Given>(whole ? inserts : [...inserts, ...beside])).slice(0, inserts.length).flat()
  }

  const attempt = async (rows: readonly NewRow[]): Promise<Row[]> => {
    const given = await (writes === 'statements' ? byStatements(rows) : withModels(client, transaction, (models) => insertByModels(models, rows)))
    const versions = new Map(given.map(({ id, version }) => [id, Number(version)]))
    return rows.map((given) => {
      const { edges: _e, blobs: _b, companion: _c, ...row } = given
      return { ...row, ...columnsOf(given), version: versions.get(row.id) as number, rowVersion: 1 }
    })
  }

  return {
    async insert(rows, { maybeThere = false, onLost: told } = {}) {
      if (rows.length === 0) return []
      // A connection that breaks does not say whether the statement was done. The ids do: they are fixed before.
      let lost = maybeThere
      const onLost = (): void => {
        lost = true
        told?.()
      }
      for (let conflicts = 0; ; conflicts++) {
        try {
          return await (transaction ? attempt(rows) : retrying('inserting', () => attempt(rows), { onLost }))
        } catch (error) {
          const cause = error instanceof PersistablesError ? (error.cause ?? error) : error
          const kind = failureKind(error)
          if (kind === 'unreachable' && !transaction) throw unanswered(rows, cause)
          if (lost) {
            const there = await known(rows).catch((unknown: unknown) => {
              throw unanswered(rows, unknown)
            })
            if (there.length === rows.length) return sameAs(rows, there).map((row, i) => ({ ...row, ...columnsOf(rows[i] as NewRow) }))
          }
          const own = constraintOf(cause)
          if (own !== undefined && rows.some(({ companion }) => companion !== undefined)) throw refusedColumns(labels(rows), own, kind, cause)
          if (kind === 'null' || cause instanceof PinsLost) throw new PinsLost()
          if (kind === 'foreign-key') throw parentGone(rows, cause)
          if (transaction && kind === 'unique' && isSameId(cause)) throw savedBefore(rows, cause)
          if (transaction && RETRIABLE.has(kind)) throw conflict(rows, cause, kind)
          if (lost && kind !== 'unique') throw unanswered(rows, cause)
          if (kind !== 'unique') throw databaseFailure(cause, `saving ${labels(rows)}`)
          const [first] = await known(rows)
          if (first !== undefined) throw alreadyThere(first)
          if (conflicts >= MAX_CONFLICTS) throw databaseFailure(cause, `giving ${labels(rows)} a version`)
          // By models, the next try looks for itself how far the rows are; somebody who takes the same numbers at the same time gets out of step.
          if (writes === 'models') await wait(Math.random() * 20)
          // Somebody inserted past the counter without raising it: bring it up and try again.
          else await retrying('raising a counter', () => run(rows.map((row) => raiseCounter(dialect, row))))
        }
      }
    },

    async remove(row, { force }) {
      const statements = deleteRow(dialect, row.id, force)
      let lost = false
      const onLost = (): void => {
        lost = true
      }
      const work = () => run<{ id: string }>(statements)
      const doing = `deleting ${labelOf(row)}`
      const results = await (transaction
        ? work().catch((error: unknown) => Promise.reject(removalFailure(row, error)))
        : retrying(doing, work, { onLost }))
      if ((results.at(DELETES)?.length ?? 0) > 0) return true
      const [there] = await known([row])
      if (there === undefined) return lost
      throw inUse(row, await uses(row.id))
    },

    async update(row, changes) {
      const now = new Date()
      const statements = updateCompanion(dialect, row, changes, now)
      let lost = false
      const work = () => run<{ id: string; row_version: number | bigint }>(statements)
      const done = await (transaction ? work() : retrying('updating', work, { onLost: () => (lost = true) })).catch((error: unknown) => {
        if (transaction && RETRIABLE.has(failureKind(error))) throw conflict([row], error, failureKind(error))
        throw databaseFailure(error, `updating the columns of ${labelOf(row)}`)
      })
      const [raised] = done.at(-1) ?? []
      if (raised === undefined && !lost) throw await stale(row)
      const there = await withColumns(row.id, changes.spec)
      // Without word of what became of the update: it was done if what it wrote is there.
      if (there === undefined || (raised === undefined && there.rowVersion !== row.rowVersion + 1)) throw await stale(row)
      return there
    },

    uses,
  }

  async function withColumns(id: string, spec: NewCompanion['spec']): Promise<Row | undefined> {
    const statement = sql`SELECT ${rowColumns(dialect)}, ${companionColumns(dialect, spec)} FROM ${dialect.table('persistables')} p
      JOIN ${tableOf(dialect, spec)} c ON c.${raw(quoted(spec.id ?? 'id'))} = p."id" WHERE p."id" = ${id}`
    const [found] = await (transaction ? one<RawRow>(statement) : retrying('reading', () => one<RawRow>(statement)))
    return found === undefined ? undefined : toRow(found, spec)
  }

  async function stale(row: Row): Promise<PersistablesError> {
    const [there] = await known([row])
    if (there === undefined)
      return new PersistablesError('NOT_FOUND', `${labelOf(row)} is gone.`, { fix: 'Somebody deleted it.', details: { id: row.id } })
    if (there.rowVersion === row.rowVersion) {
      return new PersistablesError('NOT_FOUND', `${labelOf(row)} was saved before its type had columns, so it has none.`, {
        fix: 'Save a next version of it, with columns.',
        details: { id: row.id },
      })
    }
    return new PersistablesError('VERSION_CONFLICT', `${labelOf(row)} was updated by somebody else since it was loaded.`, {
      fix: 'Load it again, look at it, and update that.',
      details: { id: row.id, loaded: row.rowVersion, found: there.rowVersion },
    })
  }

  async function uses(id: string): Promise<Uses> {
    const read = async <T>(statement: Sql): Promise<T[]> => {
      try {
        return await (transaction ? one<T>(statement) : retrying('reading', () => one<T>(statement)))
      } catch (error) {
        throw databaseFailure(error, 'reading')
      }
    }
    const children = await read<Pick<Row, 'type' | 'name' | 'version'>>(childrenOf(dialect, id))
    const [count] = await read<{ n: number | bigint }>(childCountOf(dialect, id))
    const aliases = await read<{ alias: string }>(aliasesOf(dialect, id))
    return { children: children.map(labelOf), childCount: Number(count?.n ?? 0), aliases: aliases.map(({ alias }) => alias) }
  }

  // The rows of these ids that are there, in the order given. A transaction that a failure ended cannot be asked.
  async function known(rows: readonly Pick<NewRow, 'id'>[]): Promise<Row[]> {
    const ids = rows.map(({ id }) => id)
    const found = new Map<string, Row>()
    for (let at = 0; at < ids.length; at += 500) {
      const statement = sql`SELECT ${rowColumns(dialect)} FROM ${dialect.table('persistables')} p WHERE p."id" IN (${join(ids.slice(at, at + 500))})`
      const some = await (transaction ? one<RawRow>(statement) : retrying('reading', () => one<RawRow>(statement)))
      for (const row of some) found.set(String(row.id), toRow(row))
    }
    return ids.flatMap((id) => found.get(id) ?? [])
  }
}

// As they were given: whoever saved a row knows its columns.
function columnsOf({ companion, createdAt }: NewRow): Pick<Row, 'columns'> {
  if (companion === undefined) return {}
  return { columns: freezeJson(asSaved(companion, filled(companion, createdAt))) as NonNullable<Row['columns']> }
}

function labels(rows: readonly Pick<NewRow, 'type' | 'name'>[]): string {
  const [first] = rows
  return rows.length === 1 ? `${first?.type}/${first?.name}` : `${rows.length} persistables`
}

function alreadyThere(row: Row): PersistablesError {
  return new PersistablesError('ALREADY_SAVED', `${labelOf(row)} is in the registry already.`, {
    fix: 'Make a draft of the next version with .next({ … }) and save that.',
    details: { id: row.id },
  })
}

// What an attempt without an answer saved, unless the draft was changed since: then it is another version that was to be saved.
function sameAs(rows: readonly NewRow[], there: readonly Row[]): Row[] {
  const changed = there.find((row, i) => {
    const { hash, metadata, tags } = rows[i] as NewRow
    return row.hash !== hash || !isDeepStrictEqual(row.metadata, plainJson(metadata)) || !isDeepStrictEqual({ ...row.tags }, { ...tags })
  })
  if (changed === undefined) return [...there]
  throw new PersistablesError(
    'ALREADY_SAVED',
    `An earlier attempt, whose answer was lost, saved ${labelOf(changed)}, and the draft was changed since.`,
    {
      fix: `Load it: repo.load({ id: '${changed.id}' }). The changed one is another version: make its draft with .next({ … }).`,
      details: { id: changed.id, ref: labelOf(changed) },
    },
  )
}

const plainJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

function savedBefore(rows: readonly NewRow[], cause: unknown): PersistablesError {
  return new PersistablesError('ALREADY_SAVED', `${labels(rows)}: a version of the same id is in the registry already.`, {
    fix: 'The transaction that saved it was committed; look for it by its id. Do not run the transaction again.',
    details: { ids: rows.map(({ id }) => id) },
    cause,
  })
}

function parentGone(rows: readonly NewRow[], cause: unknown): PersistablesError {
  const parents = rows.flatMap((row) => row.edges.map((edge) => edge.parentLabel ?? edge.parentId))
  const models = [...new Set(rows.flatMap(({ companion }) => companion?.spec.model ?? []))]
  // SQLite does not say which of the foreign keys it was.
  if (models.length > 0 && parents.length === 0) return refusedColumns(labels(rows), models.join(', '), 'foreign-key', cause)
  return new PersistablesError('NOT_FOUND', `A parent of ${labels(rows)} is gone: one of ${[...new Set(parents)].join(', ')}.`, {
    fix: 'Load the parent again, and save with one that exists.',
    details: { parents },
    cause,
  })
}

function conflict(rows: readonly Pick<NewRow, 'type' | 'name'>[], cause: unknown, kind: FailureKind): PersistablesError {
  const what = kind === 'unique' ? `took the next version of ${labels(rows)} first` : `was in the way of this transaction's save of ${labels(rows)}`
  return new PersistablesError('VERSION_CONFLICT', `Another writer ${what}.`, {
    fix: 'Retry the whole transaction.',
    details: { names: rows.map(({ type, name }) => `${type}/${name}`) },
    cause,
  })
}

function unanswered(rows: readonly NewRow[], cause: unknown): PersistablesError {
  const failure = databaseFailure(cause, `saving ${labels(rows)}`)
  return new PersistablesError('DATABASE_FAILED', failure.message, {
    fix: 'It may have been saved all the same: save the same draft again when the server is back, and it is saved once.',
    details: { ...failure.details, ids: rows.map(({ id }) => id) },
    cause,
  })
}

/** `IN_USE`, naming who uses it. */
export function inUse(row: Row, { children, childCount, aliases }: Uses): PersistablesError {
  const more = childCount > children.length ? ` and ${childCount - children.length} more` : ''
  const why = [
    ...(childCount > 0 ? [`is a parent of ${children.join(', ')}${more}`] : []),
    ...(aliases.length > 0 ? [`has the alias${aliases.length > 1 ? 'es' : ''} ${aliases.map((alias) => `"${alias}"`).join(', ')}`] : []),
  ]
  // Whoever used it has let go of it since.
  if (why.length === 0 || (childCount > 0 && children.length === 0)) why.splice(0, why.length, 'was in use a moment ago')
  return new PersistablesError('IN_USE', `${labelOf(row)} ${why.join(' and ')}.`, {
    fix: 'Delete those first, or pass { force: true }: children then keep only its hash and label.',
    details: { id: row.id, children, childCount, aliases },
  })
}

function removalFailure(row: Row, error: unknown): PersistablesError {
  const kind = failureKind(error)
  if (!RETRIABLE.has(kind)) return databaseFailure(error, `deleting ${labelOf(row)}`)
  return new PersistablesError('VERSION_CONFLICT', `Another writer was in the way of this transaction's deletion of ${labelOf(row)}.`, {
    fix: 'Retry the whole transaction.',
    details: { id: row.id },
    cause: error,
  })
}
