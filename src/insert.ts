import { pinsJson, type StoredBlob, stillPinned } from './blobs'
import type { NewCompanion } from './companion'
import { type Dialect, join, raw, type Sql, sql } from './dialect'
import type { Row } from './row'

/** A row that has no version yet, with what is written beside it. */
export interface NewRow extends Omit<Row, 'version' | 'rowVersion' | 'columns'> {
  readonly edges: readonly Edge[]
  /** blobs that the row will refer to; the insert fails when one is not pinned any more */
  readonly blobs: readonly StoredBlob[]
  /** what its companion model holds, if its type has one */
  readonly companion?: NewCompanion
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

/** What the statements that insert rows return for each row. */
export interface Given {
  readonly id: string
  readonly version: number | bigint
}

/** What one statement inserts at most: the driver of SQLite lets nothing else happen meanwhile, and Prisma keeps what its last hundred messages for debugging spoke of. */
const CHUNK = { rows: 500, characters: 1_000_000 }

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
function unlessPinsLost(dialect: Dialect, { blobs: given }: Pick<NewRow, 'blobs'>, version: Sql): Sql {
  if (given.length === 0) return version
  const blobs = [...new Map(given.map((blob) => [`${blob.store}/${blob.digest}`, blob])).values()]
  return sql`CASE WHEN ${stillPinned(dialect, pinsJson(blobs), blobs.length)} THEN ${version} END`
}

function newest(dialect: Dialect, row: Pick<NewRow, 'project' | 'type' | 'name'>): Sql {
  // Not max(): PostgreSQL takes longer to plan it than to run the rest.
  return sql`(SELECT "version" FROM ${dialect.table('persistables')} WHERE ${ofCounter(row)} ORDER BY "version" DESC LIMIT 1)`
}

function ofCounter(row: Pick<NewRow, 'project' | 'type' | 'name'>): Sql {
  return sql`"project" = ${row.project} AND "type" = ${row.type} AND "name" = ${row.name}`
}

/** Rows by the counter that gives their versions, in one order for all writers, so that two of them never wait for each other's; within one, as given. */
export function byCounter(rows: readonly NewRow[]): NewRow[][] {
  const groups = new Map<string, NewRow[]>()
  for (const row of rows) {
    const key = JSON.stringify(COUNTER_KEYS.map((part) => row[part]))
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [row])
    else group.push(row)
  }
  return [...groups.values()].sort(([a], [b]) => compareCounters(a as NewRow, b as NewRow))
}

/** How {@link insertRow} writes. */
export interface InsertRow {
  /** what PostgreSQL does in the same statement: foreign keys are checked at its end */
  readonly beside: readonly Sql[]
  /** whether the statement is kept prepared */
  readonly keep: boolean
}

/** One row with the next version of its name. */
export function insertRow(dialect: Dialect, row: NewRow, { beside, keep }: InsertRow): Sql {
  const kept = keep ? dialect.kept : raw('')
  const table = dialect.table('persistables')
  const counters = dialect.table('persistable_counters')
  if (dialect.provider === 'sqlite') {
    const mark = sql`(SELECT "version" FROM ${counters} WHERE ${ofCounter(row)})`
    const version = unlessPinsLost(dialect, row, sql`max(coalesce(${newest(dialect, row)}, 0), coalesce(${mark}, 0)) + 1`)
    return sql`${kept}INSERT INTO ${table} (${COLUMNS}) SELECT ${values(dialect, row, version)} RETURNING "id", "version"`
  }
  const counter = sql`counter AS (
      INSERT INTO ${counters} AS c ("project", "type", "name", "version")
      VALUES (${row.project}, ${row.type}, ${row.name}, coalesce(${newest(dialect, row)}, 0) + 1)
      ON CONFLICT ("project", "type", "name") DO UPDATE SET "version" = c."version" + 1
      RETURNING "version"
    )`
  const insert = sql`INSERT INTO ${table} (${COLUMNS}) SELECT ${values(dialect, row, unlessPinsLost(dialect, row, sql`counter."version"`))} FROM counter RETURNING "id", "version"`
  if (beside.length === 0) return sql`${kept}WITH ${counter} ${insert}`
  return sql`${kept}WITH ${counter}, saved AS (${insert}) ${join([raw(''), ...beside.map((statement, i) => sql`${raw(`beside${i}`)} AS (${statement})`)])}
    SELECT "id", "version" FROM saved`
}

/** Many rows with the next versions of their names, in the order given, in as few statements as are wise: a statement a row is mostly the client's own time. */
export function insertMany(dialect: Dialect, rows: readonly NewRow[]): Sql[] {
  return chunks(byCounter(rows).flat()).map((chunk) => insertChunk(dialect, chunk))
}

// A row as the JSON of its chunk. Its own JSON is text in it, so that the database stores every character as it would have been stored alone.
function plain(row: NewRow, position: number): Readonly<Record<keyof typeof PLAIN, string | number>> {
  const { id, type, registeredName, project, name, author, versionDescription, hash } = row
  const json = { filepaths: JSON.stringify(row.filepaths), metadata: JSON.stringify(row.metadata) }
  return { position, id, type, registeredName, project, name, author, versionDescription, hash, files: Number(row.hasExternalFiles), ...json }
}

const PLAIN = {
  position: 'int',
  id: 'text',
  type: 'text',
  registeredName: 'text',
  project: 'text',
  name: 'text',
  author: 'text',
  versionDescription: 'text',
  hash: 'text',
  files: 'int',
  filepaths: 'text',
  metadata: 'text',
} as const

interface Chunk {
  readonly rows: readonly NewRow[]
  readonly json: string
}

function chunks(rows: readonly NewRow[]): Chunk[] {
  const made: { rows: NewRow[]; texts: string[]; characters: number }[] = []
  for (const [position, row] of rows.entries()) {
    const text = JSON.stringify(plain(row, position))
    const last = made.at(-1)
    const fits =
      last !== undefined && last.rows.length < CHUNK.rows && last.characters + text.length <= CHUNK.characters && sameTimes(last.rows[0], row)
    if (fits) {
      last.rows.push(row)
      last.texts.push(text)
      last.characters += text.length
    } else made.push({ rows: [row], texts: [text], characters: text.length })
  }
  return made.map(({ rows, texts }) => ({ rows, json: `[${texts.join(',')}]` }))
}

// Times are bound as such, once for a chunk: how they are written is the driver's business.
function sameTimes(a: NewRow | undefined, b: NewRow): boolean {
  return a?.createdAt.getTime() === b.createdAt.getTime() && a.modifiedAt.getTime() === b.modifiedAt.getTime()
}

function insertChunk(dialect: Dialect, { rows, json }: Chunk): Sql {
  const [first] = rows as [NewRow]
  const postgres = dialect.provider === 'postgresql'
  const table = dialect.table('persistables')
  const counters = dialect.table('persistable_counters')
  const wanted = dialect.unnest(json, PLAIN)
  const same = (a: string, b: string) => raw(COUNTER_KEYS.map((key) => `${a}."${key}" = ${b}."${key}"`).join(' AND '))
  const existing = (of: string) => sql`coalesce((SELECT max(p."version") FROM ${table} p WHERE ${same('p', of)}), 0)`
  const partition = raw('PARTITION BY j."project", j."type", j."name"')
  const place = sql`row_number() OVER (${partition} ORDER BY j."position")`
  const jsonb = raw(postgres ? '::jsonb' : '')
  const selected = (version: Sql): Sql => {
    const blobs = rows.flatMap((row) => row.blobs)
    return sql`j."id", j."type", j."registeredName", j."project", j."name", j."author", ${unlessPinsLost(dialect, { blobs }, version)}, j."versionDescription", j."hash",
      j."files" = 1, j."filepaths"${jsonb}, j."metadata"${jsonb}, 1, ${dialect.typed(first.createdAt, 'timestamp')}, ${dialect.typed(first.modifiedAt, 'timestamp')}`
  }
  if (!postgres) {
    const mark = sql`coalesce((SELECT c."version" FROM ${counters} c WHERE ${same('c', 'j')}), 0)`
    return sql`INSERT INTO ${table} (${COLUMNS}) SELECT ${selected(sql`max(${existing('j')}, ${mark}) + ${place}`)} FROM ${wanted} RETURNING "id", "version"`
  }
  return sql`WITH wanted AS (SELECT * FROM ${wanted}), counter AS (
      INSERT INTO ${counters} AS c ("project", "type", "name", "version")
      SELECT w."project", w."type", w."name", ${existing('w')} + count(*) FROM wanted w GROUP BY w."project", w."type", w."name" ORDER BY min(w."position")
      ON CONFLICT ("project", "type", "name") DO UPDATE SET "version" = c."version" + (SELECT count(*) FROM wanted w WHERE ${same('w', 'c')})
      RETURNING "project", "type", "name", "version"
    )
    INSERT INTO ${table} (${COLUMNS}) SELECT ${selected(sql`c."version" - count(*) OVER (${partition}) + ${place}`)}
    FROM wanted j JOIN counter c ON ${same('c', 'j')} RETURNING "id", "version"`
}

/** Brings a counter up to the newest row of its name. */
export function raiseCounter(dialect: Dialect, row: NewRow): Sql {
  const highest = newest(dialect, row)
  return sql`INSERT INTO ${dialect.table('persistable_counters')} AS c ("project", "type", "name", "version")
    VALUES (${row.project}, ${row.type}, ${row.name}, coalesce(${highest}, 0))
    ON CONFLICT ("project", "type", "name") DO UPDATE
    SET "version" = CASE WHEN excluded."version" > c."version" THEN excluded."version" ELSE c."version" END`
}

/** After the rows, in one statement, so that rows of one call may be parents of each other; labels of those are made here, from their new versions. */
export function insertEdges(dialect: Dialect, rows: readonly NewRow[]): Sql[] {
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

/** In one statement, after the rows. */
export function insertTags(dialect: Dialect, rows: readonly NewRow[]): Sql[] {
  const tags = rows.flatMap((row) => Object.entries(row.tags).map(([key, value]) => ({ id: row.id, key, value })))
  if (tags.length === 0) return []
  return [
    sql`INSERT INTO ${dialect.table('persistable_tags')} ("persistable_id", "key", "value")
      SELECT j."id", j."key", j."value" FROM ${dialect.unnest(JSON.stringify(tags), { id: 'text', key: 'text', value: 'text' })}`,
  ]
}
