import { factsOf } from './facts'
import { hashNormal } from './hash'
import { MAX_BYTES, MAX_DEPTH, normalize } from './normal'
import type { AnyDraft, AnySaved, IdentityFacts } from './shape'

/** The identity hash of an instance, from its identity facts. Throws `UNHASHABLE` when `identity()` gives what has no normal form. */
export function identityHash(instance: AnyDraft | AnySaved, facts: IdentityFacts): string {
  const identity = (instance as AnyDraft).identity(facts)
  // Roomier than the limits of config, which is one part of it: what could be stored can be hashed.
  return hashNormal(normalize(identity, { what: 'identity', code: 'UNHASHABLE', maxBytes: 4 * MAX_BYTES, maxDepth: MAX_DEPTH + 10 }))
}

/** The identity facts of a draft, once the content of its sources and its parents are known. */
export function draftIdentity(draft: AnyDraft, sources: IdentityFacts['sources'], parents: IdentityFacts['parents']): IdentityFacts {
  const { definition, revision, config } = factsOf(draft)
  return { type: definition.type, registeredName: draft.registeredName, revision, config: config.json, sources, parents }
}
