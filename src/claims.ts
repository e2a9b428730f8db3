import type { Store } from './artifacts/store'
import type { Blobs } from './blobs'
import { PersistablesError } from './errors'

/** What claiming needs to know. */
export interface ClaimContext {
  readonly stores: ReadonlyMap<string, Store>
  readonly blobs: Blobs
}

/**
 * Makes stores this registry's before anything is written into them: another registry's gc would remove what its own rows do not refer to.
 * Throws `STORE_FOREIGN`, and what reading the mark throws.
 */
export async function claimStores(names: Iterable<string>, context: ClaimContext): Promise<void> {
  for (const name of new Set(names)) {
    const store = context.stores.get(name)
    if (store?.owner === undefined) continue
    const registry = await context.blobs.registryId()
    const owner = await store.owner({ claim: registry })
    if (owner === registry) continue
    throw new PersistablesError('STORE_FOREIGN', `The store "${name}" belongs to another registry (${String(owner)}).`, {
      fix: 'Use a folder or bucket of its own for each registry, or open the database that owns this one; reading from it works.',
      details: { store: name, owner, registry },
    })
  }
}
