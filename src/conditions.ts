import { COLUMNS, COMPARE, type ColumnKind, invalid, isStorable, kindOf } from './columns'
import { type Dialect, join, raw, type Sql, sql } from './dialect'
import { suggest } from './errors'
import { isPlainObject } from './normal/plain'
import { quote } from './ref'
import { isTextOperator, textCondition } from './text-condition'
import type { WhereBudget } from './where-budget'

interface Compared<V> {
  equals?: V
  not?: V
  in?: readonly V[]
  notIn?: readonly V[]
  gt?: V
  gte?: V
  lt?: V
  lte?: V
}

/** Conditions on a text column, ordered by code point. A plain string means `equals`. */
export type TextFilter = string | ({ startsWith?: string; endsWith?: string; contains?: string } & Compared<string>)
/** Conditions on a number. A plain number means `equals`. */
export type NumberFilter = number | Compared<number>
/** Conditions on a time. A plain Date means `equals`. Milliseconds count. */
export type TimeFilter = Date | Compared<Date>

/** Conditions on what every row has. */
export interface RowWhere {
  readonly id?: TextFilter
  readonly type?: TextFilter
  readonly registeredName?: TextFilter
  readonly name?: TextFilter
  readonly author?: TextFilter
  readonly hash?: TextFilter
  readonly version?: NumberFilter
  readonly createdAt?: TimeFilter
  readonly modifiedAt?: TimeFilter
}

const ORDERED: readonly string[] = [...Object.keys(COMPARE), 'in', 'notIn']
const OPERATORS: Readonly<Record<ColumnKind, readonly string[]>> = {
  text: [...ORDERED, 'startsWith', 'endsWith', 'contains'],
  int: ORDERED,
  timestamp: ORDERED,
}

/** The conditions on a column of the table `p`, as SQL. Throws `INVALID_QUERY` with the near names. */
export function rowConditions(dialect: Dialect, key: keyof typeof COLUMNS, filter: unknown, budget: WhereBudget): Sql[] {
  const kind = kindOf(key)
  const column = raw(`p."${COLUMNS[key]}"`)
  const checked = (given: unknown) => {
    const value = checkValue(key, kind, given)
    budget.spend(1)
    // As it was stored.
    return key === 'name' || key === 'author' ? (value as string).normalize('NFC') : value
  }
  const value = (given: unknown) => dialect.typed(checked(given), kind)
  const conditions = isPlainObject(filter) ? filter : { equals: filter }
  return Object.entries(conditions).flatMap(([operator, given]): Sql[] => {
    if (given === undefined) return []
    const known = OPERATORS[kind]
    if (!known.includes(operator)) throw invalid(`"${key}" has no condition "${operator}"`, suggest(operator, known, ''))
    const compare = COMPARE[operator]
    if (compare !== undefined) {
      const sorted = kind === 'text' && operator !== 'equals' && operator !== 'not' ? dialect.binary(column) : column
      return [sql`${sorted} ${raw(compare)} ${value(given)}`]
    }
    if (isTextOperator(operator)) return [textCondition(dialect, operator, column, checked(given) as string)]
    if (!Array.isArray(given)) throw invalid(`"${operator}" of "${key}" is not a list`, `Write { ${key}: { ${operator}: [ … ] } }.`)
    if (given.length === 0) return [raw(operator === 'in' ? '1 = 0' : '1 = 1')]
    return [sql`${column} ${raw(operator === 'in' ? 'IN' : 'NOT IN')} (${join(given.map(value))})`]
  })
}

function checkValue(key: string, kind: ColumnKind, value: unknown): unknown {
  if (kind === 'text' && typeof value === 'string' && value.isWellFormed() && !value.includes('\0')) return value
  if (kind === 'int' && Number.isSafeInteger(value) && Math.abs(value as number) < 2 ** 31) return value
  if (kind === 'timestamp' && value instanceof Date && isStorable(value)) return value
  const wanted = { text: 'a string without NUL and lone surrogates', int: 'a whole number', timestamp: 'a Date of the years 1 to 9999' }[kind]
  throw invalid(`The condition on "${key}" needs ${wanted}, and got ${got(value)}`, `Pass ${wanted}.`)
}

// Not as JSON, which throws for bigints and circles.
function got(value: unknown): string {
  if (!(value instanceof Date)) return quote(value)
  return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString()
}
