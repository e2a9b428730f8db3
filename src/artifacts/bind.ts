import type { Store, StoreDatabase } from './store'

/** The same stores; those that keep their bytes in the repository's database are bound to it. Throws `SCHEMA_MISSING` as `Store.bind` does. */
export function bindStores(stores: ReadonlyMap<string, Store>, database: StoreDatabase): ReadonlyMap<string, Store> {
  return new Map([...stores].map(([name, store]) => [name, store.bind?.(database) ?? store]))
}
