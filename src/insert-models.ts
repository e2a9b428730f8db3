import { type ModelClient, modelOf } from './client'
import { filled } from './companion'
import { byCounter, type Given, type NewRow } from './insert'

/** Thrown when a blob that a row relies on is not pinned any more. */
export class PinsLost extends Error {}

const ROWS = 500
const BLOBS = 200

/**
 * Inserts rows by the client's model methods, inside a transaction: slower than {@link insertRow} by some round trips, but in no database's own SQL, and seen by
 * the client's query extensions. A counter row, locked by its own update, gives the numbers; one that rows were inserted past is brought up first.
 */
export async function insertByModels(db: ModelClient, rows: readonly NewRow[]): Promise<Given[]> {
  const versions = new Map<string, number>()
  for (const same of byCounter(rows)) {
    const first = await takeVersions(db, same)
    for (const [i, row] of same.entries()) versions.set(row.id, first + i)
  }
  await holdPins(db, rows)
  for (const some of chunks(rows, ROWS)) {
    const data = some.map(({ edges: _e, blobs: _b, tags: _t, companion: _c, ...row }) => ({ ...row, version: versions.get(row.id), rowVersion: 1 }))
    const [only] = data
    if (data.length === 1 && only !== undefined) await db.persistable.create({ data: only, select: { id: true } })
    else await db.persistable.createMany({ data })
  }
  const labels = new Map(rows.map((row) => [row.id, `${row.type}/${row.name}@${versions.get(row.id)}`]))
  const edges = rows.flatMap(({ id, edges }) =>
    edges.map((edge) => ({ childId: id, ...edge, parentLabel: edge.parentLabel ?? labels.get(edge.parentId) ?? '' })),
  )
  for (const data of chunks(edges, ROWS)) await db.persistableEdge.createMany({ data })
  const tags = rows.flatMap((row) => Object.entries(row.tags).map(([key, value]) => ({ persistableId: row.id, key, value })))
  for (const data of chunks(tags, ROWS)) await db.persistableTag.createMany({ data })
  for (const { model, data } of companions(rows)) await modelOf(db, model).createMany({ data })
  return rows.map(({ id }) => ({ id, version: versions.get(id) as number }))
}

function companions(rows: readonly NewRow[]): { readonly model: string; readonly data: readonly Readonly<Record<string, unknown>>[] }[] {
  const models = new Map<string, Record<string, unknown>[]>()
  for (const { id, createdAt, companion } of rows) {
    if (companion === undefined) continue
    const given = Object.entries(filled(companion, createdAt)).filter(([, value]) => value !== null)
    const { model } = companion.spec
    models.set(model, [...(models.get(model) ?? []), { id, ...Object.fromEntries(given) }])
  }
  return [...models].flatMap(([model, all]) => chunks(all, ROWS).map((data) => ({ model, data })))
}

// The first statement of the transaction is a write: one that reads first may find on SQLite that it came too late to write.
async function takeVersions(db: ModelClient, rows: readonly NewRow[]): Promise<number> {
  const [{ project, type, name }] = rows as [NewRow]
  const where = { project, type, name }
  const { count } = await db.persistableCounter.updateMany({ where, data: { version: { increment: rows.length } } })
  if (count === 0) await db.persistableCounter.create({ data: { ...where, version: rows.length }, select: { version: true } })
  const counter = await db.persistableCounter.findFirst({ where, select: { version: true } })
  const newest = await db.persistable.findFirst({ where, orderBy: { version: 'desc' }, select: { version: true } })
  const first = Number(counter?.['version']) - rows.length + 1
  const free = Number(newest?.['version'] ?? 0) + 1
  if (free <= first) return first
  await db.persistableCounter.updateMany({ where, data: { version: free + rows.length - 1 } })
  return free
}

// An update, though it changes nothing: it locks the blobs until the rows are there. No clock is asked: what is live, and in the life that was pinned, gc has
// not begun to remove, and it looks at the rows once more after it has begun.
async function holdPins(db: ModelClient, rows: readonly NewRow[]): Promise<void> {
  const pinned = new Map(rows.flatMap((row) => row.blobs).map((blob) => [`${blob.store}/${blob.digest}`, blob]))
  const blobs = [...pinned.values()].map(({ store, digest, born }) => ({ store, digest, ...(born !== undefined && { born: BigInt(born) }) }))
  for (const some of chunks(blobs, BLOBS)) {
    const where = { OR: some, state: 'live' }
    const { count } = await db.persistableBlob.updateMany({ where, data: { state: 'live' } })
    if (count !== some.length) throw new PinsLost()
  }
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size))
}
