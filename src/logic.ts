import { raw, type Sql, sql } from './dialect'

/** All of the conditions, as one; true where there are none. */
export function every(conditions: readonly Sql[]): Sql {
  return conditions.length === 0 ? raw('1 = 1') : balanced(conditions, raw(' AND '))
}

/** At least one of the conditions; false where there are none. */
export function some(conditions: readonly Sql[]): Sql {
  return conditions.length === 0 ? raw('1 = 0') : balanced(conditions, raw(' OR '))
}

/** The opposite of a condition: also where that is unknown, because it is about what is not there. */
export function not(condition: Sql): Sql {
  return sql`((${condition}) IS NOT TRUE)`
}

// A tree, because SQLite takes a chain of a thousand for an expression that is too deep.
function balanced(conditions: readonly Sql[], between: Sql): Sql {
  const [only] = conditions
  if (only === undefined || conditions.length === 1) return only ?? raw('1 = 1')
  const half = Math.ceil(conditions.length / 2)
  return sql`(${balanced(conditions.slice(0, half), between)}${between}${balanced(conditions.slice(half), between)})`
}
