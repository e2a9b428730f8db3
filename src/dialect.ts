import { join, raw, type Sql, sqltag as sql } from '@prisma/client/runtime/client'
import type { Provider } from './client'
import { KEPT } from './prepared'

export { join, raw, type Sql, sql }

/** What differs between the databases' SQL. Pure: it makes text. */
export interface Dialect {
  readonly provider: Provider
  /** the text of a statement with this database's placeholders */
  text(statement: Sql): string
  /** a table of the registry, qualified */
  table(name: TableName): Sql
  /** another table of the same schema */
  sibling(name: string): Sql
  /** a value with the type that an untyped place in a statement cannot infer */
  typed(value: unknown, type: 'int' | 'bigint' | 'text' | 'bool' | 'json' | 'timestamp'): Sql
  /** milliseconds since 1970 by the database's clock */
  readonly now: Sql
  /** rows of a JSON array of objects, as a table `j` with the given text columns (and `position`-like ints marked so) */
  unnest(json: string, columns: Readonly<Record<string, 'text' | 'int' | 'bigint'>>): Sql
  /** one JSON object of the tags of `p` */
  readonly tagsOf: Sql
  /** stands before a statement that is sent again and again in one of a few shapes */
  readonly kept: Sql
  /** orders and compares text by code point, whatever the database's collation */
  binary(column: Sql): Sql
}

/** The registry's tables as the database names them. */
export type TableName =
  | 'persistables'
  | 'persistable_edges'
  | 'persistable_aliases'
  | 'persistable_tags'
  | 'persistable_counters'
  | 'persistable_blobs'
  | 'persistable_registry'
  | 'persistable_contents'
  | 'persistable_chunks'

const sqlite: Dialect = {
  provider: 'sqlite',
  text: (statement) => statement.sql,
  table: (name) => raw(`"${name}"`),
  sibling: (name) => raw(`"${name.replaceAll('"', '""')}"`),
  typed: (value) => sql`${value}`,
  now: raw(`CAST(unixepoch('subsec') * 1000 AS INTEGER)`),
  unnest: (json, columns) =>
    sql`(SELECT ${join(Object.keys(columns).map((name) => raw(`json_extract(value, '$.${name}') AS "${name}"`)))} FROM json_each(${json})) AS j`,
  tagsOf: raw(`(SELECT json_group_object("key", "value") FROM "persistable_tags" t WHERE t."persistable_id" = p."id")`),
  kept: raw(KEPT),
  binary: (column) => column,
}

const CASTS = { int: 'int', bigint: 'bigint', text: 'text', bool: 'boolean', json: 'jsonb', timestamp: 'timestamp(3)' } as const

/** PostgreSQL. `schema` qualifies the tables; without it the search path finds them. */
function postgresql(schema: string | undefined): Dialect {
  const sibling = (name: string): Sql => {
    const quoted = `"${name.replaceAll('"', '""')}"`
    return raw(schema === undefined ? quoted : `"${schema.replaceAll('"', '""')}".${quoted}`)
  }
  const table = (name: TableName): Sql => sibling(name)
  return {
    provider: 'postgresql',
    text: (statement) => statement.text,
    table,
    sibling,
    typed: (value, type) => sql`${value}${raw(`::${CASTS[type]}`)}`,
    now: raw(`(extract(epoch from clock_timestamp()) * 1000)::bigint`),
    unnest: (json, columns) =>
      sql`json_to_recordset(${json}::json) AS j(${join(Object.entries(columns).map(([name, type]) => raw(`"${name}" ${type}`)))})`,
    tagsOf: sql`(SELECT json_object_agg(t."key", t."value") FROM ${table('persistable_tags')} t WHERE t."persistable_id" = p."id")`,
    kept: raw(KEPT),
    binary: (column) => sql`${column} COLLATE "C"`,
  }
}

/** The SQL of a provider. @param schema - PostgreSQL schema that holds the tables; default: the search path's. */
export function dialectOf(provider: Provider, schema?: string): Dialect {
  return provider === 'sqlite' ? sqlite : postgresql(schema)
}
