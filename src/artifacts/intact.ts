import { isPersistablesError, PersistablesError, reason } from '../errors'
import { abortable } from './abort'
import { type Hashing, hashing } from './sha256'
import type { Blob, Store, TransferOptions } from './store'

/** What a blob of a store is like. */
export type Condition =
  | { readonly kind: 'ok' }
  /** `missing`: not there. `corrupt`: other bytes than were saved. `unreadable`: nobody knows, for the store failed */
  | { readonly kind: 'missing' | 'corrupt' | 'unreadable'; readonly reason: string }

/** Options of {@link conditionOf}. */
export interface ConditionOptions extends TransferOptions {
  /** `false` looks at the size alone. @defaultValue true */
  readonly deep?: boolean
  /** sees the number of bytes while they are read */
  readonly onBytes?: ((count: number) => void) | undefined
}

/** Bytes from which on a store is asked for the size first. */
const ASKED = 1 << 20

const OK: Condition = Object.freeze({ kind: 'ok' })
const MISSING: Condition = Object.freeze({ kind: 'missing', reason: 'There is nothing.' })

/** Looks at a blob, and reads all of it unless told otherwise. Throws nothing but the signal's reason. */
export async function conditionOf(store: Store, blob: Blob, { deep = true, signal, onBytes }: ConditionOptions = {}): Promise<Condition> {
  try {
    // Of what is read anyway, the size is learned on the way, unless that would take long.
    if (!deep || blob.size > ASKED) {
      const size = await store.size(blob.digest)
      if (size === null) return MISSING
      if (size !== blob.size) return { kind: 'corrupt', reason: `It has ${size} of ${blob.size} bytes.` }
      if (!deep) return OK
    }
    const how = await differenceIn(store, blob, { signal, onBlock: ({ length }) => onBytes?.(length) })
    return how === null ? OK : { kind: 'corrupt', reason: sentence(how) }
  } catch (error) {
    signal?.throwIfAborted()
    if (isPersistablesError(error, 'ARTIFACT_MISSING')) return MISSING
    if (isPersistablesError(error, 'ARTIFACT_CORRUPT')) return { kind: 'corrupt', reason: reason(error) }
    const size = await store.size(blob.digest).catch(() => undefined)
    return size === null ? MISSING : { kind: 'unreadable', reason: reason(error) }
  }
}

/**
 * The bytes of a blob for another store: one chunk behind, so that who copies them never gets the last of what turns out to be damaged.
 * Throws `ARTIFACT_CORRUPT`, and what the store throws.
 */
export function intactBytes(store: Store, blob: Blob, options: TransferOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
  const details = { store: store.name, digest: blob.digest, place: store.locate(blob.digest) }
  return exactBytes(store.get(blob, options), blob, (how) => new PersistablesError('ARTIFACT_CORRUPT', how, { details }))
}

/** The same bytes, and the error that `refused` makes of what is wrong in place of the last chunk when they are not those of the blob. */
export async function* exactBytes(
  source: AsyncIterable<Uint8Array>,
  blob: Blob,
  refused: (how: string) => PersistablesError,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = hashing()
  let size = 0
  let last: Uint8Array | undefined
  for await (const chunk of hash.on(source)) {
    if (last !== undefined) yield last
    size += chunk.length
    last = chunk
    if (size > blob.size) break
  }
  const how = differenceOf(blob, size, hash)
  if (how !== null) throw refused(sentence(how))
  if (last !== undefined) yield last
}

/** Options of {@link differenceIn}. */
export interface Consuming extends TransferOptions {
  /** gets each block, valid only during the call unless `keeps` is set */
  readonly onBlock: (block: Uint8Array) => void
  /** @defaultValue false */
  readonly keeps?: boolean
}

/** Reads a blob, and says what is wrong with it, in words that complete a sentence; `null` when it is right. Throws what the store throws. */
export async function differenceIn(store: Store, blob: Blob, { signal, onBlock, keeps = false }: Consuming): Promise<string | null> {
  const hash = hashing()
  let size = 0
  for await (const block of hash.on(abortable(store.get(blob, { signal, reuse: !keeps }), signal))) {
    size += block.length
    if (size > blob.size) break
    onBlock(block)
  }
  return differenceOf(blob, size, hash)
}

function differenceOf(blob: Blob, size: number, hash: Hashing): string | null {
  if (size !== blob.size) return ofSize(blob, size)
  return hash.blob().digest === blob.digest ? null : 'its sha256 is another'
}

/** What is wrong with a blob of another size. */
export function ofSize(blob: Blob, size: number): string {
  return size > blob.size ? `it has more than ${blob.size} bytes` : `it has ${size} of ${blob.size} bytes`
}

const sentence = (how: string): string => `${how.charAt(0).toUpperCase()}${how.slice(1)}.`
