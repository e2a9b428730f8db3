import { COLUMNS, invalid, isStorable, kindOf } from './columns'
import { type Dialect, raw, type Sql, sql } from './dialect'
import { suggest } from './errors'
import type { Row } from './row'

/** What rows can be ordered by. */
export type OrderKey = 'createdAt' | 'modifiedAt' | 'name' | 'type' | 'author' | 'version'
const ORDER_KEYS: readonly OrderKey[] = ['createdAt', 'modifiedAt', 'name', 'type', 'author', 'version']

/** One member: the key, and its direction. Text is ordered by code point; equals are ordered by id, in the same direction. */
export type OrderBy = { readonly [K in OrderKey]?: 'asc' | 'desc' }

/** A checked order, as SQL over the table `p`. */
export interface Ordering {
  /** what follows ORDER BY */
  readonly sql: Sql
  /** what follows ORDER BY among rows whose key is null, where there may be any */
  readonly nullsSql?: Sql
  /** what to select of each row as its key, where the row itself does not tell it exactly */
  readonly key?: Sql
  /** the condition before any place is known */
  readonly first?: Sql
  /** the place where rows whose key is null begin; they come last */
  readonly nulls?: Position
  /** the condition for what comes after a place */
  beyond(at: Position): Sql
  /** the place of a row in this order. @param key - what was selected as its `key` */
  place(row: Row, key: unknown): Position
  /** Throws `INVALID_QUERY`. */
  read(cursor: string): Position
  write(at: Position): string
}

/** Checks an order. Throws `INVALID_QUERY`. */
export function orderingOf(dialect: Dialect, orderBy?: OrderBy): Ordering {
  const { key, direction } = order(orderBy)
  return {
    sql: ordered(key, direction),
    beyond: (at) => beyond(key, direction, at),
    place: (row) => ({ value: cursorValue(row, key), id: row.id }),
    read: (cursor) => readCursor(cursor, key, direction),
    write: (at) => writeCursor(key, direction, at),
  }

  function ordered(key: OrderKey, direction: 'asc' | 'desc'): Sql {
    return sql`${sortable(key)} ${raw(direction)}, ${dialect.binary(raw('p."id"'))} ${raw(direction)}`
  }

  function sortable(key: OrderKey): Sql {
    const column = raw(`p."${COLUMNS[key]}"`)
    return kindOf(key) === 'text' ? dialect.binary(column) : column
  }

  function beyond(key: OrderKey, direction: 'asc' | 'desc', at: Position): Sql {
    const sign = raw(direction === 'asc' ? '>' : '<')
    const kind = kindOf(key)
    const value = dialect.typed(kind === 'timestamp' ? new Date(at.value as string) : at.value, kind)
    // As one comparison of two: an index of both begins behind the last of many with one value, and does not pass over them.
    return sql`(${sortable(key)}, ${dialect.binary(raw('p."id"'))}) ${sign} (${value}, ${dialect.typed(at.id, 'text')})`
  }
}

function order(orderBy: OrderBy | null = { createdAt: 'desc' }): { key: OrderKey; direction: 'asc' | 'desc' } {
  const entries = Object.entries(orderBy ?? {}).filter(([, direction]) => direction !== undefined)
  const [entry] = entries
  if (entry === undefined || entries.length > 1) throw invalid('orderBy needs exactly one key', "Write orderBy: { createdAt: 'desc' }.")
  const [key, direction] = entry
  if (!ORDER_KEYS.includes(key as OrderKey)) throw invalid(`There is no order by "${key}"`, suggest(key, ORDER_KEYS, ''))
  if (direction !== 'asc' && direction !== 'desc')
    throw invalid(`The direction of "${key}" is neither 'asc' nor 'desc'`, `Write orderBy: { ${key}: 'desc' }.`)
  return { key: key as OrderKey, direction }
}

/** A place in an order. */
export interface Position {
  readonly value: string | number | null
  readonly id: string
}

function cursorValue(row: Row, key: OrderKey): string | number {
  const value = row[key]
  return value instanceof Date ? value.toISOString() : value
}

// Opaque on purpose: a keyset position, valid only with the order it was made by.
function writeCursor(key: OrderKey, direction: string, at: Position): string {
  return Buffer.from(JSON.stringify([key, direction, at.value, at.id])).toString('base64url')
}

function readCursor(cursor: string, key: OrderKey, direction: string): Position {
  const wrong = (why: string) =>
    invalid(`The cursor ${why}`, 'Pass the cursor of an earlier page of the same query, unchanged, with the same orderBy.')
  let parts: unknown
  try {
    parts = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    throw wrong('cannot be read')
  }
  if (!Array.isArray(parts) || parts.length !== 4 || typeof parts[3] !== 'string') throw wrong('cannot be read')
  if (parts[0] !== key || parts[1] !== direction) throw wrong(`belongs to another order (${String(parts[0])} ${String(parts[1])})`)
  const fits = key === 'version' ? Number.isSafeInteger(parts[2]) : typeof parts[2] === 'string'
  if (!fits || (kindOf(key) === 'timestamp' && !isStorable(new Date(parts[2] as string)))) throw wrong('cannot be read')
  if (key === 'version' && Math.abs(parts[2] as number) >= 2 ** 31) throw wrong('cannot be read')
  if (parts[3].includes('\0') || String(parts[2]).includes('\0')) throw wrong('cannot be read')
  return { value: parts[2] as string | number, id: parts[3] }
}
