import { isPersistablesError, PersistablesError, reason, suggest } from '../errors'
import type { ChunksRecord, PatternRecord } from '../types'
import type { Body } from './body'
import { CHUNK_SIZE } from './chunks'
import type { Earlier } from './earlier'
import { type Lanes, lanes, together } from './lanes'
import { IN_MEMORY, inPieces, type Made, make, type Place, type Subject, sameAgain, wantedOf } from './made'
import { isOneShot } from './one-shot'
import { counted, type Flow, type FlowOptions, flowOf, type Progress } from './progress'
import { type AnySerializer, layersOf, type Pattern } from './serializer'
import type { Blob, Store } from './store'

/** One artifact to be written. */
export interface ArtifactDraft {
  readonly artifact: string
  readonly value: unknown
  /** in the order they are read */
  readonly patterns: readonly Pattern[]
  /** the first serializer that the class declares: its bytes, without wrappers, give the content digest, also when no pattern uses it */
  readonly declared: AnySerializer
  /** what an earlier version kept: content that can be read again and is the same is not written to a temporary file first */
  readonly earlier?: Earlier | undefined
}

/** What writing needs to know. */
export interface WriteContext extends FlowOptions {
  readonly stores: ReadonlyMap<string, Store>
  /** what messages call the owner, e.g. `Classifier/clf` */
  readonly label: string
}

/** Options of {@link EncodedArtifact.write}. */
export interface WriteOptions extends FlowOptions {
  /** shared by all that write at the same time. @defaultValue lanes of its own */
  readonly lanes?: Lanes
}

/** An artifact whose bytes are known and hashed, and not visible in any store yet. Exactly one of write and discard is called. */
export interface EncodedArtifact {
  readonly artifact: string
  /** sha256 of the declared serializer's bytes */
  readonly contentDigest: string
  /** pattern name → what the row keeps */
  readonly records: Readonly<Record<string, PatternRecord>>
  /** everything that `write` writes, chunk checksums too, each once per store */
  readonly blobs: readonly (Blob & { readonly store: string })[]
  /**
   * Writes to every pattern's store at the same time; what is there already is not written again. When one fails the others are cancelled and awaited, and
   * `STORE_FAILED` names artifact, pattern and store.
   */
  write(options?: WriteOptions): Promise<void>
  /** Removes temporary files; never throws. */
  discard(): Promise<void>
}

/**
 * Encodes a value once per serializer, however many stores and wrappers keep it, and hashes the bytes. Streams go through a store that can spool, else through a
 * temporary file; nothing becomes visible before `write`.
 *
 * Throws `INVALID_ARTIFACT` for values that do not fit or change meanwhile, `UNKNOWN_STORE` with near names, `STORE_FAILED`.
 *
 * @example
 * const encoded = await encodeArtifact({ artifact: 'rows', value, patterns, declared }, { stores, label: 'Dataset/iris' })
 * await encoded.write()
 */
export async function encodeArtifact(draft: ArtifactDraft, context: WriteContext): Promise<EncodedArtifact> {
  const places = draft.patterns.map((pattern): Place => ({ pattern, store: storeOf(pattern, draft, context) }))
  const declared = layersOf(draft.declared).serializer
  const wanted = wantedOf(places, declared)
  if (wanted.size > 1 && isOneShot(draft.value)) throw readTwice(draft, context, [...wanted.keys()])

  const flow = flowOf(context)
  const made = new Map<string, Made>()
  const spools: Body[] = []
  const discard = async (): Promise<void> => {
    for (const { spool } of spools) await spool?.discard()
  }
  try {
    const subject: Subject = { artifact: draft.artifact, label: context.label, value: draft.value, flow, earlier: draft.earlier }
    for (const [name, each] of wanted) made.set(name, await make(each, subject, (spooled) => spools.push(spooled)))
    // Each serializer reads the value for itself.
    if (wanted.size > 1 && !(await sameAgain(declared, subject, made.get(declared.name) as Made))) throw changed(draft, context, [...made.keys()])
  } catch (error) {
    await discard()
    throw flow.signal?.aborted ? flow.signal.reason : error
  }
  const of = ({ serializer }: Pattern): Made => made.get(layersOf(serializer).serializer.name) as Made
  const bodyOf = (pattern: Pattern): Body => of(pattern).forms.get(pattern.serializer.name) as Body
  const blobs = places.flatMap(({ pattern, store }) =>
    [bodyOf(pattern), bodyOf(pattern).sums].flatMap((blob) => (blob ? [{ store: store.name, digest: blob.digest, size: blob.size }] : [])),
  )
  return {
    artifact: draft.artifact,
    contentDigest: (made.get(declared.name) as Made).content.digest,
    records: Object.fromEntries(draft.patterns.map((pattern) => [pattern.name, recordOf(pattern, of(pattern), bodyOf(pattern))])),
    blobs: [...new Map(blobs.map((blob) => [`${blob.store}/${blob.digest}`, blob])).values()],
    async write(options = {}) {
      const flow = flowOf(options)
      const shared = options.lanes ?? lanes()
      const bodies = new Set(draft.patterns.map(bodyOf))
      const kept = (body: Body): Place[] => places.filter(({ pattern }) => bodyOf(pattern) === body)
      try {
        await together(
          [...bodies].map((body) => (signal) => writeBody(body, kept(body), draft, context, { signal, report: flow.report }, shared)),
          flow.signal,
        )
      } catch (error) {
        throw flow.signal?.aborted ? flow.signal.reason : error
      } finally {
        await discard()
      }
    },
    discard,
  }
}

// The spool's own store comes last: until then the others read the spool.
async function writeBody(
  body: Body,
  places: readonly Place[],
  draft: ArtifactDraft,
  context: WriteContext,
  { signal, report }: Flow,
  shared: Lanes,
): Promise<void> {
  const last = body.spool === undefined ? undefined : places.find(({ store }) => store === body.home)
  const write = async (place: Place, signal: AbortSignal | undefined): Promise<void> => {
    const { pattern, store } = place
    const progress = (done: number): Progress => ({
      phase: 'write',
      label: context.label,
      artifact: draft.artifact,
      pattern: pattern.name,
      done,
      total: body.size,
    })
    // at the end it is told in any case: the store may have had the bytes already
    const onBytes = (done: number): void => (done < body.size ? report?.(progress(done)) : undefined)
    const read = report === undefined ? body.read : () => counted(body.read(), onBytes)
    try {
      await shared.use(Math.min(body.size, IN_MEMORY), signal, async () => {
        const { sums } = body
        if (sums !== undefined) await store.put(sums, () => inPieces(sums.bytes), { signal })
        if (place === last) await body.spool?.commit()
        else await store.put(body, read, { signal })
      })
    } catch (error) {
      throw signal?.aborted ? error : writeFailed(error, draft, pattern, context)
    }
    report?.(progress(body.size))
  }
  await together(
    places.filter((place) => place !== last).map((place) => (own) => write(place, own)),
    signal,
  )
  if (last !== undefined) await write(last, signal)
}

function recordOf(pattern: Pattern, { content, options }: Made, body: Body): PatternRecord {
  const { serializer, wrappers } = layersOf(pattern.serializer)
  const chunks: ChunksRecord | undefined = body.sums && { digest: body.sums.digest, size: body.sums.size, chunkSize: CHUNK_SIZE }
  return Object.freeze({
    store: pattern.store,
    serializer: serializer.name,
    wrappers: Object.freeze(wrappers.map(({ name }) => name)),
    options,
    digest: body.digest,
    size: body.size,
    contentDigest: content.digest,
    contentSize: content.size,
    ...(chunks !== undefined && { chunks }),
  })
}

function storeOf(pattern: Pattern, draft: ArtifactDraft, context: WriteContext): Store {
  const store = context.stores.get(pattern.store)
  if (store !== undefined) return store
  throw new PersistablesError(
    'UNKNOWN_STORE',
    `The artifact "${draft.artifact}" of ${context.label} goes to the store "${pattern.store}", which this repository does not have.`,
    {
      fix: `${suggest(pattern.store, context.stores.keys(), 'It has none.')} Pass it in stores: openRepository({ stores: [diskStore(dir, { name: '${pattern.store}' })] }).`,
      details: { artifact: draft.artifact, pattern: pattern.name, store: pattern.store, known: [...context.stores.keys()] },
    },
  )
}

function readTwice(draft: ArtifactDraft, context: WriteContext, serializers: readonly string[]): PersistablesError {
  return new PersistablesError(
    'INVALID_ARTIFACT',
    `The value of "${draft.artifact}" of ${context.label} can be read once, and ${serializers.join(' and ')} would each read it.`,
    {
      fix: 'Set a value that can be read twice: an array, bytes, or an object with [Symbol.asyncIterator]() that begins anew.',
      details: { artifact: draft.artifact, serializers },
    },
  )
}

function changed(draft: ArtifactDraft, context: WriteContext, serializers: readonly string[]): PersistablesError {
  return new PersistablesError(
    'INVALID_ARTIFACT',
    `The value of "${draft.artifact}" of ${context.label} changed while ${serializers.join(' and ')} read it, so they would keep different ones.`,
    { fix: 'Leave it alone until the save is over, or pass a copy.', details: { artifact: draft.artifact, serializers } },
  )
}

function writeFailed(error: unknown, draft: ArtifactDraft, pattern: Pattern, context: WriteContext): PersistablesError {
  // What is read again for the store may have changed since it was hashed.
  for (let at: unknown = error; at instanceof Error; at = at.cause) if (isPersistablesError(at, 'INVALID_ARTIFACT')) return at
  return new PersistablesError(
    'STORE_FAILED',
    `The artifact "${draft.artifact}" of ${context.label} could not be written by the pattern ${pattern.name}: ${reason(error)}`,
    {
      details: {
        artifact: draft.artifact,
        pattern: pattern.name,
        store: pattern.store,
        ...(isPersistablesError(error) && { ...error.details, code: error.code }),
      },
      cause: error,
    },
  )
}
