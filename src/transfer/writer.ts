import { isDeepStrictEqual } from 'node:util'
import { ask, atomically, rawOf } from '../client'
import type { Connection } from '../connect'
import { dialectOf, type Sql } from '../dialect'
import { PersistablesError } from '../errors'
import { retrying } from '../retry'
import { type Cells, cellOf, countRows, raiseCounters, readKeys, type Table, writeRows } from './tables'

/** Writes rows into the copy. */
export interface Writer {
  /** writes what is missing or older, reads it back, and gives how many those were */
  bring(table: Table, rows: readonly Cells[], dryRun: boolean): Promise<number>
  count(table: Table): Promise<number>
  raise(): Promise<void>
}

/** The {@link Writer} of a database. */
export function writerOf(target: Connection): Writer {
  const db = rawOf(target.client)
  const dialect = dialectOf(target.provider, target.schema)
  const read = async (table: Table, rows: readonly Cells[]): Promise<Map<string, Cells>> => {
    const statement = readKeys(dialect, table, rows)
    const found = await retrying('reading the copy', () => ask<Record<string, unknown>>(db, dialect.text(statement), statement.values))
    return new Map(found.map((row) => recordOf(table, row)).map((row) => [keyOf(table, row), row]))
  }
  const run = async (statement: Sql): Promise<void> => {
    await retrying('writing the copy', () => atomically(db, [db.$executeRawUnsafe(dialect.text(statement), ...statement.values)]))
  }
  return {
    async bring(table, rows, dryRun) {
      const there = await read(table, rows)
      const wanted = rows.filter((row) => !settled(table, row, there.get(keyOf(table, row))))
      if (wanted.length === 0 || dryRun) return wanted.length
      await run(writeRows(dialect, table, wanted))
      const back = await read(table, wanted)
      const wrong = wanted.find((row) => !settled(table, row, back.get(keyOf(table, row))))
      if (wrong === undefined) return wanted.length
      throw new PersistablesError('DATABASE_FAILED', `A row of ${table.name} came back from the copy different: ${keyOf(table, wrong)}.`, {
        fix: 'See whether somebody else writes to the copy; then copy again, which takes up where this ended.',
        details: { table: table.name, wanted: shown(wrong), found: shown(back.get(keyOf(table, wrong)) ?? {}) },
      })
    },
    async count(table) {
      const statement = countRows(dialect, table)
      const [row] = await retrying('reading the copy', () => ask<{ n: number | bigint }>(db, dialect.text(statement), statement.values))
      return Number(row?.n ?? 0)
    },
    raise: () => run(raiseCounters(dialect)),
  }
}

// Whether the copy needs nothing of this row.
function settled(table: Table, row: Cells, there: Cells | undefined): boolean {
  if (there === undefined) return false
  if (table.meeting === 'keep') return !('bytes' in table.columns) || isDeepStrictEqual(row['bytes'], there['bytes'])
  if (table.meeting === 'highest') return Number(there['version']) >= Number(row['version'])
  if (table.meeting === 'newer' && Number(there['row_version']) > Number(row['row_version'])) return true
  return Object.entries(table.columns).every(([name, kind]) =>
    kind === 'json' ? isDeepStrictEqual(JSON.parse(String(row[name])), JSON.parse(String(there[name]))) : isDeepStrictEqual(row[name], there[name]),
  )
}

/** A driver's row as both databases mean it. */
export function recordOf(table: Table, row: Readonly<Record<string, unknown>>): Cells {
  return Object.fromEntries(Object.entries(table.columns).map(([name, kind]) => [name, cellOf(kind, row[name])]))
}

const keyOf = (table: Table, row: Cells): string => JSON.stringify(table.key.map((name) => row[name]))
const shown = (row: Cells): Record<string, string> =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, String(value).slice(0, 200)]))
