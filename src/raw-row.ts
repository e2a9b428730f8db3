import type { ColumnsSpec } from './companion'
import { read } from './companion-sql'
import { type Dialect, type Sql, sql } from './dialect'
import { PersistablesError } from './errors'
import type { Row } from './row'
import type { JsonObject } from './types'

/** What a raw query selects of the table `p` for {@link toRow}. */
export function rowColumns(dialect: Dialect): Sql {
  return sql`p."id", p."type", p."registered_name", p."project", p."name", p."author", p."version", p."version_description", p."hash",
    p."has_external_files", p."filepaths", p."metadata", p."row_version", p."created_at", p."modified_at", ${dialect.tagsOf} AS "tags"`
}

/** A row as a raw query gives it. */
export interface RawRow {
  id: string | null
  type: string
  registered_name: string
  project: string
  name: string
  author: string
  version: number | bigint
  version_description: string
  hash: string
  has_external_files: boolean | number
  filepaths: unknown
  metadata: unknown
  row_version: number | bigint
  created_at: Date | string | number
  modified_at: Date | string | number
  tags: unknown
  /** what an order asked for */
  order_key?: unknown
  /** how the columns of a companion are called here: c_id, c_0, c_1… */
  [companion: `c_${string}`]: unknown
}

/**
 * Drivers differ in what raw queries give for JSON, booleans, times and big counts; from here on a row is plain, frozen data. Throws `DATABASE_FAILED`, with the row's id, for files
 * or metadata that the registry did not write.
 */
export function toRow(raw: RawRow, spec?: ColumnsSpec): Row {
  return Object.freeze({
    id: raw.id as string,
    type: raw.type,
    registeredName: raw.registered_name,
    project: raw.project,
    name: raw.name,
    author: raw.author,
    version: Number(raw.version),
    versionDescription: raw.version_description,
    hash: raw.hash,
    hasExternalFiles: Boolean(raw.has_external_files),
    filepaths: freezeJson(written(raw, 'filepaths')) as unknown as Row['filepaths'],
    metadata: freezeJson(written(raw, 'metadata')) as JsonObject,
    rowVersion: Number(raw.row_version),
    createdAt: new Date(raw.created_at),
    modifiedAt: new Date(raw.modified_at),
    tags: freezeJson(parsed(raw.tags ?? {})) as Record<string, string>,
    ...(spec !== undefined && { columns: companionValues(raw, spec) }),
  })
}

// Whoever can write rows must not be able to do more than make their reading fail.
function written(raw: RawRow, column: 'filepaths' | 'metadata'): unknown {
  let [value, cause]: unknown[] = []
  try {
    value = parsed(raw[column])
  } catch (error) {
    cause = error
  }
  if (isObject(value) && (column === 'filepaths' || isMetadata(value))) return value
  throw new PersistablesError('DATABASE_FAILED', `The ${column} of the row ${raw.id} make no sense.`, {
    fix: 'Restore the row from a backup.',
    details: { id: raw.id, column },
    cause,
  })
}

function isMetadata({ parents = {}, sources = [], ...metadata }: Readonly<Record<string, unknown>>): boolean {
  const members = ['config', 'state', 'digests', 'library_versions'].every((name) => metadata[name] === undefined || isObject(metadata[name]))
  return members && Array.isArray(sources) && isObject(parents) && Object.values(parents).every((list) => Array.isArray(list) && list.every(isObject))
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parsed(json: unknown): unknown {
  return typeof json === 'string' ? JSON.parse(json) : json
}

function companionValues(raw: RawRow, spec: ColumnsSpec): Row['columns'] {
  if (raw['c_id'] === null || raw['c_id'] === undefined) return null
  const values = Object.entries(spec.fields).map(([field, column], i) => [field, read(column, raw[`c_${i}`])])
  return freezeJson(Object.fromEntries(values)) as Row['columns']
}

/** Freezes plain data all the way down. */
export function freezeJson(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) freezeJson(member)
    Object.freeze(value)
  }
  return value
}
