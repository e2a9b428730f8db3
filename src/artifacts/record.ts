import { PersistablesError, suggest } from '../errors'
import type { PatternRecord } from '../types'
import { type AnySerializer, layersOf } from './serializer'
import { isDigest, type Store } from './store'
import { MAX_WRAPPERS, type Wrapper } from './wrapper'
import { knownWrapper, WRAPPER_NAMES } from './wrappers/known'

/** What finding the parts of a record needs. */
export interface RecordContext {
  readonly stores: ReadonlyMap<string, Store>
  /** the serializer of a record's name; `undefined` when there is none */
  readonly serializerOf: (name: string) => AnySerializer | undefined
  /** names of the serializers, for messages */
  readonly serializerNames: readonly string[]
}

/** Where the bytes of a record are, and what is around them. */
export interface Source {
  readonly store: Store
  readonly wrappers: readonly Wrapper[]
}

/**
 * The store and wrappers of a record. Records come from a row: whoever can write rows must not be able to make a read do more than fail.
 * Throws `ARTIFACT_CORRUPT` for what makes no sense, `UNKNOWN_STORE`, `UNKNOWN_SERIALIZER` for wrappers of a newer release.
 */
export function sourceOf(record: PatternRecord, context: RecordContext): Source {
  if (!makesSense(record))
    throw new PersistablesError('ARTIFACT_CORRUPT', 'The row’s record of it makes no sense.', { fix: 'Restore the row from a backup.' })
  const store = context.stores.get(record.store)
  if (store === undefined) {
    throw new PersistablesError('UNKNOWN_STORE', `This repository has no store "${record.store}".`, {
      fix: suggest(record.store, context.stores.keys(), 'It has none.'),
    })
  }
  return { store, wrappers: record.wrappers.map(wrapperOf) }
}

/** The serializer of a record, without wrappers. Throws `UNKNOWN_SERIALIZER`. */
export function serializerOf(record: PatternRecord, context: RecordContext): AnySerializer {
  const serializer = context.serializerOf(record.serializer)
  if (serializer !== undefined) return layersOf(serializer).serializer
  throw new PersistablesError('UNKNOWN_SERIALIZER', `This repository has no serializer "${record.serializer}".`, {
    fix: `${suggest(record.serializer, context.serializerNames, '')} Pass it in serializers.`,
  })
}

/** Whether a record is one that may be read: rows may have been tampered with. */
export function makesSense(record: PatternRecord | null | undefined): record is PatternRecord {
  if (typeof record !== 'object' || record === null) return false
  const { store, serializer, wrappers, options = {} } = record
  if (typeof store !== 'string' || typeof serializer !== 'string') return false
  const sizes = [record.size, record.contentSize].every((size) => Number.isSafeInteger(size) && size >= 0)
  if (!sizes || !isDigest(record.digest) || !isDigest(record.contentDigest)) return false
  if (typeof options !== 'object' || options === null || Array.isArray(options)) return false
  if (!Array.isArray(wrappers) || wrappers.length > MAX_WRAPPERS || !wrappers.every((name) => typeof name === 'string')) return false
  return wrappers.length > 0 || (record.digest === record.contentDigest && record.size === record.contentSize)
}

function wrapperOf(name: string): Wrapper {
  const wrapper = knownWrapper(name)
  if (wrapper !== undefined) return wrapper
  throw new PersistablesError('UNKNOWN_SERIALIZER', `It is wrapped in ${JSON.stringify(name.slice(0, 100))}, which this release does not know.`, {
    fix: `Update persistables; this release takes off ${WRAPPER_NAMES.join(', ')}.`,
  })
}
