import { setImmediate as turn } from 'node:timers/promises'
import { ask, type PersistableTransaction, rawOf } from './client'
import { invalid } from './columns'
import { conditionsOf, type Where } from './conditions'
import { type Dialect, join, raw, type Sql, sql } from './dialect'
import { databaseFailure } from './failure'
import { type OrderBy, orderingOf } from './order'
import { type RawRow, rowColumns, toRow } from './raw-row'
import { breathe, retrying } from './retry'
import type { Row } from './row'

/** What `find` is told. */
export interface FindOptions {
  readonly where?: Where
  /** only the newest version of each name; `where` applies to those. @defaultValue false */
  readonly latest?: boolean
  /** @defaultValue { createdAt: 'desc' } */
  readonly orderBy?: OrderBy
  /** at most so many. @defaultValue all */
  readonly take?: number
  /** where an earlier page ended: its `cursor`; `null` begins at the beginning */
  readonly cursor?: string | null | undefined
}

/** One page: the rows, and where the next page begins (`null` at the end). */
export interface Page {
  readonly rows: readonly Row[]
  readonly cursor: string | null
}

/** What narrows every query of a repository. */
export interface Scope {
  readonly project: string
  readonly type?: string
  readonly registeredNames?: readonly string[]
}

/** Which row of a name. */
export type Pick = { readonly version: number } | { readonly alias: string } | 'latest'

/** Reads rows. */
export interface Query {
  byName(scope: Scope & { type: string }, name: string, pick: Pick): Promise<Row | null>
  byId(scope: Scope, id: string): Promise<Row | null>
  /** the newest row of that hash */
  byHash(scope: Scope, hash: string): Promise<Row | null>
  find(scope: Scope, options: FindOptions): Promise<Page>
  count(scope: Scope, options: Omit<FindOptions, 'orderBy' | 'take' | 'cursor'>): Promise<number>
  /** rows of the parents of a child in a role, in order; `null` for one that was deleted */
  parents(childId: string, role: string): Promise<readonly { row: Row | null; label: string }[]>
  /** what there is that could have been meant: names of a type with their newest versions, and types */
  names(scope: Scope): Promise<readonly { type: string; name: string; version: number }[]>
}

const PAGE = 500

/** The {@link Query} of a client. @param transaction - whether `client` is a caller's transaction: then nothing is retried, since it is over when a statement fails */
export function queryOf(client: PersistableTransaction, dialect: Dialect, transaction = false): Query {
  const db = rawOf(client)
  const table = dialect.table('persistables')
  const columns = rowColumns(dialect)

  const select = async <T = RawRow>(statement: Sql): Promise<T[]> => {
    const run = async () => {
      if (!transaction) await breathe()
      return ask<T>(db, dialect.text(statement), statement.values)
    }
    try {
      return await (transaction ? run() : retrying('reading', run))
    } catch (error) {
      throw databaseFailure(error, 'reading')
    }
  }
  const first = async (statement: Sql): Promise<Row | null> => {
    const [row] = await select(statement)
    return row === undefined ? null : toRow(row)
  }

  return {
    byName(scope, name, pick) {
      const named = sql`p."project" = ${scope.project} AND p."type" = ${scope.type} AND p."name" = ${name}`
      if (pick === 'latest') return first(sql`SELECT ${columns} FROM ${table} p WHERE ${named} ORDER BY p."version" DESC LIMIT 1`)
      if ('version' in pick)
        return first(sql`SELECT ${columns} FROM ${table} p WHERE ${named} AND p."version" = ${dialect.typed(pick.version, 'int')}`)
      return first(sql`SELECT ${columns} FROM ${dialect.table('persistable_aliases')} a JOIN ${table} p ON p."id" = a."persistable_id"
        WHERE a."project" = ${scope.project} AND a."type" = ${scope.type} AND a."name" = ${name} AND a."alias" = ${pick.alias}`)
    },
    byId: (scope, id) => first(sql`SELECT ${columns} FROM ${table} p WHERE p."id" = ${id} AND ${inScope(scope)}`),
    byHash: (scope, hash) =>
      first(sql`SELECT ${columns} FROM ${table} p WHERE ${inScope(scope)} AND p."hash" = ${hash} ORDER BY p."created_at" DESC, p."id" DESC LIMIT 1`),

    async find(scope, options) {
      const ordering = orderingOf(dialect, options.orderBy)
      const take = checkTake(options.take)
      const rows: Row[] = []
      let after = options.cursor == null ? null : ordering.read(options.cursor)
      // Pages, with a turn of the event loop between them: the embedded driver is synchronous.
      for (;;) {
        const limit = Math.min(take - rows.length, PAGE)
        if (limit <= 0) break
        const [from, where] = source(scope, options)
        const keyset = after === null ? sql`` : sql` AND ${ordering.beyond(after)}`
        const page = await select(
          sql`SELECT ${columns} FROM ${from} WHERE ${where}${keyset} ORDER BY ${ordering.sql} LIMIT ${raw(String(limit + 1))}`,
        )
        for (const row of page.slice(0, limit)) rows.push(toRow(row))
        const last = rows.at(-1)
        if (page.length <= limit || last === undefined) return { rows, cursor: null }
        after = ordering.place(last)
        await turn()
      }
      const last = rows.at(-1)
      return { rows, cursor: last === undefined ? null : ordering.write(ordering.place(last)) }
    },
    async count(scope, options) {
      const [from, where] = source(scope, options)
      const [row] = await select<{ n: number | bigint }>(sql`SELECT count(*) AS n FROM ${from} WHERE ${where}`)
      return Number(row?.n ?? 0)
    },
    async parents(childId, role) {
      const rows = await select<
        RawRow & { parent_label: string }
      >(sql`SELECT ${columns}, e."parent_label" FROM ${dialect.table('persistable_edges')} e
        LEFT JOIN ${table} p ON p."id" = e."parent_id" WHERE e."child_id" = ${childId} AND e."role" = ${role} ORDER BY e."position"`)
      return rows.map((row) => ({ row: row.id === null ? null : toRow(row), label: row.parent_label }))
    },
    async names(scope) {
      const rows = await select<{ type: string; name: string; version: number | bigint }>(
        sql`SELECT p."type", p."name", max(p."version") AS version FROM ${table} p WHERE ${inScope(scope)} GROUP BY p."type", p."name" LIMIT 1000`,
      )
      return rows.map((row) => ({ ...row, version: Number(row.version) }))
    },
  }

  function inScope(scope: Scope): Sql {
    const conditions = [sql`p."project" = ${scope.project}`]
    if (scope.type !== undefined) conditions.push(sql`p."type" = ${scope.type}`)
    if (scope.registeredNames !== undefined) conditions.push(sql`p."registered_name" IN (${join([...scope.registeredNames])})`)
    return join(conditions, ' AND ')
  }

  function source(scope: Scope, options: FindOptions): [Sql, Sql] {
    const where = join([inScope(scope), ...conditionsOf(dialect, options.where ?? {})], ' AND ')
    if (options.latest !== true) return [sql`${table} p`, where]
    // A join on the grouped maximum: window functions and DISTINCT ON were 10 to 100 times slower over 200,000 rows.
    const typed = scope.type === undefined ? sql`` : sql` AND "type" = ${scope.type}`
    const newest = sql`(SELECT "type", "name", max("version") AS "version" FROM ${table} WHERE "project" = ${scope.project}${typed} GROUP BY "type", "name")`
    return [sql`${table} p JOIN ${newest} l ON l."type" = p."type" AND l."name" = p."name" AND l."version" = p."version"`, where]
  }
}

function checkTake(take: number | undefined): number {
  if (take === undefined) return Number.POSITIVE_INFINITY
  if (Number.isSafeInteger(take) && take >= 0) return take
  throw invalid(`take must be a whole number of 0 or more, and is ${String(take)}`, 'Pass take: 20, or leave it out for all.')
}
