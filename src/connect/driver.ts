import type { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3'

/** One connection of a Prisma driver adapter, of either provider: the same build of the database library that the client uses. */
export type Driver = Awaited<ReturnType<PrismaBetterSqlite3['connect']>>

/** Opens connections: what a Prisma client takes as its `adapter`. */
export interface DriverFactory {
  readonly provider: Driver['provider']
  readonly adapterName: string
  connect(): Promise<Driver>
}

/** Runs one reading statement and gives its rows as objects. */
export type Query = (sql: string) => Promise<Record<string, unknown>[]>

/** Values to bind are strings or int64s written as strings. */
export type Bound = readonly (string | bigint)[]

/** {@link Query} on a driver's connection or transaction. */
export function queryOf(driver: Pick<Driver, 'queryRaw'>): Query {
  return async (sql) => {
    const { columnNames, rows } = await driver.queryRaw({ sql, args: [], argTypes: [] })
    return rows.map((row) => Object.fromEntries(columnNames.map((name, i) => [name, row[i]])))
  }
}

/** Runs one writing statement with its values. */
export async function execute(driver: Pick<Driver, 'executeRaw'>, sql: string, values: Bound = []): Promise<void> {
  await driver.executeRaw({
    sql,
    args: values.map(String),
    argTypes: values.map((value) => ({ scalarType: typeof value === 'bigint' ? 'bigint' : 'string', arity: 'scalar' })),
  })
}
