import type { Dialect, Sql } from '../dialect'
import type { Driver } from './driver'
import { type Credentials, type PoolOptions, postgresFactory } from './postgres'
import { retryBusy } from './retry'
import { openableSqlite, sqliteFactory } from './sqlite'
import type { Target } from './target'

/** A database as it was at one moment: whatever is written meanwhile is not seen, and nobody who writes has to wait. */
export interface Snapshot {
  /** the rows of a reading statement, as the driver gives them */
  rows(statement: Sql): Promise<Record<string, unknown>[]>
  close(): Promise<void>
}

/** Opens a {@link Snapshot}. Throws what connecting throws. */
export async function openSnapshot(
  target: Target,
  dialect: Dialect,
  options: { readonly pool?: PoolOptions | undefined; readonly credentials?: Credentials | undefined },
): Promise<Snapshot> {
  if (target.provider === 'postgresql') {
    const factory = await postgresFactory(target, { ...options.pool, max: 1 }, options.credentials)
    const driver = await factory.connect()
    try {
      const transaction = await driver.startTransaction('REPEATABLE READ')
      const close = async (): Promise<void> => {
        await transaction.executeRaw({ sql: 'ROLLBACK', args: [], argTypes: [] }).catch(() => {})
        await transaction.rollback()
        await driver.dispose()
      }
      return { rows: reading(transaction, dialect), close }
    } catch (error) {
      await driver.dispose()
      throw error
    }
  }
  const opened = await openableSqlite(target.file)
  try {
    const factory = await sqliteFactory(opened.path, { readonly: true })
    const driver = await retryBusy(() => factory.connect(), 5000)
    // The first statement that reads takes the snapshot.
    await driver.executeScript('BEGIN')
    const close = async (): Promise<void> => {
      await driver.dispose()
      await opened.release()
    }
    return { rows: reading(driver, dialect), close }
  } catch (error) {
    await opened.release()
    throw error
  }
}

function reading(driver: Pick<Driver, 'queryRaw'>, dialect: Dialect): Snapshot['rows'] {
  return async (statement) => {
    const argTypes = statement.values.map((value) => ({
      scalarType: typeof value === 'number' ? ('int' as const) : ('string' as const),
      arity: 'scalar' as const,
    }))
    const { columnNames, rows } = await driver.queryRaw({ sql: dialect.text(statement), args: [...statement.values], argTypes })
    return rows.map((row) => Object.fromEntries(columnNames.map((name, i) => [name, row[i]])))
  }
}
