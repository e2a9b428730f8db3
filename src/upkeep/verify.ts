import { inOrder } from '../artifacts/in-order'
import type { Store } from '../artifacts/store'
import { isPersistablesError, PersistablesError, reason, suggest } from '../errors'
import type { Marks } from '../marks'
import { FIRST_PAGE, LARGEST_PAGE, nextPage } from '../page-size'
import type { Query, Scope } from '../query'
import type { Row } from '../row'
import type { DeclaredContext } from './declared'
import { examineRow } from './examine'
import type { Finding, VerifyOptions } from './finding'
import { memoryOf } from './memory'

/** What verify needs of a repository. */
export interface VerifyContext extends Omit<DeclaredContext, 'signal'> {
  readonly query: Query
  readonly scope: Scope
  readonly marks: Marks
}

const LISTED = 100

interface Place {
  readonly row: Row
  readonly cursor: string
}

/**
 * Looks at what every row says of its bytes, then for bytes that no row speaks of. Rows come in pages by the time of their making, so that what is saved meanwhile
 * comes last; one page, the blobs under way, and what is remembered of blobs is all that is in memory.
 */
export async function* verifyAll(context: VerifyContext, options: VerifyOptions): AsyncGenerator<Finding, void, undefined> {
  const { query, stores } = context
  const scope: Scope = { ...context.scope, ...(options.type !== undefined && { type: options.type }) }
  const where = options.where ?? {}
  const concurrency = checked(options.concurrency ?? 4)
  for (const name of options.stores ?? []) requireStore(name, stores)
  const at = options.after === undefined ? { page: null, row: null } : readCursor(options.after)
  const memory = memoryOf()
  // Whoever stops early has what is being read stopped too.
  const stopping = new AbortController()
  const stop = (): void => stopping.abort(new Error('verify was stopped'))
  const signal = options.signal === undefined ? stopping.signal : AbortSignal.any([options.signal, stopping.signal])
  const totalRows = await query.count(scope, { where })
  let [rows, bytes] = [0, 0]
  const tell = (): void => options.onProgress?.({ rows, totalRows: Math.max(rows, totalRows), blobs: memory.looked, bytes })
  const onBytes = (count: number): void => {
    bytes += count
    tell()
  }
  const examining = { ...context, signal, memory, onBytes, options: { ...options, signal } }

  try {
    if (at !== 'orphans') {
      for await (const found of inOrder(places(at), concurrency, ({ row, cursor }) => examineRow(row, cursor, examining))) {
        rows++
        tell()
        for (const finding of found) {
          let goesOn = false
          try {
            yield finding
            goesOn = true
          } finally {
            // Here, and not at the end: what is under way is waited for before that.
            if (!goesOn) stop()
          }
        }
      }
    }
    // What comes now does not ask for it, and the garbage collector lets garbage grow with what is alive.
    memory.clear()
    const narrowed = options.type !== undefined || options.where !== undefined
    if (options.orphans ?? !narrowed) yield* orphans(context, options, signal)
  } finally {
    stop()
  }

  async function* places(from: Position): AsyncGenerator<Place, void, undefined> {
    // The page in which it was left may have been a large one.
    let take = from.row === null ? FIRST_PAGE : LARGEST_PAGE
    for (let cursor = from.page, first: string | null = from.row; ; first = null) {
      signal.throwIfAborted()
      const begin: string | null = cursor
      const page = await query.find(scope, { where, orderBy: { createdAt: 'asc' }, take, cursor })
      const skipped = Math.max(
        page.rows.findIndex(({ id }) => id === first),
        0,
      )
      for (const row of page.rows.slice(skipped)) yield { row, cursor: writeCursor(begin, row.id) }
      cursor = page.cursor
      if (cursor === null) return
      take = nextPage(page.rows.length, JSON.stringify(page.rows.map(({ filepaths, metadata }) => [filepaths, metadata])).length)
    }
  }
}

async function* orphans(context: VerifyContext, options: VerifyOptions, signal: AbortSignal): AsyncGenerator<Finding, void, undefined> {
  const { marks, logger, stores } = context
  const names = [...new Set(options.stores ?? stores.keys())]
  const mark = await marks.clock()
  try {
    await marks.scan(mark, new Set(names), { signal })
  } catch (error) {
    if (!isPersistablesError(error, 'READ_ONLY')) throw error
    logger.warn('Orphans are not looked for: which blobs rows refer to is noted in the database, and it cannot be written.')
    return
  }
  for (const name of names) {
    const store = requireStore(name, stores)
    try {
      let page = new Map<string, number>()
      for await (const { digest, size } of store.list()) {
        signal.throwIfAborted()
        page.set(digest, size)
        if (page.size < LISTED) continue
        yield* among(store, page)
        page = new Map()
      }
      yield* among(store, page)
    } catch (error) {
      signal.throwIfAborted()
      if (isPersistablesError(error, 'DATABASE_FAILED')) throw error
      logger.warn(`Not all orphans of the store "${name}" are found: ${reason(error)}`, { store: name })
    }
  }

  async function* among(store: Store, page: ReadonlyMap<string, number>): AsyncGenerator<Finding, void, undefined> {
    if (page.size === 0) return
    const { unknown, unreferenced } = await marks.strangers(
      store.name,
      [...page].map(([digest, size]) => ({ digest, size })),
      mark,
    )
    for (const digest of [...unknown, ...unreferenced].sort()) {
      // gc may have been here since it was listed.
      if ((await store.size(digest)) === null) continue
      const why = unknown.has(digest)
        ? 'The registry does not know of it; gc removes it after a term of grace.'
        : 'No row refers to it; gc removes it.'
      const nothing = { ref: null, id: null, artifact: null, pattern: null, part: null, repaired: false, quarantined: null }
      const size = page.get(digest) ?? 0
      yield { kind: 'orphan', ...nothing, store: store.name, digest, size, place: store.locate(digest), reason: why, cursor: ORPHANS }
    }
  }
}

function requireStore(name: string, stores: ReadonlyMap<string, Store>): Store {
  const store = stores.get(name)
  if (store !== undefined) return store
  throw new PersistablesError('UNKNOWN_STORE', `This repository has no store "${name}".`, {
    fix: suggest(name, stores.keys(), 'It has none.'),
    details: { store: name, known: [...stores.keys()] },
  })
}

function checked(concurrency: number): number {
  if (Number.isSafeInteger(concurrency) && concurrency >= 1 && concurrency <= 64) return concurrency
  throw new PersistablesError('INVALID_OPTION', `concurrency is ${String(concurrency)}.`, { fix: 'Give a whole number from 1 to 64.' })
}

interface Position {
  readonly page: string | null
  readonly row: string | null
}

const ORPHANS = 'orphans'

function writeCursor(page: string | null, row: string): string {
  return Buffer.from(JSON.stringify([page, row])).toString('base64url')
}

function readCursor(text: string): Position | 'orphans' {
  if (text === ORPHANS) return ORPHANS
  try {
    const [page, row] = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as unknown[]
    if ((page === null || typeof page === 'string') && typeof row === 'string') return { page, row }
  } catch {
    // As below.
  }
  throw new PersistablesError('INVALID_QUERY', 'The cursor cannot be read.', { fix: 'Pass the cursor of a finding of an earlier verify, unchanged.' })
}
