import { COMPARE, invalid } from './columns'
import { type Column, type ColumnKind, type ColumnsSpec, misfit } from './companion'
import { bound, boundKey, columnOf, quoted, selected } from './companion-sql'
import { type Dialect, join, raw, type Sql, sql } from './dialect'
import { suggest } from './errors'
import { isPlainObject } from './normal/plain'
import type { Ordering, Position } from './order'
import { type TextOperator, textCondition } from './text-condition'
import type { WhereBudget } from './where-budget'

/** What a column is compared with: a value, or conditions. `null` finds what holds none; `not` never does. */
export type ColumnFilter<V> =
  | V
  | ({ readonly equals?: V; readonly not?: V } & (NonNullable<V> extends boolean
      ? unknown
      : { readonly in?: readonly NonNullable<V>[]; readonly notIn?: readonly NonNullable<V>[] } & (NonNullable<V> extends string
          ? { readonly startsWith?: string; readonly endsWith?: string; readonly contains?: string } & Compared<NonNullable<V>>
          : Compared<NonNullable<V>>)))

interface Compared<V> {
  readonly gt?: V
  readonly gte?: V
  readonly lt?: V
  readonly lte?: V
}

/** Conditions on columns; all of them must hold. */
export type ColumnsWhere<Cols> = { readonly [K in keyof Cols]?: ColumnFilter<Comparable<Cols[K]>> }

// Of JSON only whether there is any can be asked.
type Comparable<V> = NonNullable<V> extends string | number | bigint | boolean | Date ? V : null

/** Orders by one column; what holds null comes last, in both directions. */
export type ColumnsOrderBy<Cols> = { readonly [K in keyof Cols]?: 'asc' | 'desc' }

const ORDERED = ['equals', 'not', 'in', 'notIn', 'gt', 'gte', 'lt', 'lte'] as const
const OPERATORS: Readonly<Record<ColumnKind, readonly string[]>> = {
  text: [...ORDERED, 'startsWith', 'endsWith', 'contains'],
  enum: ['equals', 'not', 'in', 'notIn'],
  bool: ['equals', 'not'],
  json: ['equals', 'not'],
  int: ORDERED,
  bigint: ORDERED,
  float: ORDERED,
  decimal: ORDERED,
  timestamp: ORDERED,
}

/** The conditions of a `where` on columns of the table `c`, as SQL. Throws `INVALID_QUERY` with the near names. */
export function companionConditions(dialect: Dialect, spec: ColumnsSpec, where: Readonly<Record<string, unknown>>, budget: WhereBudget): Sql[] {
  return Object.entries(where).flatMap(([field, filter]): Sql[] => {
    const column = spec.fields[field] as Column
    if (filter === undefined) return []
    const operators = isOperators(column, filter) ? filter : { equals: filter }
    return Object.entries(operators).flatMap(([operator, given]): Sql[] => {
      if (given === undefined) return []
      const known = OPERATORS[column.kind]
      if (!known.includes(operator)) throw invalid(`"${field}" has no condition "${operator}"`, suggest(operator, known, ''))
      return [condition(dialect, field, column, operator, given, budget)]
    })
  })
}

function isOperators(column: Column, filter: unknown): filter is Readonly<Record<string, unknown>> {
  if (!isPlainObject(filter)) return false
  return column.kind !== 'json' || Object.keys(filter).some((key) => key === 'equals' || key === 'not')
}

function condition(dialect: Dialect, field: string, column: Column, operator: string, given: unknown, budget: WhereBudget): Sql {
  const at = columnOf(field, column)
  const value = (one: unknown): Sql => {
    budget.spend(1)
    const wanted = column.kind === 'json' ? 'null: of JSON only whether there is any can be asked' : one === null ? 'no null' : misfit(column, one)
    if (wanted === undefined) return bound(dialect, column, one)
    throw invalid(`The condition "${operator}" on "${field}" needs ${wanted}`, `Pass ${column.kind === 'json' ? 'null' : wanted}.`)
  }
  if (given === null && operator === 'equals') return sql`${at} IS NULL`
  if (given === null && operator === 'not') return sql`${at} IS NOT NULL`
  if (operator === 'in' || operator === 'notIn') {
    if (!Array.isArray(given)) throw invalid(`"${operator}" of "${field}" is not a list`, `Write { ${field}: { ${operator}: [ … ] } }.`)
    if (given.length === 0) return operator === 'in' ? raw('1 = 0') : sql`${at} IS NOT NULL`
    return sql`${at} ${raw(operator === 'in' ? 'IN' : 'NOT IN')} (${join(given.map(value))})`
  }
  const compare = COMPARE[operator]
  if (compare !== undefined) {
    const sorted = operator !== 'equals' && operator !== 'not' ? sortable(dialect, field, column) : at
    return sql`${sorted} ${raw(compare)} ${value(given)}`
  }
  value(given)
  // Also uuid and varchar are texts here.
  return textCondition(dialect, operator as TextOperator, dialect.provider === 'sqlite' ? at : sql`${at}::text`, String(given))
}

// Text by code point on both databases; an enum by its name, not by the order of its declaration, which only PostgreSQL knows.
function sortable(dialect: Dialect, field: string, column: Column): Sql {
  const at = columnOf(field, column)
  if (dialect.provider === 'sqlite') return at
  if (column.kind === 'enum') return dialect.binary(sql`${at}::text`)
  return column.kind === 'text' ? dialect.binary(at) : at
}

// What a key of a kind looks like, so that a cursor that somebody made up does not reach the database.
const NUMBER = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/
const KEYS: Readonly<Partial<Record<ColumnKind, RegExp>>> = {
  int: NUMBER,
  bigint: NUMBER,
  float: NUMBER,
  decimal: NUMBER,
  bool: /^(true|false|[01])$/,
  timestamp: /^[-\d :T.Z+]+$/,
}

/** An order by a column, or undefined when `orderBy` names none. Throws `INVALID_QUERY`. */
export function companionOrdering(dialect: Dialect, spec: ColumnsSpec, orderBy?: object | null): Ordering | undefined {
  const entries = Object.entries(orderBy ?? {}).filter(([, direction]) => direction !== undefined)
  const [entry] = entries
  if (entry === undefined || entries.length > 1) return undefined
  const [field, direction] = entry
  const column = Object.hasOwn(spec.fields, field) ? spec.fields[field] : undefined
  if (column === undefined) return undefined
  if (direction !== 'asc' && direction !== 'desc')
    throw invalid(`The direction of "${field}" is neither 'asc' nor 'desc'`, `Write orderBy: { ${field}: 'desc' }.`)
  if (column.kind === 'json') throw invalid(`Nothing can be ordered by the JSON column "${field}"`, 'Order by a column of another kind.')

  const at = sortable(dialect, field, column)
  const id = dialect.binary(raw(`c.${quoted(spec.id ?? 'id')}`))
  const sign = raw(direction === 'asc' ? '>' : '<')
  const wrong = (why: string) =>
    invalid(`The cursor ${why}`, 'Pass the cursor of an earlier page of the same query, unchanged, with the same orderBy.')
  return {
    sql: sql`${at} ${raw(direction)}, ${id} ${raw(direction)}`,
    nullsSql: sql`${id} ${raw(direction)}`,
    key: selected(dialect, field, column),
    first: sql`${columnOf(field, column)} IS NOT NULL`,
    ...(column.optional === true && { nulls: { value: null, id: '' } }),
    beyond: ({ value, id: last }: Position) => {
      const text = dialect.typed(last, 'text')
      if (value === null)
        return last === '' ? sql`${columnOf(field, column)} IS NULL` : sql`${columnOf(field, column)} IS NULL AND ${id} ${sign} ${text}`
      const given = boundKey(dialect, column, value)
      return sql`(${at}, ${id}) ${sign} (${given}, ${text})`
    },
    place: (row, key) => ({ value: typeof key === 'bigint' ? String(key) : (key as string | number | null), id: row.id }),
    read: (cursor) => {
      let parts: unknown
      try {
        parts = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
      } catch {
        throw wrong('cannot be read')
      }
      if (!Array.isArray(parts) || parts.length !== 4 || typeof parts[3] !== 'string') throw wrong('cannot be read')
      if (parts[0] !== field || parts[1] !== direction) throw wrong(`belongs to another order (${String(parts[0])} ${String(parts[1])})`)
      const fits =
        parts[2] === null || ((typeof parts[2] === 'string' || Number.isFinite(parts[2])) && (KEYS[column.kind]?.test(String(parts[2])) ?? true))
      if (!fits || parts[3].includes('\0') || String(parts[2]).includes('\0')) throw wrong('cannot be read')
      return { value: parts[2] as string | number | null, id: parts[3] }
    },
    write: ({ value, id: last }) => Buffer.from(JSON.stringify([field, direction, value, last])).toString('base64url'),
  }
}
