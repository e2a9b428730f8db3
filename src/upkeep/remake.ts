import { exactBytes } from '../artifacts/intact'
import { sourceOf } from '../artifacts/record'
import type { Store } from '../artifacts/store'
import { verifiedContent } from '../artifacts/verified'
import { type Wrapper, wrapAll } from '../artifacts/wrapper'
import { PersistablesError, reason } from '../errors'
import type { PatternRecord } from '../types'
import { place, type RepairContext, type Repaired } from './repair'

/** What bytes are made anew from. */
export interface Remaking {
  /** of the damaged pattern */
  readonly record: PatternRecord
  /** around its content, innermost first */
  readonly wrappers: readonly Wrapper[]
  /** the other patterns of the artifact, by name, in the order to try them */
  readonly others: readonly (readonly [string, PatternRecord])[]
}

/**
 * Puts a blob right from another pattern that keeps the same content in other wrappers: the content is unwrapped, verified, and wrapped as the damaged pattern does. Only
 * bytes of the blob's own sha256 reach its place: another release of a compressor may make others, and then nothing is done. Throws nothing but the signal's reason.
 */
export async function remakeBlob(store: Store, { record, wrappers, others }: Remaking, context: RepairContext): Promise<Repaired> {
  const { signal } = context
  const tried: string[] = []
  for (const [pattern, other] of others) {
    if (other?.contentDigest !== record.contentDigest || (other.store === record.store && other.digest === record.digest)) continue
    try {
      const source = sourceOf(other, { stores: context.stores, serializerOf: () => undefined, serializerNames: [] })
      const content = () => verifiedContent(source, other, 0, { signal, onUnusable: () => undefined })
      const read = () =>
        exactBytes(
          wrapAll(content(), wrappers),
          record,
          (how) => new PersistablesError('ARTIFACT_CORRUPT', how, { details: { digest: record.digest } }),
        )
      // Before anything is put aside for it.
      for await (const _ of read());
      const pins = [record, other].map(({ store: name, digest, size }) => ({ store: name, digest, size }))
      return await context.blobs.pinned(pins, () => place(store, record, { name: `the pattern ${pattern}`, read }, context))
    } catch (error) {
      signal?.throwIfAborted()
      tried.push(`${pattern}: ${reason(error)}`)
    }
  }
  const why = tried.length === 0 ? 'No other pattern keeps the same content.' : `No other pattern could give the content: ${tried.join('; ')}`
  return { done: false, reason: why, quarantined: null }
}
