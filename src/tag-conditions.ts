import { COMPARE, invalid } from './columns'
import { type Dialect, join, raw, type Sql, sql } from './dialect'
import { suggest } from './errors'
import { every, not } from './logic'
import { isPlainObject } from './normal/plain'
import { isTextOperator, textCondition } from './text-condition'
import type { WhereBudget } from './where-budget'

/** Conditions on a tag. A plain string means `equals`; all but `exists: false` find only what has the tag. */
export type TagFilter =
  | string
  | {
      readonly equals?: string
      readonly not?: string
      readonly in?: readonly string[]
      readonly notIn?: readonly string[]
      readonly gt?: string
      readonly gte?: string
      readonly lt?: string
      readonly lte?: string
      readonly contains?: string
      readonly startsWith?: string
      readonly endsWith?: string
      readonly exists?: boolean
    }

const OPERATORS: readonly string[] = [...Object.keys(COMPARE), 'in', 'notIn', 'contains', 'startsWith', 'endsWith', 'exists']

/** Conditions on the tags of the table `p`, as SQL. Throws `INVALID_QUERY` with the near names. */
export function tagConditions(dialect: Dialect, tags: unknown, budget: WhereBudget): Sql[] {
  if (!isPlainObject(tags)) throw invalid('The condition on "tags" is no object', "Write tags: { stage: 'prod' }.")
  return Object.entries(tags).flatMap(([key, filter]): Sql[] => {
    if (filter === undefined) return []
    const name = textOf(key, 'a key of "tags"').normalize('NFC')
    const entries = Object.entries(isPlainObject(filter) ? filter : { equals: filter }).filter(([, given]) => given !== undefined)
    // Also what is asked of a tag without a value has its key in the statement.
    budget.spend(entries.filter(([operator]) => operator === 'exists').length)
    const tests = entries.flatMap(([operator, given]) => (operator === 'exists' && given === false ? [] : [test(key, operator, given)]))
    const tagged = (conditions: readonly Sql[]) => sql`EXISTS (SELECT 1 FROM ${dialect.table('persistable_tags')} t
        WHERE t."persistable_id" = p."id" AND t."key" = ${name} AND ${every(conditions)})`
    const absent = entries.some(([operator, given]) => operator === 'exists' && given === false)
    return [...(tests.length > 0 ? [tagged(tests)] : []), ...(absent ? [not(tagged([]))] : [])]
  })

  function test(key: string, operator: string, given: unknown): Sql {
    const value = raw('t."value"')
    const what = `the condition "${operator}" on the tag "${key}"`
    if (!OPERATORS.includes(operator)) throw invalid(`The tag "${key}" has no condition "${operator}"`, suggest(operator, OPERATORS, ''))
    if (operator === 'exists') {
      if (given === true) return raw('1 = 1')
      throw invalid(`The condition "exists" on the tag "${key}" needs true or false`, 'Pass true or false.')
    }
    if (operator === 'in' || operator === 'notIn') {
      if (!Array.isArray(given)) throw invalid(`"${operator}" of the tag "${key}" is not a list`, `Write { ${operator}: [ … ] }.`)
      budget.spend(given.length)
      if (given.length === 0) return raw(operator === 'in' ? '1 = 0' : '1 = 1')
      return sql`${value} ${raw(operator === 'in' ? 'IN' : 'NOT IN')} (${join(given.map((one) => textOf(one, what)))})`
    }
    budget.spend(1)
    const text = textOf(given, what)
    if (isTextOperator(operator)) return textCondition(dialect, operator, value, text)
    return sql`${operator === 'equals' || operator === 'not' ? value : dialect.binary(value)} ${raw(COMPARE[operator] ?? '=')} ${text}`
  }
}

function textOf(value: unknown, what: string): string {
  if (typeof value === 'string' && value.isWellFormed() && !value.includes('\0')) return value
  throw invalid(`${what[0]?.toUpperCase()}${what.slice(1)} needs a string without NUL and lone surrogates`, 'Pass a string.')
}
