import { randomInt } from 'node:crypto'
import type { Blob, Store } from '../artifacts/store'
import type { Blobs } from '../blobs'
import type { Condemned } from '../condemned'
import { PersistablesError, reason, suggest } from '../errors'
import type { Marks } from '../marks'
import { type GcOptions, type GcReport, note, type Tallying, tallying } from './collection'
import { instant, removeBatch } from './removal'

/** What gc needs of a repository. */
export interface GcContext {
  readonly stores: ReadonlyMap<string, Store>
  readonly blobs: Blobs
  readonly marks: Marks
  readonly condemned: Condemned
  /** called between the steps, for tests */
  readonly onStep?: ((step: string) => Promise<void> | void) | undefined
}

const HOUR = 60 * 60 * 1000
const DAY = 24 * HOUR
const PAGE = 500
const BATCH = 64

interface Place {
  readonly store: Store
  readonly report: Tallying
}

/**
 * Removes bytes that no row of any project refers to and no save relies on. Several may run at once, savers may save meanwhile, and any of them may be killed.
 *
 * What the stores hold and the registry does not know is noted, with a term of grace. What rows refer to is marked. What has no mark and no pin becomes
 * suspect, and the rows are looked at once more: what is still not referred to then is condemned, removed, and forgotten, batch by batch.
 */
export async function collectGarbage(context: GcContext, options: GcOptions): Promise<GcReport[]> {
  const { marks, condemned } = context
  const { signal, dryRun = false, force = false, olderThan = DAY } = options
  if (!(olderThan >= 0 && Number.isFinite(olderThan)))
    throw new PersistablesError('INVALID_OPTION', `olderThan is ${String(olderThan)}.`, { fix: 'Give milliseconds, 0 or more.' })
  const places = chosen(context.stores, options.stores).map((store): Place => ({ store, report: tallying(store.name) }))
  const step = async (name: string): Promise<void> => {
    signal?.throwIfAborted()
    await context.onStep?.(name)
  }
  const done = (): GcReport[] => places.map(({ report }) => Object.freeze({ ...report, errors: Object.freeze([...report.errors]) }))

  const owned: Place[] = []
  for (const place of places) if ((await checkOwner(place, context)) || force) owned.push(place)
  let listed = 0
  const usable: Place[] = []
  for (const place of owned) {
    const looking = dryRun || (place.report.refused !== null && !force)
    try {
      for await (const page of pages(place.store.list(), signal)) {
        const at = await marks.clock()
        place.report.examined += page.length
        place.report.unknown += looking
          ? (await marks.strangers(place.store.name, page, at)).unknown.size
          : await marks.adopt(place.store.name, page, Math.floor(at + olderThan) - 1)
        listed += page.length
        options.onProgress?.({ step: 'listing', done: listed, total: null })
      }
      usable.push(place)
    } catch (error) {
      signal?.throwIfAborted()
      // A store that cannot be listed is none to remove from; the others are.
      note(place.report, reason(error))
    }
  }
  await step('listed')

  const rows = await marks.rows()
  const scan = async (): Promise<number> => {
    const mark = await marks.clock()
    let seen = 0
    const onRows = (count: number): void => {
      seen += count
      options.onProgress?.({ step: 'marking', done: seen, total: Math.max(rows, seen) })
    }
    await marks.scan(mark, new Set(usable.map(({ store }) => store.name)), { signal, onRows })
    return mark
  }
  const mark = await scan()
  await step('marked')

  for (const place of usable) await judge(place, mark, rows, condemned)
  const refused = places.filter(({ report }) => report.refused !== null)
  if (dryRun) return done()
  if (refused.length > 0 && !force) throw refusal(refused)

  const token = -(randomInt(2 ** 47) + 1)
  try {
    let suspects = 0
    for (const { store } of usable) {
      let taken: number
      do {
        signal?.throwIfAborted()
        taken = await condemned.suspect(store.name, mark, token)
        suspects += taken
      } while (taken > 0)
    }
    await step('suspected')
    const again = suspects === 0 ? mark : await scan()
    await step('marked again')
    await remove(again)
  } finally {
    for (const { store } of usable) await condemned.acquit(store.name, token).catch(() => {})
  }
  for (const { store, report } of usable) await sweep(store, report, olderThan)
  return done()

  async function remove(again: number): Promise<void> {
    const total = usable.reduce((sum, { report }) => sum + report.condemned, 0)
    let removed = 0
    for (const { store, report } of usable) {
      Object.assign(report, { condemned: 0, bytesFreed: 0 })
      for (;;) {
        signal?.throwIfAborted()
        const asked = instant()
        const batch = await condemned.condemn(store.name, token, again, BATCH)
        if (batch.blobs.length === 0) break
        await step('condemned')
        report.condemned += batch.blobs.length
        await removeBatch(store, batch, asked, condemned, report)
        removed += batch.blobs.length
        options.onProgress?.({ step: 'removing', done: removed, total: Math.max(total, removed) })
      }
      const { all } = await condemned.tally(store.name, again)
      report.kept = all.count
    }
  }
}

function chosen(stores: ReadonlyMap<string, Store>, names: readonly string[] | undefined): Store[] {
  return [...new Set(names ?? stores.keys())].map((name) => {
    const store = stores.get(name)
    if (store !== undefined) return store
    throw new PersistablesError('UNKNOWN_STORE', `This repository has no store "${name}".`, {
      fix: suggest(name, stores.keys(), 'It has none.'),
      details: { store: name, known: [...stores.keys()] },
    })
  })
}

/** Says in the report why a store is refused; `false` when nobody can tell whose it is. An empty store is nobody's, and there is nothing to lose in it. */
async function checkOwner({ store, report }: Place, { blobs }: GcContext): Promise<boolean> {
  const refuse = (why: string): true => {
    report.refused = why
    return true
  }
  const registry = await blobs.registryId()
  try {
    const owner = await store.owner?.()
    if (owner === registry) return true
    if (typeof owner === 'string') return refuse(`it belongs to another registry (${owner})`)
    for await (const _ of store.list()) return refuse('it carries no mark that says which registry it belongs to')
    return true
  } catch (error) {
    note(report, reason(error))
    return false
  }
}

async function judge({ store, report }: Place, mark: number, rows: number, condemned: Condemned): Promise<void> {
  const { all, candidates } = await condemned.tally(store.name, mark)
  report.condemned = candidates.count
  report.bytesFreed = candidates.bytes
  report.kept = all.count - candidates.count
  if (report.refused !== null || candidates.count === 0) return
  if (rows === 0) report.refused = 'the registry has no rows at all, so that nothing in it is referred to'
  else if (candidates.bytes * 2 > all.bytes)
    report.refused = `it would remove more than half of what it holds: ${candidates.bytes} of ${all.bytes} bytes, ${candidates.count} of ${all.count} blobs`
}

function refusal(places: readonly Place[]): PersistablesError {
  const stores = Object.fromEntries(places.map(({ report }) => [report.store, report.refused]))
  const [first] = places
  const others = places.length > 1 ? ` So it does ${places.length - 1} more.` : ''
  return new PersistablesError(
    'GC_REFUSED',
    `gc refuses the store "${first?.report.store}": ${first?.report.refused}.${others} Nothing was removed.`,
    {
      fix: 'Look at gc({ dryRun: true }); if that is what you want, gc({ force: true }). gc({ stores: [ … ] }) leaves a store out.',
      details: { stores },
    },
  )
}

async function sweep(store: Store, report: Tallying, olderThan: number): Promise<void> {
  try {
    // What another machine is just writing looks like what a crash left.
    report.swept = (await store.sweep?.({ olderThan: Math.max(olderThan, HOUR) })) ?? 0
  } catch (error) {
    note(report, reason(error))
  }
}

async function* pages(blobs: AsyncIterable<Blob>, signal: AbortSignal | undefined): AsyncGenerator<readonly Blob[], void, undefined> {
  let page: Blob[] = []
  for await (const blob of blobs) {
    signal?.throwIfAborted()
    page.push(blob)
    if (page.length < PAGE) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
}
