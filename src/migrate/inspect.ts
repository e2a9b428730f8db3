import { existsSync } from 'node:fs'
import type { Provider } from '../client'
import { type Query, queryOf } from '../connect/driver'
import { withSqlite } from '../connect/sqlite'
import { failureKind } from '../failure'
import { type HistoryRow, type Migration, type MigrationStatus, type Shape, statusOfHistory, statusOfShape } from './state'

/** A table's name as statements write it, in the schema if there is one. */
export function qualified(table: string, schema: string | undefined): string {
  return [...(schema === undefined ? [] : [schema]), table].map((part) => `"${part.replaceAll('"', '""')}"`).join('.')
}

/** Reads the state of a database: one statement where this package or Prisma migrated it with this package's files, else two. */
export async function inspect(query: Query, provider: Provider, migrations: readonly Migration[], schema?: string): Promise<MigrationStatus> {
  const history = await readHistory(query, schema)
  return statusOfHistory(history, migrations) ?? statusOfShape(provider === 'sqlite', history, migrations, await readShape(query, provider, schema))
}

/**
 * The state of a SQLite file whose last writers left a -wal, by a connection that cannot write: whoever closes the file last takes the -wal in, and
 * nobody may do that to a file before it is known to be ours. Null where there is nothing of that kind to spare, or it cannot be opened so.
 */
export async function peek(file: string, migrations: readonly Migration[]): Promise<MigrationStatus | null> {
  if (!existsSync(`${file}-wal`)) return null
  return withSqlite(file, { readonly: true }, (driver) => inspect(queryOf(driver), 'sqlite', migrations)).catch(() => null)
}

async function readHistory(query: Query, schema: string | undefined): Promise<HistoryRow[]> {
  const statement =
    'SELECT "migration_name" AS "name", "checksum", ("finished_at" IS NOT NULL) AS "finished", ("rolled_back_at" IS NOT NULL) AS "rolled_back" ' +
    `FROM ${qualified('_prisma_migrations', schema)}`
  try {
    const rows = await query(statement)
    return rows.map((row) => ({
      name: String(row['name']),
      checksum: String(row['checksum']),
      // SQLite answers 0 and 1, as numbers or bigints.
      finished: Boolean(row['finished']),
      rolledBack: Boolean(row['rolled_back']),
    }))
  } catch (error) {
    if (failureKind(error) === 'no-table') return []
    throw error
  }
}

// Columns only of our own tables: asking for those of a virtual table fails where its module is not loaded.
const SQLITE_SHAPE =
  'SELECT m."name" AS "table", c."name" AS "column" FROM "sqlite_master" m ' +
  `LEFT JOIN pragma_table_info(CASE WHEN m."name" LIKE 'persistable%' THEN m."name" END) c ` +
  `WHERE m."type" IN ('table', 'view') AND m."name" NOT LIKE 'sqlite!_%' ESCAPE '!'`

// Not information_schema, which hides what the role may not touch.
const postgresShape = (schema: string | undefined): string =>
  'SELECT c.relname::text AS "table", a.attname::text AS "column" FROM pg_catalog.pg_class c ' +
  'JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ' +
  `LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND c.relname LIKE 'persistable%' ` +
  `WHERE c.relkind IN ('r', 'p', 'v') AND n.nspname = ${schema === undefined ? 'current_schema()' : `'${schema.replaceAll("'", "''")}'`}`

async function readShape(query: Query, provider: Provider, schema: string | undefined): Promise<Shape> {
  const shape = new Map<string, Set<string>>()
  for (const { table, column } of await query(provider === 'sqlite' ? SQLITE_SHAPE : postgresShape(schema))) {
    const columns = shape.get(String(table)) ?? new Set()
    if (column !== null) columns.add(String(column))
    shape.set(String(table), columns)
  }
  return shape
}
