import { createHash } from 'node:crypto'
import { chunkSums } from '../artifacts/chunks'
import { conditionOf, intactBytes } from '../artifacts/intact'
import type { Blob, Store } from '../artifacts/store'
import type { Blobs } from '../blobs'
import { claimStores } from '../claims'
import { reason } from '../errors'

/** What repairing needs to know. */
export interface RepairContext {
  readonly stores: ReadonlyMap<string, Store>
  readonly blobs: Blobs
  readonly signal?: AbortSignal | undefined
}

/** What came of a repair. */
export interface Repaired {
  readonly done: boolean
  /** what was done, or why nothing could be */
  readonly reason: string
  readonly quarantined: string | null
}

/** Bytes to put in the place of damaged ones. */
export interface Origin {
  readonly name: string
  readonly read: () => AsyncIterable<Uint8Array>
}

/**
 * Puts a blob right that is missing or damaged in a store: with the bytes of any other store that has it intact, those named first before the others.
 *
 * It is pinned before anything is looked at, in both stores, so that gc keeps away. Bytes reach their place only when all of them are verified, and are read
 * back from there. Damaged ones are kept aside where the store can, and never absent in between where it can replace: so readers and other repairs at the
 * same time meet the damaged bytes or the right ones. Throws nothing but the signal's reason.
 */
export async function repairBlob(store: Store, blob: Blob, first: readonly string[], context: RepairContext): Promise<Repaired> {
  const others = [...new Set([...first, ...context.stores.keys()])]
    .flatMap((name) => context.stores.get(name) ?? [])
    .filter((other) => other !== store)
  const tried: string[] = []
  for (const other of others) {
    try {
      if ((await other.size(blob.digest)) === null) continue
      // Before anything is put aside for it.
      const condition = await conditionOf(other, blob, { signal: context.signal })
      if (condition.kind !== 'ok') {
        tried.push(`${other.name}: ${condition.reason}`)
        continue
      }
      const pins = [store, other].map(({ name }) => ({ store: name, digest: blob.digest, size: blob.size }))
      const origin = { name: `the store "${other.name}"`, read: () => intactBytes(other, blob, { signal: context.signal }) }
      return await context.blobs.pinned(pins, () => place(store, blob, origin, context))
    } catch (error) {
      context.signal?.throwIfAborted()
      tried.push(`${other.name}: ${reason(error)}`)
    }
  }
  const why = tried.length === 0 ? 'No other store has the bytes.' : `No other store could give the bytes: ${tried.join('; ')}`
  return { done: false, reason: why, quarantined: null }
}

/** Puts chunk checksums right, by making them anew from the bytes that they are of, where those are intact. */
export async function repairChecksums(
  store: Store,
  blob: Blob,
  checksums: Blob & { readonly chunkSize: number },
  first: readonly string[],
  context: RepairContext,
): Promise<Repaired> {
  const { signal } = context
  const made = await sumsOf(store, blob, checksums.chunkSize, signal)
  if (made === null || createHash('sha256').update(made).digest('hex') !== checksums.digest) return repairBlob(store, checksums, first, context)
  const origin: Origin = {
    name: 'the bytes that they are of',
    read: async function* () {
      yield made
    },
  }
  const pins = [blob, checksums].map(({ digest, size }) => ({ store: store.name, digest, size }))
  try {
    return await context.blobs.pinned(pins, () => place(store, checksums, origin, context))
  } catch (error) {
    signal?.throwIfAborted()
    return { done: false, reason: reason(error), quarantined: null }
  }
}

async function sumsOf(store: Store, blob: Blob, chunkSize: number, signal: AbortSignal | undefined): Promise<Uint8Array | null> {
  if (!(Number.isSafeInteger(chunkSize) && chunkSize > 0)) return null
  const sums = chunkSums(chunkSize)
  try {
    for await (const chunk of intactBytes(store, blob, { signal })) sums.update(chunk)
    return sums.digest()
  } catch {
    signal?.throwIfAborted()
    return null
  }
}

/** Puts bytes of `origin` in the place of a blob that is missing or damaged, and reads them back from there. Both are pinned already. */
export async function place(store: Store, blob: Blob, origin: Origin, context: RepairContext): Promise<Repaired> {
  const { signal } = context
  // Somebody else may have repaired it since it was found.
  const now = await conditionOf(store, blob, { signal })
  if (now.kind === 'ok') return { done: true, reason: 'Somebody else repaired it.', quarantined: null }
  if (now.kind === 'unreadable') return { done: false, reason: now.reason, quarantined: null }
  await claimStores([store.name], context)
  const quarantined = now.kind === 'corrupt' ? ((await store.quarantine?.(blob.digest)) ?? null) : null
  if (now.kind === 'missing') await store.put(blob, origin.read, { signal })
  else if (store.replace !== undefined) await store.replace(blob, origin.read, { signal })
  else {
    await store.delete(blob.digest)
    await store.put(blob, origin.read, { signal })
  }
  const after = await conditionOf(store, blob, { signal })
  if (after.kind !== 'ok') return { done: false, reason: `What was copied from ${origin.name} came back different: ${after.reason}`, quarantined }
  return { done: true, reason: `Copied from ${origin.name}.`, quarantined }
}
