import { createHash } from 'node:crypto'
import type { TableName } from '../dialect'

/** One migration of this release, as `generated/migrations.ts` holds it. */
export interface Migration {
  readonly name: string
  /** sha256 of `sql`, 64 hex digits, as Prisma computes it */
  readonly checksum: string
  readonly sql: string
}

/**
 * What a database's schema is to this release:
 * - `empty` has no tables of the registry (nor anything else, in a file)
 * - `current` has every migration of this release
 * - `custom` has every column that this release needs, made by an application's own migrations
 * - `outdated` lacks migrations or columns
 * - `newer` was migrated by a later release
 * - `failed` has a migration that began and did not end
 * - `foreign` belongs to another application
 */
export type SchemaState = 'empty' | 'current' | 'outdated' | 'newer' | 'foreign' | 'failed' | 'custom'

/** {@link SchemaState} and what it rests on. */
export interface MigrationStatus {
  readonly state: SchemaState
  /** migrations of this release that the database has */
  readonly applied: readonly string[]
  /** migrations of this release that would bring it up to date; empty where others made the tables */
  readonly pending: readonly string[]
  /** migrations in the database that this release does not know, or the failed ones */
  readonly unknown: readonly string[]
  /** `table.column` that this release needs and the database lacks; only where others made the tables */
  readonly missing: readonly string[]
}

/** A row of `_prisma_migrations`. */
export interface HistoryRow {
  readonly name: string
  readonly checksum: string
  readonly finished: boolean
  readonly rolledBack: boolean
}

/** The tables of a database and, for those named `persistable…`, their columns. */
export type Shape = ReadonlyMap<string, ReadonlySet<string>>

/** Every column that this release reads or writes. A test compares it with what the migrations make. */
export const COLUMNS: Readonly<Record<TableName, readonly string[]>> = {
  persistables: [
    'id',
    'type',
    'registered_name',
    'project',
    'name',
    'author',
    'version',
    'version_description',
    'hash',
    'has_external_files',
    'filepaths',
    'metadata',
    'row_version',
    'created_at',
    'modified_at',
  ],
  persistable_edges: ['child_id', 'role', 'position', 'parent_id', 'parent_hash', 'parent_label'],
  persistable_aliases: ['project', 'type', 'name', 'alias', 'persistable_id', 'created_at'],
  persistable_tags: ['persistable_id', 'key', 'value'],
  persistable_counters: ['project', 'type', 'name', 'version'],
  persistable_blobs: ['store', 'digest', 'size', 'state', 'pinned_until', 'marked', 'born'],
  persistable_registry: ['id', 'registry_id', 'created_at'],
  persistable_contents: ['upload', 'store', 'digest', 'size', 'chunk_size', 'touched'],
  persistable_chunks: ['upload', 'position', 'bytes'],
}

/** Tables that an application's own schema may leave out: only a database store needs them, and says so. */
const OPTIONAL: readonly string[] = ['persistable_contents', 'persistable_chunks'] satisfies readonly TableName[]

interface Sorted {
  readonly applied: readonly string[]
  readonly pending: readonly string[]
  readonly unknown: readonly string[]
  readonly failed: readonly string[]
}

// As Prisma does: a checkout that turned line endings around did not change a migration.
function sameChecksum(migration: Migration, checksum: string): boolean {
  if (migration.checksum === checksum) return true
  const lines = migration.sql.replaceAll('\r\n', '\n')
  return [lines, lines.replaceAll('\n', '\r\n')].some((sql) => createHash('sha256').update(sql).digest('hex') === checksum)
}

function sort(history: readonly HistoryRow[], migrations: readonly Migration[]): Sorted {
  const standing = history.filter((row) => !row.rolledBack)
  const isOurs = (row: HistoryRow): boolean => migrations.some((migration) => migration.name === row.name && sameChecksum(migration, row.checksum))
  const finished = standing.filter((row) => row.finished)
  const applied = migrations.filter((migration) => finished.some((row) => row.name === migration.name && isOurs(row))).map(({ name }) => name)
  return {
    applied,
    pending: migrations.map(({ name }) => name).filter((name) => !applied.includes(name)),
    unknown: finished.filter((row) => !isOurs(row)).map(({ name }) => name),
    failed: standing.filter((row) => !row.finished).map(({ name }) => name),
  }
}

/** The status where the history alone tells it, which is so for every database that this package made; else undefined. */
export function statusOfHistory(history: readonly HistoryRow[], migrations: readonly Migration[]): MigrationStatus | undefined {
  const { applied, pending, unknown, failed } = sort(history, migrations)
  if (unknown.length > 0 || failed.length > 0 || applied.length === 0) return undefined
  return { state: pending.length === 0 ? 'current' : 'outdated', applied, pending, unknown, missing: [] }
}

/** The status from the history and the tables themselves. */
export function statusOfShape(embedded: boolean, history: readonly HistoryRow[], migrations: readonly Migration[], shape: Shape): MigrationStatus {
  const { applied, pending, unknown, failed } = sort(history, migrations)
  const status = (state: SchemaState, parts: Partial<MigrationStatus> = {}): MigrationStatus => ({
    state,
    applied,
    pending,
    unknown,
    missing: [],
    ...parts,
  })
  const tables = [...shape.keys()].filter((name) => name !== '_prisma_migrations')
  const needed = Object.entries(COLUMNS).filter(([table]) => shape.has(table) || !OPTIONAL.includes(table))
  const present = needed.filter(([table]) => shape.has(table))
  const ownFailed = failed.some((name) => migrations.some((migration) => migration.name === name))
  if (present.length === 0 && !ownFailed && applied.length === 0) {
    // A server's database is shared as a rule, a file is not; but a history that Prisma keeps for an application is that application's in both.
    const foreign = unknown.length > 0 || failed.length > 0 || (embedded && tables.length > 0)
    return foreign ? status('foreign', { pending: [] }) : status('empty')
  }
  if (failed.length > 0) return status('failed', { unknown: failed })
  const missing = needed.flatMap(([table, columns]) =>
    columns.filter((column) => !shape.get(table)?.has(column)).map((column) => `${table}.${column}`),
  )
  if (applied.length === 0) return status(missing.length === 0 ? 'custom' : 'outdated', { pending: [], missing })
  if (pending.length > 0) return status('outdated')
  // All of ours and others' too. They are a later release's if they changed our tables, or if there are no tables that they could be for.
  const changed = [...shape].some(([table, columns]) => {
    const known: readonly string[] | undefined = COLUMNS[table as TableName]
    return known === undefined ? table.startsWith('persistable_') : [...columns].some((column) => !known.includes(column))
  })
  const onlyOurs = tables.every((table) => table in COLUMNS)
  if (missing.length > 0) return status('newer', { missing })
  return status(changed || onlyOurs ? 'newer' : 'custom')
}
