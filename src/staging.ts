import { type Earlier, earlierOf } from './artifacts/earlier'
import { lanes, together } from './artifacts/lanes'
import { isOneShot } from './artifacts/one-shot'
import { type EncodedArtifact, encodeArtifact } from './artifacts/patterns'
import type { FlowOptions } from './artifacts/progress'
import { type AnySerializer, layersOf, type Pattern } from './artifacts/serializer'
import type { Store } from './artifacts/store'
import { byFullName } from './artifacts/wrappers/known'
import type { Blobs } from './blobs'
import { claimStores } from './claims'
import { companionOf, type NewCompanion } from './companion'
import { type Definition, type Role, roleType, validate } from './definition'
import { checkParentType, checkTags } from './draft'
import { PersistablesError, suggest } from './errors'
import { describe, factsOf, isPersistable } from './facts'
import { draftIdentity, identityHash } from './identity'
import { libraryVersions } from './libraries'
import { identities, labelOf, type Metadata, metadataOf, type ParentNote, type Row, rowIdentity } from './row'
import type { Edge, NewRow } from './rows'
import type { AnyArtifact, AnyDraft, AnySaved } from './shape'
import type { Filepaths, JsonObject } from './types'

/** What staging needs of a repository. */
export interface StagingContext extends FlowOptions {
  readonly project: string
  readonly author: string
  readonly cwd: string
  readonly stores: ReadonlyMap<string, Store>
  readonly serializers: ReadonlyMap<string, AnySerializer>
  readonly blobs: Blobs
  /** the row of the newest version of a draft's name, if there is one */
  readonly newest: (draft: AnyDraft) => Promise<Row | null>
  /** loads a parent that was given by reference */
  readonly resolve: (role: Role, ref: string | { readonly id: string }) => Promise<AnySaved>
}

/** A draft whose bytes are written and pinned: everything but its version is known. */
export interface Staged {
  /** the draft's edits when it was staged */
  readonly edits: number
  readonly row: NewRow
}

const METADATA_LIMIT = 1_000_000

// The row that a draft will have, of a draft that is a parent in the same call.
type KnownRows = (parent: AnyDraft) => NewRow | undefined

interface Plan {
  readonly draft: AnyDraft
  readonly encoded: readonly EncodedArtifact[]
  readonly row: NewRow
}

/**
 * Writes the bytes of drafts and makes their rows: validate, encode and hash, pin, write, then the row. Nothing of it is visible in the registry.
 * Drafts may be parents of each other. Throws what their parts throw; then every temporary file is gone, and bytes already written are gc's.
 *
 * @param staged - drafts that are staged already, and may be parents of these
 */
export async function stage(
  drafts: readonly AnyDraft[],
  context: StagingContext,
  staged: ReadonlyMap<AnyDraft, Staged> = new Map(),
): Promise<Staged[]> {
  const plans = new Map<AnyDraft, Plan>()
  const known = (parent: AnyDraft): NewRow | undefined => (plans.get(parent) ?? staged.get(parent))?.row
  try {
    for (const draft of parentsFirst(drafts)) plans.set(draft, await plan(draft, known, context))
    const blobs = [...plans.values()].flatMap(({ row }) => row.blobs)
    await context.blobs.pinned(blobs, async (pinned) => {
      const held = new Map(pinned.map((blob) => [`${blob.store}/${blob.digest}`, blob]))
      for (const [draft, { row, ...rest }] of plans)
        plans.set(draft, { ...rest, row: { ...row, blobs: row.blobs.map((blob) => held.get(`${blob.store}/${blob.digest}`) ?? blob) } })
      await claimStores(
        blobs.map(({ store }) => store),
        context,
      )
      const shared = lanes()
      const all = [...plans.values()].flatMap(({ encoded }) => encoded)
      await together(
        all.map((artifact) => (signal) => artifact.write({ signal, onProgress: context.onProgress, lanes: shared })),
        context.signal,
      )
    })
  } catch (error) {
    for (const { encoded } of plans.values()) for (const artifact of encoded) await artifact.discard()
    throw error
  }
  return drafts.map((draft) => ({ edits: factsOf(draft).edits, row: (plans.get(draft) as Plan).row }))
}

/** The identity hash that a draft will have. Encodes its source artifacts to know their digests, and writes nothing. */
export async function draftHash(draft: AnyDraft, context: StagingContext): Promise<string> {
  const facts = factsOf(draft)
  const sources = [...facts.definition.artifacts].filter(([, declared]) => declared.source)
  const digests = new Map<string, string>()
  for (const [name, declared] of sources) {
    refuseOneShot(draft, name)
    const encoded = await encode(draft, name, declared, [], context)
    digests.set(name, encoded.contentDigest)
    await encoded.discard()
  }
  const { notes } = await resolveParents(draft, () => undefined, context)
  return identityHash(draft, draftIdentity(draft, Object.fromEntries(digests), identities(notes)))
}

async function plan(draft: AnyDraft, known: KnownRows, context: StagingContext): Promise<Plan> {
  const facts = factsOf(draft)
  const { definition } = facts
  const state = stateOf(draft)
  const tags = checkTags(facts.tags)
  const companion = companionIn(draft)
  const { notes, edges } = await resolveParents(draft, known, context)
  const wanted = [...definition.artifacts].map(([name, declared]) => ({ name, declared, patterns: patternsOf(draft, name, declared, context) }))
  const missing = wanted.filter(({ name }) => !facts.values.has(name)).map(({ name }) => `"${name}"`)
  if (missing.length > 0) {
    throw new PersistablesError('ARTIFACT_MISSING', `${describe(draft)} has no value for ${missing.join(', ')}.`, {
      fix: `Give it one before saving: draft.set(${missing[0]?.replaceAll('"', "'")}, …). A stream can be saved once; after a failed save it must be set anew.`,
      details: { missing },
    })
  }
  // Asked for once, however many artifacts want to know, and only when one does.
  let newest: Promise<Row | null> | undefined
  const filepaths = async (): Promise<Filepaths | undefined> => {
    newest ??= context.newest(draft)
    return (await newest)?.filepaths
  }
  const encoded: EncodedArtifact[] = []
  try {
    for (const { name, declared, patterns } of wanted)
      encoded.push(await encode(draft, name, declared, patterns, context, earlierOf(name, context.stores, filepaths)))
    return { draft, encoded, row: newRow(draft, { state, tags, notes, edges, encoded, wanted, context, companion }) }
  } catch (error) {
    for (const artifact of encoded) await artifact.discard()
    throw error
  }
}

/** A draft's state in normal form, validated again: it may have been changed since. Throws `INVALID_CONFIG`. */
function stateOf(draft: AnyDraft): JsonObject {
  const facts = factsOf(draft)
  const state = validate(facts.definition.state, facts.state, 'state', describe(draft)).json
  // `$` in the normal form: the state has a key `$` or `__proto__`, and what the registry adds beside it would make it unreadable.
  const taken = ['save_patterns', '$'].find((key) => Object.hasOwn(state, key))
  if (taken === undefined) return state
  throw new PersistablesError(
    'INVALID_CONFIG',
    `The state of ${describe(draft)} has a member ${taken === '$' ? '"$" or "__proto__"' : `"${taken}"`}, which the registry keeps for itself.`,
    {
      fix: 'Call it something else, or put it one level deeper.',
    },
  )
}

/** What was staged, with the state and tags that the draft has now: they may be changed until it is saved, and need no bytes. */
export function refreshed(draft: AnyDraft, { row, edits }: Staged): Staged {
  const patterns = metadataOf(row).state?.save_patterns ?? {}
  const metadata = { ...row.metadata, state: { ...stateOf(draft), save_patterns: patterns } } as unknown as JsonObject
  const now = { ...row, metadata, tags: checkTags(factsOf(draft).tags), ...companionIn(draft) }
  return { edits, row: { ...now, hash: identityHash(draft, rowIdentity(now)) } }
}

// As it is at the time of saving, like the state.
function companionIn(draft: AnyDraft): { readonly companion?: NewCompanion } {
  const { definition, columns } = factsOf(draft)
  return definition.columns === undefined ? {} : { companion: companionOf(definition.columns, columns, describe(draft)) }
}

interface Parts {
  readonly companion: { readonly companion?: NewCompanion }
  readonly state: JsonObject
  readonly tags: Readonly<Record<string, string>>
  readonly notes: Metadata['parents']
  readonly edges: readonly Edge[]
  readonly encoded: readonly EncodedArtifact[]
  readonly wanted: readonly { name: string; patterns: readonly Pattern[] }[]
  readonly context: StagingContext
}

function newRow(draft: AnyDraft, { state, tags, notes, edges, encoded, wanted, context, companion }: Parts): NewRow {
  const facts = factsOf(draft)
  const digests = Object.fromEntries(encoded.map(({ artifact, contentDigest }) => [artifact, contentDigest]))
  const sources = [...facts.definition.artifacts].filter(([, declared]) => declared.source).map(([name]) => name)
  const patterns = Object.fromEntries(wanted.map(({ name, patterns }) => [name, patterns.map((pattern) => pattern.name)]))
  const metadata: Metadata = {
    config: facts.config.json,
    state: { ...state, save_patterns: patterns } as Metadata['state'],
    revision: facts.revision,
    digests,
    sources,
    parents: notes,
    library_versions: libraryVersions(context.cwd),
  }
  checkSize(draft, metadata)
  const now = new Date()
  return {
    id: facts.id,
    type: facts.definition.type,
    registeredName: draft.registeredName,
    project: facts.project ?? context.project,
    name: facts.name,
    author: facts.author ?? context.author,
    versionDescription: facts.versionDescription,
    hash: identityHash(draft, draftIdentity(draft, pick(digests, sources), identities(notes))),
    hasExternalFiles: encoded.length > 0,
    filepaths: Object.fromEntries(encoded.map(({ artifact, records }) => [artifact, records])) as Filepaths,
    metadata: metadata as unknown as JsonObject,
    createdAt: now,
    modifiedAt: now,
    tags,
    edges,
    blobs: encoded.flatMap(({ blobs }) => blobs),
    ...companion,
  }
}

function checkSize(draft: AnyDraft, metadata: Metadata): void {
  const size = Buffer.byteLength(JSON.stringify(metadata))
  if (size <= METADATA_LIMIT) return
  throw new PersistablesError(
    'INVALID_CONFIG',
    `Config, state and parents of ${describe(draft)} take ${size} bytes together, and the limit is ${METADATA_LIMIT}.`,
    {
      fix: 'Keep large values in an artifact.',
      details: { size, limit: METADATA_LIMIT },
    },
  )
}

function pick(digests: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, digests[name] ?? '']))
}

// The class's patterns, or those that the instance chose by name, in its order.
function patternsOf(draft: AnyDraft, artifact: string, declared: AnyArtifact, context: StagingContext): readonly Pattern[] {
  const chosen = factsOf(draft).savePatterns.get(artifact)
  if (chosen === undefined) return declared.patterns
  const own = new Map<string, AnySerializer>()
  for (const { serializer } of declared.patterns)
    for (const each of [serializer, layersOf(serializer).serializer]) if (!own.has(each.name)) own.set(each.name, each)
  return chosen.map((name): Pattern => {
    const known = declared.patterns.find((pattern) => pattern.name === name)
    if (known !== undefined) return known
    const [store = '', serializerName = ''] = name.split('_')
    const serializer = byFullName(serializerName, (wanted) => own.get(wanted) ?? context.serializers.get(wanted))
    if (serializer === undefined) {
      throw new PersistablesError(
        'UNKNOWN_SERIALIZER',
        `The pattern ${name} of ${describe(draft)} needs a serializer "${serializerName}", and there is none.`,
        {
          fix: `${suggest(serializerName, context.serializers.keys(), '')} Pass it in serializers: openRepository({ serializers: [ … ] }).`,
          details: { serializer: serializerName, known: [...context.serializers.keys()] },
        },
      )
    }
    return { name, store, serializer }
  })
}

async function encode(
  draft: AnyDraft,
  artifact: string,
  declared: AnyArtifact,
  patterns: readonly Pattern[],
  context: StagingContext,
  earlier?: Earlier,
): Promise<EncodedArtifact> {
  const { values } = factsOf(draft)
  const value = values.get(artifact)
  const first = declared.patterns[0] ?? patterns[0]
  // Whatever happens now, a stream that was begun cannot be begun again: another save must be given a new one, not an empty rest.
  if (isOneShot(value)) values.delete(artifact)
  return encodeArtifact(
    { artifact, value, patterns, declared: (first as Pattern).serializer, earlier },
    { stores: context.stores, label: describe(draft), signal: context.signal, onProgress: context.onProgress },
  )
}

function refuseOneShot(draft: AnyDraft, artifact: string): void {
  if (!isOneShot(factsOf(draft).values.get(artifact))) return
  throw new PersistablesError(
    'INVALID_ARTIFACT',
    `The source artifact "${artifact}" of ${describe(draft)} is a stream, and hashing would use it up.`,
    {
      fix: 'Save it, or set a value that can be read twice: an array, bytes, or an object with [Symbol.asyncIterator]() that begins anew.',
    },
  )
}

async function resolveParents(
  draft: AnyDraft,
  known: KnownRows,
  context: StagingContext,
): Promise<{ notes: Record<string, readonly ParentNote[]>; edges: Edge[] }> {
  const facts = factsOf(draft)
  const notes = new Map<string, readonly ParentNote[]>()
  const edges: Edge[] = []
  for (const [role, given] of facts.parents) {
    const list: ParentNote[] = []
    for (const [position, one] of given.entries()) {
      const parent = isPersistable(one) ? one : await context.resolve(facts.definition.parents.get(role) as Role, one as string | { id: string })
      checkParentType(describe(draft), role, facts.definition.parents.get(role) as Role, parent)
      const row: Pick<Row, 'id' | 'hash' | 'metadata'> | undefined = factsOf(parent).row ?? known(parent as AnyDraft)
      if (row === undefined) throw unsavedParent(draft, role, parent as AnyDraft, facts.definition)
      const saved = factsOf(parent).row
      const { digests = {} } = metadataOf(row)
      list.push({ id: row.id, hash: row.hash, artifacts: digests })
      edges.push({ role, position, parentId: row.id, parentHash: row.hash, parentLabel: saved === undefined ? null : labelOf(saved) })
    }
    notes.set(role, list)
  }
  return { notes: Object.fromEntries(notes), edges }
}

function unsavedParent(draft: AnyDraft, role: string, parent: AnyDraft, definition: Definition): PersistablesError {
  const type = roleType(definition.parents.get(role) as Role)
  return new PersistablesError('NOT_SAVED', `The parent "${role}" of ${describe(draft)} is a draft: ${describe(parent)}.`, {
    fix: `Save the ${type} first, or both at once with repo.saveMany([parent, child]).`,
    details: { role, parent: describe(parent) },
  })
}

// Depth-first, so that a parent's hash is known before its children's. Throws when drafts are parents of each other in a circle.
function parentsFirst(drafts: readonly AnyDraft[]): AnyDraft[] {
  const given = new Set(drafts)
  const done = new Set<AnyDraft>()
  const open = new Set<AnyDraft>()
  const visit = (draft: AnyDraft): void => {
    if (done.has(draft)) return
    if (open.has(draft)) throw new PersistablesError('INVALID_REF', `${describe(draft)} is its own ancestor.`, { fix: 'Lineage has no circles.' })
    open.add(draft)
    for (const list of factsOf(draft).parents.values()) for (const parent of list) if (given.has(parent as AnyDraft)) visit(parent as AnyDraft)
    open.delete(draft)
    done.add(draft)
  }
  for (const draft of drafts) visit(draft)
  return [...done]
}
