import { type Dialect, join, raw, type Sql, sql, type TableName } from '../dialect'

/** What a column holds, whatever the databases call it. */
export type Kind = 'text' | 'int' | 'bigint' | 'bool' | 'json' | 'timestamp' | 'bytes'

/** A table as a copy sees it. */
export interface Table {
  readonly name: TableName
  readonly key: readonly string[]
  readonly columns: Readonly<Record<string, Kind>>
  /** what becomes of a row that is there already */
  readonly meeting: 'newer' | 'replace' | 'highest' | 'keep'
  /** rows at once: they may take a megabyte each. @defaultValue 200 */
  readonly page?: number
  /** what is copied of it. @defaultValue all */
  readonly only?: string
  /** whether a schema may be without it */
  readonly optional?: boolean
}

/** A value as both databases mean it. */
export type Cell = string | number | bigint | boolean | Date | Uint8Array | null

/** A row by column names. */
export type Cells = Readonly<Record<string, Cell>>

/** Every table of the registry but its id, in an order in which no row refers to a later one. */
export const TABLES: readonly Table[] = [
  {
    name: 'persistables',
    key: ['id'],
    columns: {
      id: 'text',
      type: 'text',
      registered_name: 'text',
      project: 'text',
      name: 'text',
      author: 'text',
      version: 'int',
      version_description: 'text',
      hash: 'text',
      has_external_files: 'bool',
      filepaths: 'json',
      metadata: 'json',
      row_version: 'int',
      created_at: 'timestamp',
      modified_at: 'timestamp',
    },
    meeting: 'newer',
  },
  {
    name: 'persistable_edges',
    key: ['child_id', 'role', 'position'],
    columns: { child_id: 'text', role: 'text', position: 'int', parent_id: 'text', parent_hash: 'text', parent_label: 'text' },
    meeting: 'replace',
  },
  {
    name: 'persistable_tags',
    key: ['persistable_id', 'key'],
    columns: { persistable_id: 'text', key: 'text', value: 'text' },
    meeting: 'replace',
  },
  {
    name: 'persistable_aliases',
    key: ['project', 'type', 'name', 'alias'],
    columns: { project: 'text', type: 'text', name: 'text', alias: 'text', persistable_id: 'text', created_at: 'timestamp' },
    meeting: 'replace',
  },
  {
    name: 'persistable_counters',
    key: ['project', 'type', 'name'],
    columns: { project: 'text', type: 'text', name: 'text', version: 'int' },
    meeting: 'highest',
  },
  {
    name: 'persistable_blobs',
    key: ['store', 'digest'],
    columns: { store: 'text', digest: 'text', size: 'bigint', state: 'text', pinned_until: 'bigint', marked: 'bigint', born: 'bigint' },
    meeting: 'keep',
  },
  {
    name: 'persistable_contents',
    key: ['upload'],
    columns: { upload: 'text', store: 'text', digest: 'text', size: 'bigint', chunk_size: 'int', touched: 'bigint' },
    meeting: 'keep',
    // What is still being written has no digest yet.
    only: '"digest" IS NOT NULL',
    optional: true,
  },
  {
    name: 'persistable_chunks',
    key: ['upload', 'position'],
    columns: { upload: 'text', position: 'int', bytes: 'bytes' },
    meeting: 'keep',
    page: 16,
    only: '"upload" IN (SELECT c."upload" FROM {contents} c WHERE c."digest" IS NOT NULL)',
    optional: true,
  },
]

const quoted = (names: readonly string[]): Sql => join(names.map((name) => raw(`"${name}"`)))

/** One page of a table, by its key, after the key of the row before. */
export function readPage(dialect: Dialect, table: Table, after: Cells | undefined, size: number): Sql {
  return sql`SELECT ${quoted(Object.keys(table.columns))} ${pageOf(dialect, table, after, size)}`
}

/** How long the JSON of the rows of the next page is, or undefined for a table without. */
export function readSizes(dialect: Dialect, table: Table, after: Cells | undefined, size: number): Sql | undefined {
  const json = Object.keys(table.columns).filter((name) => table.columns[name] === 'json')
  if (json.length === 0) return undefined
  const lengths = json.map((name) => raw(dialect.provider === 'sqlite' ? `length("${name}")` : `length("${name}"::text)`))
  return sql`SELECT ${join(lengths, ' + ')} AS "size" ${pageOf(dialect, table, after, size)}`
}

function pageOf(dialect: Dialect, table: Table, after: Cells | undefined, size: number): Sql {
  const beyond =
    after === undefined
      ? []
      : [sql`(${quoted(table.key)}) > (${join(table.key.map((name) => bound(dialect, after[name] as Cell, table.columns[name])))})`]
  return sql`FROM ${dialect.table(table.name)} WHERE ${join([copied(dialect, table), ...beyond], ' AND ')} ORDER BY ${quoted(table.key)} LIMIT ${raw(String(size))}`
}

// What of a table is copied.
function copied(dialect: Dialect, { only }: Table): Sql {
  return raw(only === undefined ? '1 = 1' : only.replace('{contents}', dialect.text(dialect.table('persistable_contents'))))
}

// Keys are compared as the columns they are of; a key is text or a small number.
function bound(dialect: Dialect, value: Cell, kind: Kind | undefined): Sql {
  return dialect.typed(value, kind === 'int' ? 'int' : 'text')
}

/** The rows of these keys. */
export function readKeys(dialect: Dialect, table: Table, rows: readonly Cells[]): Sql {
  const keys = rows.map((row) => sql`(${join(table.key.map((name) => bound(dialect, row[name] as Cell, table.columns[name])))})`)
  return sql`SELECT ${quoted(Object.keys(table.columns))} FROM ${dialect.table(table.name)} WHERE (${quoted(table.key)}) IN (VALUES ${join(keys)})`
}

/** Which tables of the registry a database has. */
export function tableNames(dialect: Dialect): Sql {
  if (dialect.provider === 'sqlite') return sql`SELECT "name" FROM "sqlite_master" WHERE "type" = 'table'`
  // By the catalogue's own look-up, which knows the schema or the search path.
  const names = TABLES.map(({ name }) => sql`SELECT ${name}::text AS "name" WHERE to_regclass(${dialect.text(dialect.table(name))}) IS NOT NULL`)
  return join(names, ' UNION ALL ')
}

/** How many rows of a table are copied. */
export function countRows(dialect: Dialect, table: Table): Sql {
  return sql`SELECT count(*) AS n FROM ${dialect.table(table.name)} WHERE ${copied(dialect, table)}`
}

/** Writes rows; those that are there become what {@link Table.meeting} says. */
export function writeRows(dialect: Dialect, table: Table, rows: readonly Cells[]): Sql {
  const columns = Object.entries(table.columns)
  const values = rows.map((row) => sql`(${join(columns.map(([name, kind]) => cell(dialect, row[name] ?? null, kind)))})`)
  return sql`INSERT INTO ${dialect.table(table.name)} AS t (${quoted(Object.keys(table.columns))}) VALUES ${join(values)}
    ON CONFLICT (${quoted(table.key)}) ${conflict(table)}`
}

// Bytes need no type to be told, and have none in every database.
function cell(dialect: Dialect, value: Cell, kind: Kind): Sql {
  return kind === 'bytes' ? sql`${value}` : dialect.typed(value, kind)
}

function conflict({ meeting, key, columns }: Table): Sql {
  if (meeting === 'keep') return sql`DO NOTHING`
  const others = Object.keys(columns).filter((name) => !key.includes(name))
  const set = raw(others.map((name) => `"${name}" = excluded."${name}"`).join(', '))
  if (meeting === 'replace') return sql`DO UPDATE SET ${set}`
  // The same state is written too: only what differs is, and of one state the source knows best.
  return meeting === 'newer'
    ? sql`DO UPDATE SET ${set} WHERE excluded."row_version" >= t."row_version"`
    : sql`DO UPDATE SET ${set} WHERE excluded."version" > t."version"`
}

/** Brings the counters up to the rows: where versions are counted, the next one must not begin before them. */
export function raiseCounters(dialect: Dialect): Sql {
  return sql`INSERT INTO ${dialect.table('persistable_counters')} AS c ("project", "type", "name", "version")
    SELECT p."project", p."type", p."name", max(p."version") FROM ${dialect.table('persistables')} p WHERE 1 = 1 GROUP BY p."project", p."type", p."name"
    ON CONFLICT ("project", "type", "name") DO UPDATE SET "version" = excluded."version" WHERE excluded."version" > c."version"`
}

/** A value of a driver as both databases mean it. Throws for what cannot be one: a row that somebody else wrote. */
export function cellOf(kind: Kind, value: unknown): Cell {
  if (value === null || value === undefined) return null
  switch (kind) {
    case 'text':
      return String(value)
    case 'int':
      return Number(value)
    case 'bigint':
      return BigInt(String(value))
    case 'bool':
      return Boolean(Number(value))
    case 'json':
      return typeof value === 'string' ? value : JSON.stringify(value)
    case 'timestamp':
      return timeOf(value)
    case 'bytes':
      return bytesOf(value)
  }
}

function timeOf(value: unknown): Date {
  if (value instanceof Date) return value
  const text = String(value)
  // A time without a zone, as SQLite's own default writes it, is UTC; and Prisma's engine keeps milliseconds as a number.
  const time = /^\d+$/.test(text) ? new Date(Number(text)) : new Date(/(Z|[+-]\d{2}:?\d{2})$/.test(text) ? text : `${text.replace(' ', 'T')}Z`)
  if (Number.isNaN(time.getTime())) throw new TypeError(`${text} is no time`)
  return time
}

function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (Array.isArray(value)) return Uint8Array.from(value as number[])
  throw new TypeError('a column of bytes holds something else')
}
