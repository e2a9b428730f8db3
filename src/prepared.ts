import { createHash } from 'node:crypto'

/**
 * Stands before a statement that is worth keeping prepared: one that is sent for every save or load, and whose text is one of a few. What is not kept is
 * planned each time anew, and to plan a save takes PostgreSQL as long as to run it. Never in a caller's transaction: a session that forgot the statement
 * would end it.
 */
export const KEPT = '/* persistables:kept */ '

/** Names that one process gives at most: a session of the server holds each plan in its memory. */
const MOST = 300
const names = new Map<string, string>()

/**
 * The name under which a statement is kept prepared, or `undefined` for one that is not.
 *
 * @example
 * statementName('SELECT 1') // undefined
 */
export function statementName(text: string): string | undefined {
  if (!text.startsWith(KEPT)) return undefined
  const known = names.get(text)
  if (known !== undefined || names.size >= MOST) return known
  const name = `persistables_${createHash('sha256').update(text).digest('hex').slice(0, 24)}`
  names.set(text, name)
  return name
}

/**
 * For clients of your own: has Prisma's PostgreSQL adapter keep the registry's statements prepared, and no others. Not behind a pooler in transaction mode,
 * unless it knows prepared statements itself (PgBouncer 1.21 and its `max_prepared_statements`).
 *
 * @example
 * const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString }, { statementNameGenerator }) })
 * const repo = createRepository({ client: prisma, types: [Dataset], stores })
 */
export function statementNameGenerator({ sql }: { readonly sql: string }): string {
  // Without a name `pg` prepares nothing.
  return statementName(sql) ?? ''
}
