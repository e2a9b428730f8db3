import { setImmediate as turn } from 'node:timers/promises'
import { ask, atomically, rawOf } from '../client'
import type { ColumnsSpec } from '../companion'
import type { Connection } from '../connect'
import type { Snapshot } from '../connect/snapshot'
import { type Dialect, dialectOf, type Sql } from '../dialect'
import { PersistablesError, reason } from '../errors'
import { failureKind } from '../failure'
import { retrying } from '../retry'
import {
  type Carried,
  carried,
  companionPage,
  companionSizes,
  companionsOf,
  countCompanions,
  isSettled,
  lacking,
  type Reading,
  specOn,
  writeCompanions,
} from './companions'

/** A companion's table, as both sides have it. */
export interface Pair {
  readonly from: ColumnsSpec
  readonly to: ColumnsSpec
}

/** Which companions a source has. Throws `SCHEMA_OUTDATED` for a table that its class does not know all of, or knows more of. */
export async function companionsIn(dialect: Dialect, rows: Reading, specs: readonly ColumnsSpec[], url: string): Promise<ColumnsSpec[]> {
  const found: ColumnsSpec[] = []
  for (const spec of specs) {
    const here = await specOn(dialect, spec, rows)
    if (here === undefined) continue
    if (here.missing.length > 0) throw lacking(url, spec, here.missing)
    if (here.unknown.length > 0) {
      throw new PersistablesError(
        'SCHEMA_OUTDATED',
        `The table "${spec.table}" in ${url} has columns that the class of ${spec.model} does not know: ${here.unknown.join(', ')}.`,
        {
          fix: 'Run `npx prisma generate` on the schema that made it, so that they are copied too.',
          details: { url, model: spec.model, columns: here.unknown },
        },
      )
    }
    found.push(here.spec)
  }
  return found
}

/** The companions of a source with those of a target. Throws `SCHEMA_OUTDATED` for one that the target has not, naming the model. Writes nothing. */
export async function pairsOf(target: Connection, shown: string, specs: readonly ColumnsSpec[]): Promise<Pair[]> {
  const dialect = dialectOf(target.provider, target.schema)
  const pairs: Pair[] = []
  for (const from of specs) {
    const there = await specOn(dialect, from, readingOf(target, dialect))
    if (there === undefined || there.missing.length > 0) throw lacking(shown, from, there?.missing ?? [])
    pairs.push({ from, to: there.spec })
  }
  return pairs
}

function readingOf({ client }: Connection, dialect: Dialect): Reading {
  return (statement) => retrying('reading the copy', () => ask(rawOf(client), dialect.text(statement), statement.values))
}

const PAGE = 200
const PAGE_BYTES = 4_000_000
const PARAMETERS = 10_000

/** What {@link copyCompanion} works with. */
export interface CompanionCopy {
  readonly snapshot: Snapshot
  /** the source's */
  readonly dialect: Dialect
  readonly target: Connection
  readonly dryRun: boolean
  readonly signal: AbortSignal | undefined
  /** rows that a page had */
  readonly onPage: (rows: number) => void
}

/** Copies a companion's table, after the rows that it belongs to. Gives how many rows were written, and how many the copy has now. */
export async function copyCompanion({ from, to }: Pair, copy: CompanionCopy): Promise<{ readonly written: number; readonly there: number }> {
  const { snapshot, dialect, target, dryRun, signal } = copy
  const own = dialectOf(target.provider, target.schema)
  const db = rawOf(target.client)
  const read = readingOf(target, own)
  const found = async (rows: readonly Carried[]): Promise<Map<string, Carried>> => {
    const statement = companionsOf(
      own,
      to,
      rows.map(({ id }) => id),
    )
    return new Map((await read(statement)).map((row) => carried(to, row)).map((row) => [row.id, row]))
  }
  const write = (statement: Sql): Promise<unknown> =>
    retrying('writing the copy', () => atomically(db, [db.$executeRawUnsafe(own.text(statement), ...statement.values)]))
  const most = Math.min(PAGE, Math.floor(PARAMETERS / (Object.keys(from.fields).length + 2)))
  let [written, after]: [number, string | undefined] = [0, undefined]
  for (;;) {
    signal?.throwIfAborted()
    const size = await fitting(snapshot, companionSizes(dialect, from, after, most), most)
    const page: Carried[] = (await snapshot.rows(companionPage(dialect, from, after, size))).map((row) => carried(from, row))
    if (page.length === 0) break
    after = page.at(-1)?.id
    const before = await found(page)
    const wanted = page.filter((row) => !isSettled(from, row, before.get(row.id)))
    written += wanted.length
    if (wanted.length > 0 && !dryRun) {
      await write(writeCompanions(own, to, wanted)).catch((error: unknown) => {
        throw refused(to, target.url, error)
      })
      const back = await found(wanted)
      const wrong = wanted.find((row) => !isSettled(from, row, back.get(row.id)))
      if (wrong !== undefined) throw different(to, wrong, back.get(wrong.id))
    }
    copy.onPage(page.length)
    await turn()
  }
  const [counted] = await read(countCompanions(own, to))
  return { written, there: Number(counted?.['n'] ?? 0) }
}

async function fitting(snapshot: Snapshot, sizes: Sql, most: number): Promise<number> {
  let bytes = 0
  const over = (await snapshot.rows(sizes)).findIndex(({ size }) => (bytes += Number(size)) > PAGE_BYTES)
  return over === -1 ? most : Math.max(1, over)
}

// A constraint of the app's own: the tables that a companion refers to are the app's to copy.
function refused({ model, table }: ColumnsSpec, url: string, cause: unknown): unknown {
  const why = {
    'foreign-key': 'they refer to rows of the app’s own that are not there',
    unique: 'others have their unique values',
    null: 'it wants values',
  }
  const kind = failureKind(cause)
  if (!(kind in why)) return cause
  return new PersistablesError(
    'INVALID_CONFIG',
    `${url} refuses rows of "${table}" (${model}): ${why[kind as keyof typeof why]} (${reason(cause)}).`,
    {
      fix: 'Copy the app’s own tables into it first, or correct them there; then copy again, which takes up where this ended.',
      details: { url, model, table, kind },
      cause,
    },
  )
}

function different({ table }: ColumnsSpec, wanted: Carried, found: Carried | undefined): PersistablesError {
  const shown = (row: Carried | undefined): Record<string, string> =>
    Object.fromEntries(Object.entries(row?.values ?? {}).map(([field, value]) => [field, String(value).slice(0, 200)]))
  return new PersistablesError('DATABASE_FAILED', `A row of "${table}" came back from the copy different: ${wanted.id}.`, {
    fix: 'See whether somebody else writes to the copy, and whether its columns can hold what the source has (SQLite keeps 15 digits of a decimal); then copy again.',
    details: { table, wanted: shown(wanted), found: shown(found) },
  })
}
