import { randomUUID } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { blobsOf } from './blobs'
import { ask, atomically, rawOf } from './client'
import { type Connection, connect, type PoolOptions, type Secret } from './connect'
import { credentialsOf, secretOf } from './connect/postgres'
import { openSnapshot, type Snapshot } from './connect/snapshot'
import { targetOf } from './connect/target'
import { type Dialect, dialectOf, sql } from './dialect'
import { isPersistablesError, PersistablesError } from './errors'
import { databaseFailure, failureKind } from './failure'
import { ensureSchema, migrationStatus } from './migrate'
import { refusal } from './migrate/explain'
import type { TypesOption } from './registry'
import { companionsIn, copyCompanion, type Pair, pairsOf } from './transfer/companion-copy'
import { countCompanions, lacking, referring, specsOf } from './transfer/companions'
import { type Cells, cellOf, countRows, readPage, readSizes, TABLES, type Table, tableNames } from './transfer/tables'
import { recordOf, writerOf } from './transfer/writer'
import type { Logger } from './types'

/** Options of {@link copyRegistry}. */
export interface CopyOptions {
  /** `file:<path>` or `postgresql://…`. @defaultValue the embedded default of `cwd` */
  readonly from?: Secret | undefined
  /** `file:<path>`, made and migrated if need be, or `postgresql://…`, migrated already */
  readonly to: Secret
  /** classes: the rows of their companion models are copied too, where the source has such tables. @defaultValue none */
  readonly types?: TypesOption | undefined
  /** where relative paths begin. @defaultValue the process's working directory */
  readonly cwd?: string | undefined
  /** only count. @defaultValue false */
  readonly dryRun?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: CopyProgress) => void) | undefined
  readonly pool?: PoolOptions | undefined
  readonly logger?: Logger | undefined
}

/** How far a copy is: rows of all tables. */
export interface CopyProgress {
  readonly table: string
  readonly done: number
  readonly total: number
}

/** What became of one table. */
export interface TableReport {
  readonly table: string
  /** rows of the source */
  readonly rows: number
  /** that were written, or would be: the copy did not have them, or had an older state */
  readonly written: number
  /** that the copy has and the source does not */
  readonly extra: number
}

/** What {@link copyRegistry} did, or would do. */
export interface CopyReport {
  /** without credentials */
  readonly from: string
  readonly to: string
  /** the registry's tables, then those of companion models */
  readonly tables: readonly TableReport[]
  /** other tables of the source that refer to versions: companions of types that were not given, and what else an app relates to them. They were not copied */
  readonly left: readonly string[]
  readonly dryRun: boolean
}

const PAGE = 200
const PAGE_BYTES = 4_000_000
const SILENT: Logger = { warn: () => {} }

/**
 * Copies a registry into another database, of either provider: every row of every project with its id, version, hash, times, edges, tags and aliases, and which
 * stores are its own, and the columns of the types that are given. Bytes stay where they are. What is copied is the source as it was at one moment, and every row is read back and compared.
 *
 * A copy that was stopped is taken up by running it again, and so is one whose source has grown since. What was deleted in the source since an earlier copy stays
 * in the copy (`extra`). Both would rely on the same stores: use one of them from then on.
 * Throws `IN_USE` when the target holds another registry, `SCHEMA_OUTDATED` before anything is written when it lacks a companion's table, `INVALID_CONFIG` when the app's
 * own constraints refuse columns, `DATABASE_FAILED` when a row came back different, and what connecting throws.
 *
 * @example
 * const { tables } = await copyRegistry({ from: 'file:./registry.db', to: 'postgresql://…' })
 */
export async function copyRegistry(options: CopyOptions): Promise<CopyReport> {
  if (typeof options?.to !== 'string' && typeof options?.to !== 'function') {
    throw new PersistablesError('INVALID_OPTION', 'copyRegistry got no database to copy to.', {
      fix: "Pass { to: 'postgresql://…' } or { to: 'file:<path>' }.",
    })
  }
  const { cwd = process.cwd(), logger = SILENT, pool, dryRun = false } = options
  const fromUrl = typeof options.from === 'function' ? await secretOf('url', options.from) : options.from
  const toUrl = typeof options.to === 'function' ? await secretOf('url', options.to) : options.to
  const place = targetOf(fromUrl, cwd)
  if (place.shown === targetOf(toUrl, cwd).shown) {
    throw new PersistablesError('INVALID_OPTION', `${place.shown} cannot be copied onto itself.`, { fix: 'Name another database as the target.' })
  }
  const source = await connect({ url: options.from, cwd, create: false, logger: SILENT, pool })
  try {
    const refused = refusal(await migrationStatus(source), source, false)
    if (refused !== undefined) throw refused
    const dialect = dialectOf(source.provider, source.schema)
    const snapshot = await openSnapshot(place, dialect, { pool, credentials: credentialsOf(options.from, undefined) })
    let target: Connection | null = null
    try {
      const companions = await companionsIn(dialect, snapshot.rows, specsOf(options.types ?? []), source.url)
      // A new file has no companion's table.
      const create = !dryRun && companions.length === 0
      const shown = targetOf(toUrl, cwd).shown
      target = await connect({ url: options.to, cwd, create, logger, pool }).catch((error: unknown) => {
        if (!isPersistablesError(error, 'SCHEMA_MISSING')) throw error
        if (companions[0] !== undefined) throw lacking(shown, companions[0], [])
        // A file that is still to be made has nothing in it.
        return null
      })
      const pairs = target === null ? [] : await pairsOf(target, shown, companions)
      if (target !== null) await readyTarget(target, dryRun)
      return await copy({ source, target, snapshot, dialect, pairs }, { ...options, dryRun }, shown)
    } catch (error) {
      if (options.signal?.aborted) throw options.signal.reason
      if (failureKind(error) === 'unique' && !isPersistablesError(error, 'INVALID_CONFIG')) throw diverged(target?.url ?? '', error)
      // What a listener throws is its own.
      throw failureKind(error) === 'other' || isPersistablesError(error, 'INVALID_CONFIG') ? error : databaseFailure(error, `copying ${source.url}`)
    } finally {
      await snapshot.close()
      await target?.close()
    }
  } finally {
    await source.close()
  }
}

// A server's schema is not changed behind anybody's back; a file's is, as by openRepository.
async function readyTarget(target: Connection, dryRun: boolean): Promise<void> {
  if (!dryRun) {
    await ensureSchema(target, { apply: true })
    return
  }
  const refused = refusal(await migrationStatus(target), target, target.file !== null)
  if (refused !== undefined) throw refused
}

interface Ends {
  readonly source: Connection
  /** null: there is none yet, and this is a dry run */
  readonly target: Connection | null
  readonly snapshot: Snapshot
  /** the source's */
  readonly dialect: Dialect
  readonly pairs: readonly Pair[]
}

async function copy(ends: Ends, options: CopyOptions & { dryRun: boolean }, to: string): Promise<CopyReport> {
  const { source, target, snapshot, dialect, pairs } = ends
  const { dryRun, signal } = options
  const writer = target === null ? null : writerOf(target)
  const counts = await countsOf(snapshot, dialect)
  const own: [Pair, number][] = []
  for (const pair of pairs) own.push([pair, Number((await snapshot.rows(countCompanions(dialect, pair.from)))[0]?.['n'])])
  const total = [...counts, ...own].reduce((sum, [, n]) => sum + n, 0)
  await sameRegistry(ends, dryRun)
  let done = 0
  const tables: TableReport[] = []
  for (const [table, rows] of counts) {
    let after: Cells | undefined
    let written = 0
    for (;;) {
      signal?.throwIfAborted()
      const page = (await snapshot.rows(readPage(dialect, table, after, await fitting(snapshot, dialect, table, after)))).map((row) =>
        recordOf(table, row),
      )
      if (page.length === 0) break
      written += writer === null ? page.length : await writer.bring(table, page, dryRun)
      after = page.at(-1)
      done += page.length
      options.onProgress?.({ table: table.name, done, total })
      await turn()
    }
    // Counters are derived from the rows where they are not copied.
    const there = writer === null || table.meeting === 'highest' ? 0 : await writer.count(table)
    tables.push({ table: table.name, rows, written, extra: Math.max(0, there - rows + (dryRun ? written : 0)) })
  }
  if (!dryRun && target?.provider === 'postgresql') await writer?.raise()
  for (const [pair, rows] of own) {
    const { table } = pair.from
    const onPage = (count: number): void => options.onProgress?.({ table, done: (done += count), total })
    const { written, there } = await copyCompanion(pair, { snapshot, dialect, target: target as Connection, dryRun, signal, onPage })
    tables.push({ table, rows, written, extra: Math.max(0, there - rows + (dryRun ? written : 0)) })
  }
  const known = new Set<string>([...TABLES.map(({ name }) => name), ...pairs.map(({ from }) => from.table)])
  const left = (await referring(dialect, snapshot.rows)).filter((name) => !known.has(name))
  return { from: source.url, to, tables, left, dryRun }
}

// How many rows the next page has: so many that their JSON stays within some megabytes.
async function fitting(snapshot: Snapshot, dialect: Dialect, table: Table, after: Cells | undefined): Promise<number> {
  const most = table.page ?? PAGE
  const sizes = readSizes(dialect, table, after, most)
  if (sizes === undefined) return most
  let bytes = 0
  const rows = await snapshot.rows(sizes)
  const over = rows.findIndex(({ size }) => (bytes += Number(size)) > PAGE_BYTES)
  return over === -1 ? most : Math.max(1, over)
}

// A schema of an app's own may be without the tables of the database store.
async function countsOf(snapshot: Snapshot, dialect: Dialect): Promise<[Table, number][]> {
  const there = new Set((await snapshot.rows(tableNames(dialect))).map(({ name }) => String(name)))
  const counts: [Table, number][] = []
  for (const table of TABLES) {
    if (table.optional === true && !there.has(table.name)) continue
    counts.push([table, Number((await snapshot.rows(countRows(dialect, table)))[0]?.['n'])])
  }
  return counts
}

function diverged(url: string, cause: unknown): PersistablesError {
  return new PersistablesError('IN_USE', `The copy ${url} has versions of its own, with numbers that other versions have in the source.`, {
    fix: 'Two registries that were both saved to cannot be made one: copy into an empty database, or go on with the copy alone.',
    details: { url },
    cause,
  })
}

async function sameRegistry(ends: Ends, dryRun: boolean): Promise<void> {
  const { source, target, snapshot, dialect } = ends
  if (target === null) return
  const read = async (connection: Connection): Promise<string | undefined> => {
    const own = dialectOf(connection.provider, connection.schema)
    const statement = sql`SELECT "registry_id" AS id FROM ${own.table('persistable_registry')} WHERE "id" = 1`
    return (await ask<{ id: string }>(rawOf(connection.client), own.text(statement), []))[0]?.id
  }
  const [registry] = await snapshot.rows(
    sql`SELECT "registry_id" AS id, "created_at" AS created FROM ${dialect.table('persistable_registry')} WHERE "id" = 1`,
  )
  const there = await read(target)
  if (there !== undefined && there === registry?.['id']) return
  const rows = await writerOf(target).count(TABLES[0] as Table)
  if (rows > 0 || there !== undefined) {
    throw new PersistablesError(
      'IN_USE',
      `The database ${target.url} holds another registry${there === undefined ? '' : ` (${there})`}, with ${rows} version${rows === 1 ? '' : 's'}.`,
      { fix: 'Copy into an empty database: versions of two registries would collide.', details: { url: target.url, registry: there ?? null, rows } },
    )
  }
  // Without artifacts a registry has no id yet; it has no stores either, so a new one will do.
  if (dryRun) return
  const own = dialectOf(target.provider, target.schema)
  const id = registry === undefined ? await ownId(source, dialect) : String(registry['id'])
  const created = registry === undefined ? new Date() : cellOf('timestamp', registry['created'])
  const statement = sql`INSERT INTO ${own.table('persistable_registry')} ("id", "registry_id", "created_at")
    VALUES (1, ${id}, ${own.typed(created, 'timestamp')}) ON CONFLICT ("id") DO NOTHING`
  const db = rawOf(target.client)
  await atomically(db, [db.$executeRawUnsafe(own.text(statement), ...statement.values)])
  // Another copy into the same database may have been first.
  if ((await read(target)) !== id) await sameRegistry(ends, dryRun)
}

// A source that may only be read gives the copy an id that it does not know: such a copy cannot be taken up again, but it is whole.
function ownId({ client }: Connection, dialect: Dialect): Promise<string> {
  return blobsOf(client, dialect, randomUUID, false)
    .registryId()
    .catch(() => randomUUID())
}
