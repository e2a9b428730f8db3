import { type Dialect, type Sql, sql } from './dialect'

/** What can be asked of the parts of a text. */
export type TextOperator = 'contains' | 'startsWith' | 'endsWith'

/** Whether a name is that of a {@link TextOperator}. */
export function isTextOperator(name: string): name is TextOperator {
  return name === 'contains' || name === 'startsWith' || name === 'endsWith'
}

/** A condition on a part of a text, by code point. Not LIKE: its wildcards and its case folding differ between the databases. */
export function textCondition(dialect: Dialect, operator: TextOperator, at: Sql, text: string): Sql {
  const sqlite = dialect.provider === 'sqlite'
  if (operator === 'contains') return sqlite ? sql`instr(${at}, ${text}) > 0` : sql`strpos(${at}, ${text}) > 0`
  const length = dialect.typed([...text].length, 'int')
  if (operator === 'startsWith') return sql`substr(${at}, 1, ${length}) = ${text}`
  if (!sqlite) return sql`right(${at}, ${length}) = ${text}`
  // From 0 on SQLite gives the whole text.
  return text === '' ? sql`${at} IS NOT NULL` : sql`substr(${at}, -${length}) = ${text}`
}
