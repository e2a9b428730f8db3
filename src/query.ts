import { setImmediate as turn } from 'node:timers/promises'
import { type PersistableTransaction, rawOf } from './client'
import { type Dialect, join, raw, type Sql, sql } from './dialect'
import { PersistablesError, suggest } from './errors'
import { databaseFailure } from './failure'
import { retrying } from './retry'
import type { Row } from './row'
import type { JsonObject } from './types'

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

const COLUMNS = {
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

/** What rows can be ordered by. */
export type OrderKey = 'createdAt' | 'modifiedAt' | 'name' | 'type' | 'author' | 'version'
const ORDER_KEYS: readonly OrderKey[] = ['createdAt', 'modifiedAt', 'name', 'type', 'author', 'version']

/** One member: the key, and its direction. Text is ordered by code point; equals are ordered by id, in the same direction. */
export type OrderBy = { readonly [K in OrderKey]?: 'asc' | 'desc' }

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

/** The {@link Query} of a client. */
export function queryOf(client: PersistableTransaction, dialect: Dialect): Query {
  const db = rawOf(client)
  const table = dialect.table('persistables')
  const columns = sql`p."id", p."type", p."registered_name", p."project", p."name", p."author", p."version", p."version_description", p."hash",
    p."has_external_files", p."filepaths", p."metadata", p."row_version", p."created_at", p."modified_at", ${dialect.tagsOf} AS "tags"`

  const select = async <T = RawRow>(statement: Sql): Promise<T[]> => {
    try {
      return await retrying('reading', () => db.$queryRawUnsafe<T[]>(dialect.text(statement), ...statement.values))
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
      const { key, direction } = order(options.orderBy)
      const take = checkTake(options.take)
      const rows: Row[] = []
      let after = options.cursor == null ? null : readCursor(options.cursor, key, direction)
      // Pages, with a turn of the event loop between them: the embedded driver is synchronous.
      for (;;) {
        const limit = Math.min(take - rows.length, PAGE)
        if (limit <= 0) break
        const [from, where] = source(scope, options)
        const keyset = after === null ? sql`` : sql` AND ${beyond(key, direction, after)}`
        const page = await select(
          sql`SELECT ${columns} FROM ${from} WHERE ${where}${keyset} ORDER BY ${ordered(key, direction)} LIMIT ${raw(String(limit + 1))}`,
        )
        for (const row of page.slice(0, limit)) rows.push(toRow(row))
        const last = rows.at(-1)
        if (page.length <= limit || last === undefined) return { rows, cursor: null }
        after = { value: cursorValue(last, key), id: last.id }
        await turn()
      }
      const last = rows.at(-1)
      return { rows, cursor: last === undefined ? null : writeCursor(key, direction, { value: cursorValue(last, key), id: last.id }) }
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
    const where = join([inScope(scope), ...filters(options.where ?? {})], ' AND ')
    if (options.latest !== true) return [sql`${table} p`, where]
    // A join on the grouped maximum: window functions and DISTINCT ON were 10 to 100 times slower over 200,000 rows.
    const typed = scope.type === undefined ? sql`` : sql` AND "type" = ${scope.type}`
    const newest = sql`(SELECT "type", "name", max("version") AS "version" FROM ${table} WHERE "project" = ${scope.project}${typed} GROUP BY "type", "name")`
    return [sql`${table} p JOIN ${newest} l ON l."type" = p."type" AND l."name" = p."name" AND l."version" = p."version"`, where]
  }

  function filters(where: Where): Sql[] {
    return Object.entries(where).flatMap(([key, value]): Sql[] => {
      if (value === undefined) return []
      if (key === 'tags') return tagFilters(value as Record<string, string>)
      const column = COLUMNS[key as keyof typeof COLUMNS]
      if (!Object.hasOwn(COLUMNS, key)) throw invalid(`There is no condition on "${key}"`, suggest(key, [...Object.keys(COLUMNS), 'tags'], ''))
      return columnFilters(key as keyof typeof COLUMNS, raw(`p."${column}"`), value)
    })
  }

  function tagFilters(tags: Readonly<Record<string, string>>): Sql[] {
    return Object.entries(tags).map(
      ([key, value]) =>
        sql`EXISTS (SELECT 1 FROM ${dialect.table('persistable_tags')} t WHERE t."persistable_id" = p."id" AND t."key" = ${key} AND t."value" = ${value})`,
    )
  }

  function columnFilters(key: keyof typeof COLUMNS, column: Sql, filter: unknown): Sql[] {
    const kind = key === 'version' ? 'int' : key === 'createdAt' || key === 'modifiedAt' ? 'timestamp' : 'text'
    const value = (given: unknown) => dialect.typed(checkValue(key, kind, given), kind)
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
        return [given.length === 0 ? raw('1 = 0') : sql`${column} IN (${join(given.map(value))})`]
      }
      // Not LIKE: its wildcards and its case folding differ between the databases.
      const text = checkValue(key, 'text', given) as string
      const at = dialect.provider === 'sqlite' ? sql`instr(${column}, ${text})` : sql`strpos(${column}, ${text})`
      return [operator === 'startsWith' ? sql`substr(${column}, 1, ${dialect.typed([...text].length, 'int')}) = ${text}` : sql`${at} > 0`]
    })
  }

  function ordered(key: OrderKey, direction: 'asc' | 'desc'): Sql {
    return sql`${sortable(key)} ${raw(direction)}, ${dialect.binary(raw('p."id"'))} ${raw(direction)}`
  }

  function sortable(key: OrderKey): Sql {
    const column = raw(`p."${COLUMNS[key]}"`)
    return key === 'createdAt' || key === 'modifiedAt' || key === 'version' ? column : dialect.binary(column)
  }

  function beyond(key: OrderKey, direction: 'asc' | 'desc', at: Position): Sql {
    const sign = raw(direction === 'asc' ? '>' : '<')
    const kind = key === 'version' ? 'int' : key === 'createdAt' || key === 'modifiedAt' ? 'timestamp' : 'text'
    const value = dialect.typed(kind === 'timestamp' ? new Date(at.value as string) : at.value, kind)
    return sql`(${sortable(key)} ${sign} ${value} OR (${sortable(key)} = ${value} AND ${dialect.binary(raw('p."id"'))} ${sign} ${dialect.typed(at.id, 'text')}))`
  }
}

const COMPARE: Readonly<Record<string, string>> = { equals: '=', not: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=' }
const OPERATORS = {
  text: ['equals', 'not', 'in', 'startsWith', 'contains'],
  int: ['equals', 'in', 'gt', 'gte', 'lt', 'lte'],
  timestamp: ['equals', 'gt', 'gte', 'lt', 'lte'],
} as const satisfies Record<string, readonly string[]> as Readonly<Record<'text' | 'int' | 'timestamp', readonly string[]>>

interface RawRow {
  id: string | null
  type: string
  registered_name: string
  project: string
  name: string
  author: string
  version: number | bigint
  version_description: string
  hash: string
  has_external_files: boolean | number
  filepaths: unknown
  metadata: unknown
  row_version: number | bigint
  created_at: Date | string | number
  modified_at: Date | string | number
  tags: unknown
}

// Drivers differ in what raw queries give for JSON, booleans, times and big counts; from here on a row is plain, frozen data.
function toRow(raw: RawRow): Row {
  return Object.freeze({
    id: raw.id as string,
    type: raw.type,
    registeredName: raw.registered_name,
    project: raw.project,
    name: raw.name,
    author: raw.author,
    version: Number(raw.version),
    versionDescription: raw.version_description,
    hash: raw.hash,
    hasExternalFiles: Boolean(raw.has_external_files),
    filepaths: freezeJson(parsed(raw.filepaths)) as unknown as Row['filepaths'],
    metadata: freezeJson(parsed(raw.metadata)) as JsonObject,
    rowVersion: Number(raw.row_version),
    createdAt: new Date(raw.created_at),
    modifiedAt: new Date(raw.modified_at),
    tags: freezeJson(parsed(raw.tags ?? {})) as Record<string, string>,
  })
}

function parsed(json: unknown): unknown {
  return typeof json === 'string' ? JSON.parse(json) : json
}

function freezeJson(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) freezeJson(member)
    Object.freeze(value)
  }
  return value
}

function invalid(what: string, fix: string): PersistablesError {
  return new PersistablesError('INVALID_QUERY', `${what}.`, { fix })
}

function checkValue(key: string, kind: 'int' | 'timestamp' | 'text', value: unknown): unknown {
  if (kind === 'text' && typeof value === 'string' && !value.includes('\0')) return value
  if (kind === 'int' && Number.isSafeInteger(value) && Math.abs(value as number) < 2 ** 31) return value
  if (kind === 'timestamp' && value instanceof Date && !Number.isNaN(value.getTime())) return value
  const wanted = { text: 'a string', int: 'a whole number', timestamp: 'a valid Date' }[kind]
  throw invalid(
    `The condition on "${key}" needs ${wanted}, and got ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
    `Pass ${wanted}.`,
  )
}

function order(orderBy: OrderBy = { createdAt: 'desc' }): { key: OrderKey; direction: 'asc' | 'desc' } {
  const entries = Object.entries(orderBy).filter(([, direction]) => direction !== undefined)
  const [entry] = entries
  if (entry === undefined || entries.length > 1) throw invalid('orderBy needs exactly one key', "Write orderBy: { createdAt: 'desc' }.")
  const [key, direction] = entry
  if (!ORDER_KEYS.includes(key as OrderKey)) throw invalid(`There is no order by "${key}"`, suggest(key, ORDER_KEYS, ''))
  if (direction !== 'asc' && direction !== 'desc')
    throw invalid(`The direction of "${key}" is neither 'asc' nor 'desc'`, `Write orderBy: { ${key}: 'desc' }.`)
  return { key: key as OrderKey, direction }
}

function checkTake(take: number | undefined): number {
  if (take === undefined) return Number.POSITIVE_INFINITY
  if (Number.isSafeInteger(take) && take >= 0) return take
  throw invalid(`take must be a whole number of 0 or more, and is ${String(take)}`, 'Pass take: 20, or leave it out for all.')
}

interface Position {
  readonly value: string | number
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
  if (!fits || ((key === 'createdAt' || key === 'modifiedAt') && Number.isNaN(Date.parse(parts[2] as string)))) throw wrong('cannot be read')
  return { value: parts[2] as string | number, id: parts[3] }
}
