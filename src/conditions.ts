import { COLUMNS, type ColumnKind, invalid, isStorable, kindOf } from './columns'
import { type Dialect, join, raw, type Sql, sql } from './dialect'
import { suggest } from './errors'
import { isPlain } from './normal/plain'

/** Conditions on a text column. A plain string means `equals`. */
export type TextFilter = string | { equals?: string; not?: string; in?: readonly string[]; startsWith?: string; contains?: string }
/** Conditions on a number. A plain number means `equals`. */
export type NumberFilter = number | { equals?: number; in?: readonly number[]; gt?: number; gte?: number; lt?: number; lte?: number }
/** Conditions on a time. A plain Date means `equals`. Milliseconds count. */
export type TimeFilter = Date | { equals?: Date; gt?: Date; gte?: Date; lt?: Date; lte?: Date }

/** Conditions on rows; all of them must hold. */
export interface Where {
  readonly id?: TextFilter
  readonly type?: TextFilter
  readonly registeredName?: TextFilter
  readonly name?: TextFilter
  readonly author?: TextFilter
  readonly hash?: TextFilter
  readonly version?: NumberFilter
  readonly createdAt?: TimeFilter
  readonly modifiedAt?: TimeFilter
  /** every tag must have the value */
  readonly tags?: Readonly<Record<string, string>>
}

/** The conditions of a `where` on the table `p`, as SQL. Throws `INVALID_QUERY` with the near names. */
export function conditionsOf(dialect: Dialect, where: Where): Sql[] {
  if (!isObject(where)) throw invalid('where is no plain object', "Write where: { name: 'clf' }.")
  return Object.entries(where).flatMap(([key, value]): Sql[] => {
    if (value === undefined) return []
    if (key === 'tags') return tagFilters(value)
    const column = COLUMNS[key as keyof typeof COLUMNS]
    if (!Object.hasOwn(COLUMNS, key)) throw invalid(`There is no condition on "${key}"`, suggest(key, [...Object.keys(COLUMNS), 'tags'], ''))
    return columnFilters(key as keyof typeof COLUMNS, raw(`p."${column}"`), value)
  })

  function tagFilters(tags: unknown): Sql[] {
    if (!isObject(tags)) throw invalid('The condition on "tags" is no object', "Write tags: { stage: 'prod' }.")
    return Object.entries(tags).map(([key, value]) => {
      const wanted = checkValue(`tags.${key}`, 'text', value)
      return sql`EXISTS (SELECT 1 FROM ${dialect.table('persistable_tags')} t
        WHERE t."persistable_id" = p."id" AND t."key" = ${key.normalize('NFC')} AND t."value" = ${wanted})`
    })
  }

  function columnFilters(key: keyof typeof COLUMNS, column: Sql, filter: unknown): Sql[] {
    const kind = kindOf(key)
    const checked = (given: unknown) => {
      const value = checkValue(key, kind, given)
      // As it was stored.
      return key === 'name' || key === 'author' ? (value as string).normalize('NFC') : value
    }
    const value = (given: unknown) => dialect.typed(checked(given), kind)
    const conditions = typeof filter === 'object' && filter !== null && !(filter instanceof Date) ? filter : { equals: filter }
    return Object.entries(conditions).flatMap(([operator, given]): Sql[] => {
      if (given === undefined) return []
      const known = OPERATORS[kind]
      if (!known.includes(operator)) throw invalid(`"${key}" has no condition "${operator}"`, suggest(operator, known, ''))
      const compare = COMPARE[operator]
      if (compare !== undefined)
        return [
          sql`${kind === 'text' && operator !== 'equals' && operator !== 'not' ? dialect.binary(column) : column} ${raw(compare)} ${value(given)}`,
        ]
      if (operator === 'in') {
        if (!Array.isArray(given)) throw invalid(`"in" of "${key}" is not a list`, `Write { ${key}: { in: [ … ] } }.`)
        if (given.length > MAX_LIST) throw invalid(`"in" of "${key}" has ${given.length} values`, `Ask for at most ${MAX_LIST} at once.`)
        return [given.length === 0 ? raw('1 = 0') : sql`${column} IN (${join(given.map(value))})`]
      }
      // Not LIKE: its wildcards and its case folding differ between the databases.
      const text = checked(given) as string
      const at = dialect.provider === 'sqlite' ? sql`instr(${column}, ${text})` : sql`strpos(${column}, ${text})`
      return [operator === 'startsWith' ? sql`substr(${column}, 1, ${dialect.typed([...text].length, 'int')}) = ${text}` : sql`${at} > 0`]
    })
  }
}

// The databases take some ten thousand values in one statement.
const MAX_LIST = 5000

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && isPlain(value)
}

const COMPARE: Readonly<Record<string, string>> = { equals: '=', not: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=' }
const OPERATORS = {
  text: ['equals', 'not', 'in', 'startsWith', 'contains'],
  int: ['equals', 'in', 'gt', 'gte', 'lt', 'lte'],
  timestamp: ['equals', 'gt', 'gte', 'lt', 'lte'],
} as const satisfies Record<string, readonly string[]> as Readonly<Record<'text' | 'int' | 'timestamp', readonly string[]>>

function checkValue(key: string, kind: ColumnKind, value: unknown): unknown {
  if (kind === 'text' && typeof value === 'string' && !value.includes('\0')) return value
  if (kind === 'int' && Number.isSafeInteger(value) && Math.abs(value as number) < 2 ** 31) return value
  if (kind === 'timestamp' && value instanceof Date && isStorable(value)) return value
  const wanted = { text: 'a string', int: 'a whole number', timestamp: 'a Date of the years 1 to 9999' }[kind]
  throw invalid(
    `The condition on "${key}" needs ${wanted}, and got ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
    `Pass ${wanted}.`,
  )
}
