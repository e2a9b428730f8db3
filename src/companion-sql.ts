import { type Column, type ColumnKind, type ColumnsSpec, decimalText, filled, type NewCompanion } from './companion'
import { type Dialect, join, raw, type Sql, sql } from './dialect'

const TYPES_OF: Readonly<Record<Exclude<ColumnKind, 'enum'>, string>> = {
  text: 'text',
  int: 'integer',
  bigint: 'bigint',
  float: 'double precision',
  decimal: 'decimal(65,30)',
  bool: 'boolean',
  timestamp: 'timestamp(3)',
  json: 'jsonb',
}

/** A value as a parameter of a statement. */
export function bound(dialect: Dialect, column: Column, value: unknown): Sql {
  const plain = value === null ? null : stored(column, value)
  if (dialect.provider === 'sqlite') return sql`${plain}`
  const type = postgresType(column)
  // A Date is bound as a time without zone, in UTC; the session may be in another.
  if (type.startsWith('timestamptz')) return sql`(${plain}::timestamp AT TIME ZONE 'UTC')`
  return sql`${plain}${raw(column.kind === 'decimal' || column.kind === 'enum' ? `::text::${type}` : `::${type}`)}`
}

function postgresType(column: Column): string {
  return column.type ?? (column.kind === 'enum' ? 'text' : TYPES_OF[column.kind])
}

/** A key that was {@link selected}, as a parameter of a statement: back from text on PostgreSQL, so that nothing of it is lost. */
export function boundKey(dialect: Dialect, column: Column, key: string | number): Sql {
  if (dialect.provider === 'sqlite') return sql`${key}`
  const type = postgresType(column)
  if (type.startsWith('timestamptz')) return sql`(${key}::text::timestamp AT TIME ZONE 'UTC')`
  return column.kind === 'enum' ? sql`${key}::text` : sql`${key}::text${raw(`::${type}`)}`
}

function stored(column: Column, value: unknown): unknown {
  switch (column.kind) {
    case 'enum':
      return column.values?.[value as string] ?? value
    case 'json':
      return JSON.stringify(value)
    case 'decimal':
      return decimalText(value)
    case 'bigint':
      return BigInt(value as number)
    default:
      return value
  }
}

/** A value as the database gave it for {@link selected}, as users see it. */
export function read(column: Column, value: unknown): unknown {
  if (value === null || value === undefined) return null
  switch (column.kind) {
    case 'text':
      return String(value)
    case 'int':
    case 'float':
      return Number(value)
    case 'bigint':
      return BigInt(value as string | number | bigint)
    case 'decimal':
      return trimmed(String(value))
    case 'bool':
      return value === true || value === 'true' || Number(value) === 1
    case 'timestamp':
      return timeOf(String(value))
    case 'json':
      return typeof value === 'string' ? JSON.parse(value) : value
    case 'enum':
      return Object.entries(column.values ?? {}).find(([, stored]) => stored === value)?.[0] ?? value
  }
}

// 0.500000… and 0.5 are one number, and SQLite writes the one, PostgreSQL the other.
function trimmed(decimal: string): string {
  return decimal.includes('.') ? decimal.replace(/\.?0+$/, '') : decimal
}

// SQLite may hold milliseconds, if the app's driver adapter was told so; PostgreSQL's text has a blank for the T and no zone.
function timeOf(text: string): Date {
  if (/^-?\d+(\.0)?$/.test(text)) return new Date(Number(text))
  const iso = text.replace(' ', 'T')
  return new Date(/(Z|[+-]\d{2}(:?\d{2})?)$/.test(iso.slice(10)) ? iso : iso.length === 10 ? `${iso}T00:00:00Z` : `${iso}Z`)
}

/** Values that were given, as users see them once they are saved. */
export function asSaved({ spec }: NewCompanion, values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const seen = Object.entries(spec.fields).map(([field, column]) => {
    const value = values[field] ?? null
    return [field, column.kind === 'bigint' || column.kind === 'decimal' ? read(column, value) : value]
  })
  return Object.fromEntries(seen)
}

/** A column of the table `c` in a form that both drivers hand over without loss; also what cursors keep. */
export function selected(dialect: Dialect, field: string, column: Column): Sql {
  const at = columnOf(field, column)
  if (dialect.provider === 'postgresql') return column.type?.startsWith('timestamptz') ? sql`(${at} AT TIME ZONE 'UTC')::text` : sql`${at}::text`
  if (column.kind === 'bool') return sql`CAST(${at} AS INTEGER)`
  return column.kind === 'text' || column.kind === 'int' || column.kind === 'float' || column.kind === 'enum' ? at : sql`CAST(${at} AS TEXT)`
}

/** What a raw query selects of the table `c`, under the names that rows know. */
export function companionColumns(dialect: Dialect, spec: ColumnsSpec): Sql {
  const fields = Object.entries(spec.fields).map(([field, column], i) => sql`${selected(dialect, field, column)} AS ${raw(`"c_${i}"`)}`)
  return join([sql`c.${raw(quoted(spec.id ?? 'id'))} AS "c_id"`, ...fields])
}

/** A column of the table `c`. */
export function columnOf(field: string, column: Column | undefined): Sql {
  return raw(`c.${quoted(column?.column ?? field)}`)
}

/** The table of a companion model, qualified. */
export function tableOf(dialect: Dialect, spec: ColumnsSpec): Sql {
  if (dialect.provider === 'sqlite') return raw(quoted(spec.table))
  return spec.schema === undefined ? dialect.sibling(spec.table) : raw(`${quoted(spec.schema)}.${quoted(spec.table)}`)
}

/** A name as SQL writes it. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A row that has a companion. */
interface WithCompanion {
  readonly id: string
  readonly createdAt: Date
  readonly companion?: NewCompanion | undefined
}

const PARAMETERS = 10_000

/** Inserts the companions of rows, after those: one statement for each table, or a few. */
export function insertCompanions(dialect: Dialect, rows: readonly WithCompanion[]): Sql[] {
  const tables = new Map<ColumnsSpec, { id: string; values: Readonly<Record<string, unknown>> }[]>()
  for (const { id, createdAt, companion } of rows) {
    if (companion === undefined) continue
    const list = tables.get(companion.spec) ?? []
    tables.set(companion.spec, list)
    list.push({ id, values: filled(companion, createdAt) })
  }
  return [...tables].flatMap(([spec, list]) => {
    const fields = Object.entries(spec.fields)
    const names = raw([spec.id ?? 'id', ...fields.map(([field, { column }]) => column ?? field)].map(quoted).join(', '))
    const size = Math.max(1, Math.floor(PARAMETERS / (fields.length + 1)))
    return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => {
      const some = list.slice(i * size, (i + 1) * size)
      const values = some.map(
        (row) =>
          sql`(${join([dialect.typed(row.id, 'text'), ...fields.map(([field, column]) => bound(dialect, column, row.values[field] ?? null))])})`,
      )
      return sql`INSERT INTO ${tableOf(dialect, spec)} (${names}) VALUES ${join(values)}`
    })
  })
}

/**
 * Changes a companion, if its persistable still is at a row version, which it raises. The last of the statements tells with a row that it did.
 * PostgreSQL: one statement, begun with the row that both writers must lock. SQLite: two in one transaction, which see the same.
 */
export function updateCompanion(
  dialect: Dialect,
  row: { readonly id: string; readonly rowVersion: number },
  changes: NewCompanion,
  now: Date,
): Sql[] {
  const { spec, values } = changes
  const companions = tableOf(dialect, spec)
  const persistables = dialect.table('persistables')
  const updated = Object.fromEntries(Object.entries(spec.fields).flatMap(([field, { fill }]) => (fill === 'updated' ? [[field, now]] : [])))
  const sets = join(
    Object.entries({ ...updated, ...values }).map(([field, value]) => {
      const column = spec.fields[field] as Column
      return sql`${raw(quoted(column.column ?? field))} = ${bound(dialect, column, value)}`
    }),
  )
  const id = raw(quoted(spec.id ?? 'id'))
  const there = sql`EXISTS (SELECT 1 FROM ${companions} c WHERE c.${id} = ${dialect.typed(row.id, 'text')})`
  const same = sql`"id" = ${row.id} AND "row_version" = ${dialect.typed(row.rowVersion, 'int')}`
  const raised = sql`UPDATE ${persistables} SET "row_version" = "row_version" + 1, "modified_at" = ${dialect.typed(now, 'timestamp')}
    WHERE ${same} AND ${there} RETURNING "id", "row_version"`
  if (dialect.provider === 'sqlite') {
    return [sql`UPDATE ${companions} SET ${sets} WHERE ${id} = ${row.id} AND EXISTS (SELECT 1 FROM ${persistables} WHERE ${same})`, raised]
  }
  return [
    sql`WITH raised AS (${raised}), changed AS (UPDATE ${companions} SET ${sets} WHERE ${id} = ${dialect.typed(row.id, 'text')} AND EXISTS (SELECT 1 FROM raised))
      SELECT "id", "row_version" FROM raised`,
  ]
}
