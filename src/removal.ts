import { type Dialect, type Sql, sql } from './dialect'

/** Why a row is not deleted unless forced. */
export interface Uses {
  /** labels of the versions that name it as their parent, at most {@link SHOWN} */
  readonly children: readonly string[]
  readonly childCount: number
  readonly aliases: readonly string[]
}

/** As many children as a message names. */
export const SHOWN = 10

/** Where in {@link deleteRow}'s statements the deleting one is, from the end. */
export const DELETES = -5

/**
 * The statements that delete a row with its tags and edges, in the order to run them; the one at {@link DELETES} gives the row's id when it was deleted.
 *
 * The number stays taken: the counter is brought up to it first, which keeps savers of the name away as well. Then the row is locked, so that whoever was just
 * making it a parent is seen by the statement that deletes it; SQLite's one writer needs no lock. Children keep the parent's hash and label.
 */
export function deleteRow(dialect: Dialect, id: string, force: boolean): Sql[] {
  const table = (name: Parameters<Dialect['table']>[0]): Sql => dialect.table(name)
  const free = force
    ? sql`1 = 1`
    : sql`NOT EXISTS (SELECT 1 FROM ${table('persistable_edges')} e WHERE e."parent_id" = ${id})
      AND NOT EXISTS (SELECT 1 FROM ${table('persistable_aliases')} a WHERE a."persistable_id" = ${id})`
  const gone = sql`NOT EXISTS (SELECT 1 FROM ${table('persistables')} p WHERE p."id" = ${id})`
  const lock = dialect.provider === 'sqlite' ? [] : [sql`SELECT "id" FROM ${table('persistables')} WHERE "id" = ${id} FOR UPDATE`]
  return [
    sql`INSERT INTO ${table('persistable_counters')} AS c ("project", "type", "name", "version")
      SELECT p."project", p."type", p."name", p."version" FROM ${table('persistables')} p WHERE p."id" = ${id}
      ON CONFLICT ("project", "type", "name") DO UPDATE
      SET "version" = CASE WHEN excluded."version" > c."version" THEN excluded."version" ELSE c."version" END`,
    ...lock,
    sql`DELETE FROM ${table('persistables')} WHERE "id" = ${id} AND ${free} RETURNING "id"`,
    // The foreign keys have done this, but for a SQLite connection that has them off.
    sql`DELETE FROM ${table('persistable_tags')} WHERE "persistable_id" = ${id} AND ${gone}`,
    sql`DELETE FROM ${table('persistable_edges')} WHERE "child_id" = ${id} AND ${gone}`,
    sql`UPDATE ${table('persistable_edges')} SET "parent_id" = NULL WHERE "parent_id" = ${id} AND ${gone}`,
    sql`DELETE FROM ${table('persistable_aliases')} WHERE "persistable_id" = ${id} AND ${gone}`,
  ]
}

/** Who refers to a row: children, newest first. */
export function childrenOf(dialect: Dialect, id: string): Sql {
  return sql`SELECT DISTINCT p."type" AS "type", p."name" AS "name", p."version" AS "version", p."created_at" FROM ${dialect.table('persistable_edges')} e
    JOIN ${dialect.table('persistables')} p ON p."id" = e."child_id" WHERE e."parent_id" = ${id}
    ORDER BY p."created_at" DESC LIMIT ${dialect.typed(SHOWN, 'bigint')}`
}

/** How many refer to a row. */
export function childCountOf(dialect: Dialect, id: string): Sql {
  return sql`SELECT count(DISTINCT e."child_id") AS n FROM ${dialect.table('persistable_edges')} e WHERE e."parent_id" = ${id}`
}

/** The aliases of a row. */
export function aliasesOf(dialect: Dialect, id: string): Sql {
  return sql`SELECT "alias" FROM ${dialect.table('persistable_aliases')} WHERE "persistable_id" = ${id} ORDER BY "alias"`
}
