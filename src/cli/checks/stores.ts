import { createHash, randomBytes } from 'node:crypto'
import type { Store } from '../../artifacts/store'
import { type Check, type Checks, fail, failed, ok } from './check'
import { checkRoom } from './environment'

// Any digest will do to see whether a place answers, and where it is.
const ANY = '0'.repeat(64)

/** Stores: reachable, this registry's, writable. `registry` is null when nothing was saved yet, undefined when it is not known. */
export async function* checkStores(stores: Iterable<Store>, registry: string | null | undefined): Checks {
  for (const store of stores) {
    const name = `store ${store.name}`
    try {
      const check = await checkStore(store, name, registry)
      yield check
      if (store.kind === 'disk' && check.status === 'ok') yield await checkRoom(`disk ${store.name}`, store.locate(ANY))
    } catch (error) {
      yield failed(name, error)
    }
  }
}

async function checkStore(store: Store, name: string, registry: string | null | undefined): Promise<Check> {
  const place = store.kind
  await store.size(ANY)
  const owner = await store.owner?.()
  if (owner === null) return ok(name, `${place}: nobody's yet; the first save claims it`)
  if (owner !== undefined && registry !== undefined && owner !== registry) {
    return fail(
      name,
      `${place} belongs to another registry (${owner}).`,
      'Give this registry a folder or bucket of its own, or open the database that owns this one. Reading works; saving does not.',
    )
  }
  await probe(store)
  return ok(name, `${place}: ${owner === undefined ? 'reachable' : "this registry's"}, writable`)
}

// Writes what nobody refers to, and takes it away again: nothing short of writing proves that one can.
async function probe(store: Store): Promise<void> {
  const bytes = randomBytes(32)
  const source = async function* () {
    yield bytes
  }
  if (store.spool !== undefined) return (await store.spool(source())).discard()
  const digest = createHash('sha256').update(bytes).digest('hex')
  await store.put({ digest, size: bytes.length }, source)
  await store.delete(digest)
}
