import { isDeepStrictEqual } from 'node:util'
import type { Column, ColumnsSpec } from '../companion'
import { bound, columnOf, quoted, read, selected, tableOf } from '../companion-sql'
import { type Dialect, join, raw, type Sql, sql } from '../dialect'
import { PersistablesError } from '../errors'
import { definitionOf } from '../facts'
import { registryOf, type TypesOption } from '../registry'

/** Runs a reading statement. */
export type Reading = (statement: Sql) => Promise<Record<string, unknown>[]>

/** A row of a companion's table as a copy carries it: by field, with what decides between two states of it. */
export interface Carried {
  readonly id: string
  /** of its persistable */
  readonly rowVersion: number
  readonly values: Readonly<Record<string, unknown>>
}

/** The companion tables of classes, each once. Throws `INVALID_TYPE`. */
export function specsOf(types: TypesOption): ColumnsSpec[] {
  registryOf(types)
  const specs = new Map<string, ColumnsSpec>()
  for (const type of Array.isArray(types) ? types : Object.values(types)) {
    const spec = definitionOf(type).columns
    if (spec !== undefined) specs.set(`${spec.schema ?? ''}.${spec.table}`, spec)
  }
  return [...specs.values()]
}

const database = (spec: ColumnsSpec): string[] => [spec.id ?? 'id', ...Object.entries(spec.fields).map(([field, { column }]) => column ?? field)]

/**
 * A companion's spec as one database has it, with the types that its columns have there (a class is generated for one provider); undefined where the table is not
 * there. `missing`: columns that the class knows and the table lacks; `unknown`: the other way about.
 */
export async function specOn(
  dialect: Dialect,
  spec: ColumnsSpec,
  rows: Reading,
): Promise<{ readonly spec: ColumnsSpec; readonly missing: readonly string[]; readonly unknown: readonly string[] } | undefined> {
  const statement =
    dialect.provider === 'sqlite'
      ? sql`SELECT "name", '' AS "type" FROM pragma_table_info(${spec.table})`
      : sql`SELECT attname::text AS "name", format_type(atttypid, atttypmod) AS "type" FROM pg_attribute
          WHERE attrelid = to_regclass(${dialect.text(tableOf(dialect, spec))}) AND attnum > 0 AND NOT attisdropped`
  const types = new Map((await rows(statement)).map(({ name, type }) => [String(name), String(type)]))
  if (types.size === 0) return undefined
  const wanted = database(spec)
  const here = (field: string, column: Column): Column => {
    const { type: _, ...rest } = column
    const type = types.get(column.column ?? field) ?? ''
    return type === '' ? rest : { ...rest, type: type.replace(/^timestamp(.*) with time zone$/, 'timestamptz$1') }
  }
  const fields = Object.fromEntries(Object.entries(spec.fields).map(([field, column]) => [field, here(field, column)]))
  return {
    spec: { ...spec, fields },
    missing: wanted.filter((name) => !types.has(name)),
    unknown: [...types.keys()].filter((name) => !wanted.includes(name)),
  }
}

/** Tables that refer to versions. */
export async function referring(dialect: Dialect, rows: Reading): Promise<string[]> {
  const statement =
    dialect.provider === 'sqlite'
      ? sql`SELECT DISTINCT m."name" AS "name" FROM sqlite_master m JOIN pragma_foreign_key_list(CASE WHEN m."sql" NOT LIKE 'CREATE VIRTUAL%' THEN m."name" END) f ON f."table" = 'persistables' WHERE m."type" = 'table'`
      : sql`SELECT DISTINCT r.relname::text AS "name" FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
          WHERE c.contype = 'f' AND c.confrelid = to_regclass(${dialect.text(dialect.table('persistables'))})`
  return (await rows(statement)).map(({ name }) => String(name)).sort()
}

const idOf = (spec: ColumnsSpec): Sql => raw(`c.${quoted(spec.id ?? 'id')}`)

function rowsOf(dialect: Dialect, spec: ColumnsSpec): Sql {
  const fields = Object.entries(spec.fields).map(([field, column], i) => sql`${selected(dialect, field, column)} AS ${raw(`"c_${i}"`)}`)
  return sql`SELECT ${join([sql`${idOf(spec)} AS "id"`, sql`p."row_version" AS "row_version"`, ...fields])} ${tables(dialect, spec)}`
}

function tables(dialect: Dialect, spec: ColumnsSpec): Sql {
  return sql`FROM ${tableOf(dialect, spec)} c JOIN ${dialect.table('persistables')} p ON p."id" = ${idOf(spec)}`
}

/** One page of a companion's table by its id, after an id. */
export function companionPage(dialect: Dialect, spec: ColumnsSpec, after: string | undefined, size: number): Sql {
  return sql`${rowsOf(dialect, spec)} WHERE ${beyond(dialect, spec, after)} ORDER BY ${idOf(spec)} LIMIT ${raw(String(size))}`
}

/** How many characters the values of the rows of a page have. */
export function companionSizes(dialect: Dialect, spec: ColumnsSpec, after: string | undefined, size: number): Sql {
  const texts = Object.entries(spec.fields).filter(([, { kind }]) => kind === 'text' || kind === 'json')
  const lengths = texts.map(
    ([field, column]) => sql`coalesce(length(${columnOf(field, column)}${raw(dialect.provider === 'sqlite' ? '' : '::text')}), 0)`,
  )
  return sql`SELECT ${lengths.length === 0 ? raw('0') : join(lengths, ' + ')} AS "size" FROM ${tableOf(dialect, spec)} c
    WHERE ${beyond(dialect, spec, after)} ORDER BY ${idOf(spec)} LIMIT ${raw(String(size))}`
}

function beyond(dialect: Dialect, spec: ColumnsSpec, after: string | undefined): Sql {
  return after === undefined ? raw('1 = 1') : sql`${idOf(spec)} > ${dialect.typed(after, 'text')}`
}

/** The rows of these ids. */
export function companionsOf(dialect: Dialect, spec: ColumnsSpec, ids: readonly string[]): Sql {
  return sql`${rowsOf(dialect, spec)} WHERE p."id" IN (${join(ids.map((id) => dialect.typed(id, 'text')))})`
}

/** How many rows there are. */
export function countCompanions(dialect: Dialect, spec: ColumnsSpec): Sql {
  return sql`SELECT count(*) AS n FROM ${tableOf(dialect, spec)} c`
}

/** A driver's row as both databases mean it. */
export function carried(spec: ColumnsSpec, row: Readonly<Record<string, unknown>>): Carried {
  const values = Object.entries(spec.fields).map(([field, column], i) => [field, held(column, row[`c_${i}`])])
  return { id: String(row['id']), rowVersion: Number(row['row_version']), values: Object.fromEntries(values) }
}

// JSON stays text, so that its null is not a column's; an enum stays what the database calls it.
function held(column: Column, value: unknown): unknown {
  if (value === null || value === undefined) return null
  if (column.kind === 'json') return typeof value === 'string' ? value : JSON.stringify(value)
  return column.kind === 'enum' ? String(value) : read(column, value)
}

function parameter(dialect: Dialect, column: Column, value: unknown): Sql {
  if (dialect.provider === 'sqlite' || (column.kind !== 'json' && column.kind !== 'enum')) {
    return column.kind === 'json' || column.kind === 'enum' ? sql`${value}` : bound(dialect, column, value)
  }
  return sql`${value}::text::${raw(column.type ?? (column.kind === 'json' ? 'jsonb' : 'text'))}`
}

/**
 * Writes rows, each only while its persistable is not of a later state than the row is: whoever updates one locks the persistable first.
 */
export function writeCompanions(dialect: Dialect, spec: ColumnsSpec, rows: readonly Carried[]): Sql {
  const fields = Object.entries(spec.fields)
  const names = database(spec).map(quoted)
  const values = rows.map(
    ({ id, rowVersion, values: row }) =>
      sql`(${join([dialect.typed(id, 'text'), dialect.typed(rowVersion, 'int'), ...fields.map(([field, column]) => parameter(dialect, column, row[field] ?? null))])})`,
  )
  const aliases = fields.map((_, i) => `"v_${i}"`)
  const set = names.slice(1).map((name) => `${name} = excluded.${name}`)
  const conflict = set.length === 0 ? 'DO NOTHING' : `DO UPDATE SET ${set.join(', ')}`
  return sql`WITH v(${raw(['"v_id"', '"v_row_version"', ...aliases].join(', '))}) AS (VALUES ${join(values)})
    INSERT INTO ${tableOf(dialect, spec)} (${raw(names.join(', '))})
    SELECT ${raw(['"v_id"', ...aliases].map((alias) => `v.${alias}`).join(', '))} FROM v JOIN ${dialect.table('persistables')} p ON p."id" = v."v_id"
    WHERE p."row_version" <= v."v_row_version"${raw(dialect.provider === 'sqlite' ? '' : ' FOR UPDATE OF p')}
    ON CONFLICT (${raw(names[0] as string)}) ${raw(conflict)}`
}

/** Whether a copy needs nothing of a row. */
export function isSettled(spec: ColumnsSpec, row: Carried, there: Carried | undefined): boolean {
  if (there === undefined) return false
  if (there.rowVersion > row.rowVersion) return true
  return Object.entries(spec.fields).every(([field, { kind }]) => same(kind, row.values[field], there.values[field]))
}

function same(kind: Column['kind'], a: unknown, b: unknown): boolean {
  if (isDeepStrictEqual(a, b)) return true
  if (typeof a !== 'string' || typeof b !== 'string') return false
  if (kind === 'json') return isDeepStrictEqual(JSON.parse(a), JSON.parse(b))
  // SQLite keeps decimals as floating-point numbers, which are exact for 15 digits, and writes large ones with an exponent.
  return kind === 'decimal' && Number(a) === Number(b) && [a, b].some((text) => text.replace(/^-?0*\.?0*|\.|e.*$/gi, '').length <= 15)
}

/** `SCHEMA_OUTDATED`: a side of the copy has not the table, or not all columns. */
export function lacking(url: string, spec: ColumnsSpec, columns: readonly string[]): PersistablesError {
  const what = columns.length === 0 ? `no table "${spec.table}"` : `no ${columns.map((name) => `"${name}"`).join(', ')} in the table "${spec.table}"`
  return new PersistablesError(
    'SCHEMA_OUTDATED',
    `${url} has ${what} of the companion model ${spec.model}, whose rows are to be copied; nothing was written.`,
    {
      fix:
        'Migrate it first: put the model into the Prisma schema of that database (`npx persistables init` for the registry’s own), then `npx prisma migrate deploy`. ' +
        'Or copy without the types that have columns.',
      details: { url, model: spec.model, table: spec.table, columns },
    },
  )
}
