import { PersistablesError } from './errors'

/** The columns of a row that conditions and orders name, as the database calls them. */
export const COLUMNS = {
  createdAt: 'created_at',
  modifiedAt: 'modified_at',
  name: 'name',
  type: 'type',
  registeredName: 'registered_name',
  author: 'author',
  version: 'version',
  id: 'id',
  hash: 'hash',
} as const

/** Comparisons by the names that conditions have, as SQL writes them. */
export const COMPARE: Readonly<Record<string, string>> = { equals: '=', not: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=' }

/** What a column holds. */
export type ColumnKind = 'int' | 'timestamp' | 'text'

/** What a column holds, by the name that queries use. */
export function kindOf(key: keyof typeof COLUMNS): ColumnKind {
  if (key === 'version') return 'int'
  return key === 'createdAt' || key === 'modifiedAt' ? 'timestamp' : 'text'
}

/** `INVALID_QUERY`. */
export function invalid(what: string, fix: string): PersistablesError {
  return new PersistablesError('INVALID_QUERY', `${what}.`, { fix })
}

/** Whether a time can be compared in every database: of the years 1 to 9999, which are also ordered as texts. */
export function isStorable(time: Date): boolean {
  const year = time.getUTCFullYear()
  return year >= 1 && year <= 9999
}
