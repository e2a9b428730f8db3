import { type StoredBlob, stillPinned } from './blobs'
import { atomically, type PersistableTransaction, rawOf } from './client'
import { type Dialect, join, raw, type Sql, sql } from './dialect'
import { PersistablesError } from './errors'
import { databaseFailure, type FailureKind, failureKind } from './failure'
import { retrying } from './retry'
import { labelOf, type Row } from './row'

/** A row that has no version yet, with what is written beside it. */
export interface NewRow extends Omit<Row, 'version' | 'rowVersion'> {
  readonly edges: readonly Edge[]
  /** blobs that the row will refer to; the insert fails when one is not pinned any more */
  readonly blobs: readonly StoredBlob[]
}

/** A parent of a new row. */
export interface Edge {
  readonly role: string
  readonly position: number
  readonly parentId: string
  readonly parentHash: string
  /** `Type/name@version`, or `null` for a parent that is inserted in the same call and has no version yet */
  readonly parentLabel: string | null
}

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
 * PostgreSQL: one statement a row, edges and tags included when it is the only row; a counter row, locked by its own upsert, gives the number. SQLite: one statement a row gives max + 1, and the
 * database's single writer makes it unique; the counter is a high-water mark that deletes leave behind.
 *
 * @param transaction - whether `client` is a caller's transaction: then nothing is batched (a batch would escape it) and nothing retried
 */
export function rowsOf(client: PersistableTransaction, dialect: Dialect, transaction: boolean): Rows {
  const db = rawOf(client)
  const query = (statement: Sql) => db.$queryRawUnsafe<{ version: number | bigint }[]>(dialect.text(statement), ...statement.values)

  const run = async (statements: readonly Sql[]): Promise<{ version: number | bigint }[][]> => {
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
    // Counters in one order for all writers: two saveMany never wait for each other's.
    const order = rows.map((_, i) => i).sort((a, b) => compareCounters(rows[a] as NewRow, rows[b] as NewRow) || a - b)
    const inserts = (beside: readonly Sql[]) => order.map((i) => insertRow(dialect, rows[i] as NewRow, beside))
    const beside = [...insertEdges(dialect, rows), ...insertTags(dialect, rows)]
    // One statement for one row on PostgreSQL: its counter is then locked for no longer than the server needs, whatever keeps this process busy.
    const results = await run(dialect.provider === 'postgresql' && rows.length === 1 ? inserts(beside) : [...inserts([]), ...beside])
    const versions = new Map(order.map((i, at) => [i, Number(results[at]?.[0]?.version)]))
    return rows.map(({ edges: _e, blobs: _b, ...row }, i) => ({ ...row, version: versions.get(i) as number, rowVersion: 1 }))
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

const COUNTER_KEYS = ['project', 'type', 'name'] as const

function compareCounters(a: NewRow, b: NewRow): number {
  for (const key of COUNTER_KEYS) if (a[key] !== b[key]) return a[key] < b[key] ? -1 : 1
  return 0
}

const COLUMNS = sql`"id", "type", "registered_name", "project", "name", "author", "version", "version_description", "hash", "has_external_files",
  "filepaths", "metadata", "row_version", "created_at", "modified_at"`

// Everything but the version, which stands between author and version_description.
function values(dialect: Dialect, row: NewRow, version: Sql): Sql {
  const { typed } = dialect
  return join([
    typed(row.id, 'text'),
    typed(row.type, 'text'),
    typed(row.registeredName, 'text'),
    typed(row.project, 'text'),
    typed(row.name, 'text'),
    typed(row.author, 'text'),
    version,
    typed(row.versionDescription, 'text'),
    typed(row.hash, 'text'),
    typed(row.hasExternalFiles, 'bool'),
    typed(JSON.stringify(row.filepaths), 'json'),
    typed(JSON.stringify(row.metadata), 'json'),
    typed(1, 'int'),
    typed(row.createdAt, 'timestamp'),
    typed(row.modifiedAt, 'timestamp'),
  ])
}

// A version of NULL is refused by the table: so lost pins undo the whole batch, on every database, in one round trip.
function unlessPinsLost(dialect: Dialect, row: NewRow, version: Sql): Sql {
  if (row.blobs.length === 0) return version
  const blobs = [...new Map(row.blobs.map(({ store, digest }) => [`${store}/${digest}`, { store, digest }])).values()]
  return sql`CASE WHEN ${stillPinned(dialect, JSON.stringify(blobs), blobs.length)} THEN ${version} END`
}

function newest(dialect: Dialect, row: Pick<NewRow, 'project' | 'type' | 'name'>): Sql {
  return sql`(SELECT max("version") FROM ${dialect.table('persistables')} WHERE ${ofCounter(row)})`
}

function ofCounter(row: Pick<NewRow, 'project' | 'type' | 'name'>): Sql {
  return sql`"project" = ${row.project} AND "type" = ${row.type} AND "name" = ${row.name}`
}

// `beside`: what PostgreSQL does in the same statement; foreign keys are checked at its end.
function insertRow(dialect: Dialect, row: NewRow, beside: readonly Sql[]): Sql {
  const table = dialect.table('persistables')
  const counters = dialect.table('persistable_counters')
  if (dialect.provider === 'sqlite') {
    const mark = sql`(SELECT "version" FROM ${counters} WHERE ${ofCounter(row)})`
    const version = unlessPinsLost(dialect, row, sql`max(coalesce(${newest(dialect, row)}, 0), coalesce(${mark}, 0)) + 1`)
    return sql`INSERT INTO ${table} (${COLUMNS}) SELECT ${values(dialect, row, version)} RETURNING "version"`
  }
  return sql`WITH counter AS (
      INSERT INTO ${counters} AS c ("project", "type", "name", "version")
      VALUES (${row.project}, ${row.type}, ${row.name}, coalesce(${newest(dialect, row)}, 0) + 1)
      ON CONFLICT ("project", "type", "name") DO UPDATE SET "version" = c."version" + 1
      RETURNING "version"
    ), saved AS (
      INSERT INTO ${table} (${COLUMNS}) SELECT ${values(dialect, row, unlessPinsLost(dialect, row, sql`counter."version"`))} FROM counter RETURNING "version"
    ) ${join([raw(''), ...beside.map((statement, i) => sql`${raw(`beside${i}`)} AS (${statement})`)])}
    SELECT "version" FROM saved`
}

function raiseCounter(dialect: Dialect, row: NewRow): Sql {
  const highest = newest(dialect, row)
  return sql`INSERT INTO ${dialect.table('persistable_counters')} AS c ("project", "type", "name", "version")
    VALUES (${row.project}, ${row.type}, ${row.name}, coalesce(${highest}, 0))
    ON CONFLICT ("project", "type", "name") DO UPDATE
    SET "version" = CASE WHEN excluded."version" > c."version" THEN excluded."version" ELSE c."version" END`
}

// After the rows, in one statement, so that rows of one call may be parents of each other; labels of those are made here, from their new versions.
function insertEdges(dialect: Dialect, rows: readonly NewRow[]): Sql[] {
  const edges = rows.flatMap((row) => row.edges.map((edge) => ({ childId: row.id, ...edge })))
  if (edges.length === 0) return []
  const table = dialect.unnest(JSON.stringify(edges), {
    childId: 'text',
    role: 'text',
    position: 'int',
    parentId: 'text',
    parentHash: 'text',
    parentLabel: 'text',
  })
  return [
    sql`INSERT INTO ${dialect.table('persistable_edges')} ("child_id", "role", "position", "parent_id", "parent_hash", "parent_label")
      SELECT j."childId", j."role", j."position", j."parentId", j."parentHash",
        coalesce(j."parentLabel", (SELECT p."type" || '/' || p."name" || '@' || p."version" FROM ${dialect.table('persistables')} p WHERE p."id" = j."parentId"), '')
      FROM ${table}`,
  ]
}

function insertTags(dialect: Dialect, rows: readonly NewRow[]): Sql[] {
  const tags = rows.flatMap((row) => Object.entries(row.tags).map(([key, value]) => ({ id: row.id, key, value })))
  if (tags.length === 0) return []
  return [
    sql`INSERT INTO ${dialect.table('persistable_tags')} ("persistable_id", "key", "value")
      SELECT j."id", j."key", j."value" FROM ${dialect.unnest(JSON.stringify(tags), { id: 'text', key: 'text', value: 'text' })}`,
  ]
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
