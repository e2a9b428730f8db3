import { addPattern } from '../amend'
import { conditionOf, intactBytes } from '../artifacts/intact'
import { encodeArtifact, readArtifact } from '../artifacts/patterns'
import { makesSense } from '../artifacts/record'
import type { AnySerializer, Pattern } from '../artifacts/serializer'
import type { Blob, Store } from '../artifacts/store'
import type { StoredBlob } from '../blobs'
import { claimStores } from '../claims'
import type { PersistableTransaction } from '../client'
import type { Dialect } from '../dialect'
import { PersistablesError } from '../errors'
import { labelOf, orderedPatterns, type Row } from '../row'
import type { Logger, PatternRecord } from '../types'
import type { RepairContext } from './repair'

/** What copying to declared patterns needs to know. */
export interface DeclaredContext extends RepairContext {
  readonly client: PersistableTransaction
  readonly dialect: Dialect
  readonly logger: Logger
  /** artifact → patterns of the row's class, the first one's serializer being the one that content digests are of; `null` where the class is not registered */
  readonly declared: (row: Row) => ReadonlyMap<string, readonly Pattern[]> | null
  readonly serializerOf: (row: Row, artifact: string, name: string) => AnySerializer | undefined
  /** the row as it is now */
  readonly reload: (row: Row) => Promise<Row | null>
}

/** A pattern that a class declares and a row does not have. */
export interface Lacking {
  readonly artifact: string
  readonly pattern: Pattern
}

const ATTEMPTS = 5

/** The patterns that the class of a row declares for artifacts of the row, and the row does not have. */
export function lackingOf(row: Row, context: DeclaredContext): Lacking[] {
  const declared = context.declared(row) ?? new Map<string, readonly Pattern[]>()
  return Object.keys(row.filepaths).flatMap((artifact) => {
    const records = row.filepaths[artifact] ?? {}
    const missing = (declared.get(artifact) ?? []).filter(({ name }) => !Object.hasOwn(records, name))
    return missing.map((pattern) => ({ artifact, pattern }))
  })
}

/**
 * Keeps an artifact by one more pattern: its bytes are copied from a pattern that wrote the same ones, else its value is read and encoded anew; they are
 * verified in their new place, and then the row says so. Throws what reading, encoding, writing and the database throw, and `IN_USE` when the row keeps changing.
 */
export async function addDeclared(row: Row, { artifact, pattern }: Lacking, context: DeclaredContext): Promise<PatternRecord | null> {
  const { blobs, client, dialect } = context
  const { record, wanted, write, discard } = await prepare(row, artifact, pattern, context)
  const work = blobs.pinned(wanted, async (pinned) => {
    const store = requireStore(pattern.store, context)
    await claimStores([pattern.store], context)
    await write()
    for (const blob of wanted) {
      const condition = await conditionOf(store, blob, { signal: context.signal })
      if (condition.kind !== 'ok') throw new PersistablesError('STORE_FAILED', `What was written came back different: ${condition.reason}`)
    }
    let current: Row | null = row
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (current === null) return null
      const known: PatternRecord | undefined = current.filepaths[artifact]?.[pattern.name]
      if (known !== undefined) return known
      if (await addPattern(client, dialect, current, { artifact, pattern: pattern.name, record, blobs: pinned })) return record
      current = await context.reload(current)
    }
    throw new PersistablesError('IN_USE', `${labelOf(row)} keeps being changed by others.`, { fix: 'Run verify again.' })
  })
  return work.finally(discard)
}

interface Prepared {
  readonly record: PatternRecord
  readonly wanted: readonly StoredBlob[]
  readonly write: () => Promise<void>
  /** removes temporary files */
  readonly discard: () => Promise<void>
}

async function prepare(row: Row, artifact: string, pattern: Pattern, context: DeclaredContext): Promise<Prepared> {
  const store = requireStore(pattern.store, context)
  const records = orderedPatterns(row, artifact)
  // Names are `<store>_<how>`: of equal `how` are equal bytes.
  const how = (name: string, of: string): string => name.slice(of.length)
  for (const [name, known] of records) {
    if (!makesSense(known)) continue
    const from = context.stores.get(known.store)
    if (from === undefined || how(name, known.store) !== how(pattern.name, pattern.store)) continue
    const parts: Blob[] = [known, ...(known.chunks === undefined ? [] : [known.chunks])]
    const conditions = await Promise.all(parts.map((part) => conditionOf(from, part, { signal: context.signal })))
    if (conditions.some(({ kind }) => kind !== 'ok')) continue
    return {
      record: { ...known, store: pattern.store },
      wanted: parts.map(({ digest, size }) => ({ store: pattern.store, digest, size })),
      write: async () => {
        for (const part of parts) await store.put(part, () => intactBytes(from, part, { signal: context.signal }), { signal: context.signal })
      },
      discard: async () => {},
    }
  }
  const label = labelOf(row)
  const value = await readArtifact(
    { artifact, label, records, signal: context.signal },
    {
      stores: context.stores,
      logger: context.logger,
      serializerOf: (name) => context.serializerOf(row, artifact, name),
      serializerNames: [],
    },
  )
  const first = context.declared(row)?.get(artifact)?.[0] ?? pattern
  const settings = { stores: context.stores, label, ...(context.signal !== undefined && { signal: context.signal }) }
  const encoded = await encodeArtifact({ artifact, value, patterns: [pattern], declared: first.serializer }, settings)
  return {
    record: encoded.records[pattern.name] as PatternRecord,
    wanted: encoded.blobs,
    write: () => encoded.write(context.signal === undefined ? {} : { signal: context.signal }),
    discard: () => encoded.discard(),
  }
}

function requireStore(name: string, { stores }: RepairContext): Store {
  const store = stores.get(name)
  if (store !== undefined) return store
  throw new PersistablesError('UNKNOWN_STORE', `This repository has no store "${name}".`)
}
