import { createHash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { PersistablesError } from '../errors'
import type { Logger, PatternRecord } from '../types'
import { type Attempts, attempts } from './attempts'
import { CHUNK_SIZE } from './chunks'
import { type Flow, type FlowOptions, flowOf } from './progress'
import { type RecordContext, serializerOf, sourceOf } from './record'
import { type AnySerializer, type Content, layersOf } from './serializer'
import { type Sharing, shared } from './sharing'
import { readUnwrapped, readWhole, verifiedContent } from './verified'

export type { Attempt } from './attempts'
export type { SharedRead } from './sharing'

/** One artifact to be read. */
export interface ReadRequest extends FlowOptions {
  readonly artifact: string
  /** what messages call the owner, e.g. `Classifier/clf@3` */
  readonly label: string
  /** pattern names and records in the order to try them; records come from a row and are not trusted */
  readonly records: readonly NamedRecord[]
  /** decodes whatever the pattern, once, instead of the serializer that the record names */
  readonly serializer?: AnySerializer
  /** reads under way, by what their records say of the bytes: those who ask for the same bytes at the same time share one */
  readonly reading?: Sharing
}

/** A pattern's name and what the row says of it. */
export type NamedRecord = readonly [string, PatternRecord]

/** What reading needs to know. */
export interface ReadContext extends RecordContext {
  readonly logger: Logger
}

/** One reading, with what has failed in it so far. */
interface Reading {
  readonly request: ReadRequest
  readonly context: ReadContext
  readonly flow: Flow
  readonly failed: Attempts
  /** whether the value was handed over: what it reads later is another reading */
  over: boolean
}

/**
 * The value of an artifact from the first pattern whose bytes are intact and decode. One warning names every pattern that failed before it.
 *
 * Throws `ARTIFACT_UNREADABLE` with every attempt when none serves, or the signal's reason.
 */
export async function readArtifact(request: ReadRequest, context: ReadContext): Promise<unknown> {
  const reading = readingOf(request, context)
  const { failed, flow } = reading
  for (const [pattern, record] of request.records) {
    if (failed.has(pattern)) continue
    flow.signal?.throwIfAborted()
    try {
      sourceOf(record, context)
      const serializer = request.serializer === undefined ? serializerOf(record, context) : layersOf(request.serializer).serializer
      const value: unknown = await serializer.decode(contentOf(reading, pattern, record))
      flow.signal?.throwIfAborted()
      failed.warn(pattern)
      reading.over = true
      return value
    } catch (error) {
      if (flow.signal?.aborted) throw flow.signal.reason
      if (!failed.has(pattern)) failed.note(pattern, record, error)
    }
  }
  throw failed.unreadable()
}

/**
 * The content bytes of an artifact. No byte is handed on before it is verified: blobs up to 1 MiB as a whole, larger ones by the checksum of each chunk. When a
 * chunk is damaged, reading goes on at the same place in another pattern of equal content. The sha256 of everything decides at the end.
 *
 * Throws `ARTIFACT_UNREADABLE` with every attempt, `ARTIFACT_CORRUPT` when the whole is wrong though every chunk was right, or the signal's reason.
 */
export async function* streamArtifact(request: ReadRequest, context: ReadContext): AsyncGenerator<Uint8Array, void, undefined> {
  yield* streamed(readingOf(request, context), request.records, 0)
}

/**
 * The elements of an artifact one after the other, decoded from the verified stream, by serializers that can; by others the value is read whole first. Goes on in
 * another pattern as {@link streamArtifact} does. Throws as that does.
 */
export async function* rowsOfArtifact(request: ReadRequest, context: ReadContext): AsyncGenerator<unknown, void, undefined> {
  const reading = readingOf(request, context)
  for (const [pattern, record] of request.records) {
    if (reading.failed.has(pattern)) continue
    let begun = false
    try {
      sourceOf(record, context)
      const serializer = request.serializer === undefined ? serializerOf(record, context) : layersOf(request.serializer).serializer
      const content = contentOf(reading, pattern, record)
      const rows = serializer.decodeRows === undefined ? await serializer.decode(content) : serializer.decodeRows(content)
      if (!isIterable(rows)) {
        throw new PersistablesError('INVALID_ARTIFACT', `The artifact "${request.artifact}" of ${request.label} has no rows.`, {
          fix: 'Read it with artifact().',
        })
      }
      for await (const row of rows) {
        begun = true
        yield row
      }
      return
    } catch (error) {
      if (reading.flow.signal?.aborted) throw reading.flow.signal.reason
      if (begun) throw error
      if (!reading.failed.has(pattern)) reading.failed.note(pattern, record, error)
    }
  }
  throw reading.failed.unreadable()
}

function isIterable(value: unknown): value is Iterable<unknown> | AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
}

function readingOf(request: ReadRequest, context: ReadContext): Reading {
  return { request, context, flow: flowOf(request), failed: attempts(request.artifact, request.label, context.logger), over: false }
}

// The record, then those of equal content: any of them gives the same bytes.
function alike({ request }: Reading, pattern: string, record: PatternRecord): readonly NamedRecord[] {
  const same = request.records.filter(([name, other]) => name !== pattern && other?.contentDigest === record.contentDigest)
  return [[pattern, record], ...same]
}

function contentOf(reading: Reading, pattern: string, record: PatternRecord): Content {
  const records = alike(reading, pattern, record)
  // A value that reads when it is asked, such as a file: what failed before may be mended, and what was to be cancelled is over.
  const later = (signal?: AbortSignal): Reading => {
    const { signal: _, ...request } = reading.request
    return readingOf(signal === undefined ? request : { ...request, signal }, reading.context)
  }
  return {
    size: record.contentSize,
    options: record.options ?? {},
    bytes: () => whole(reading.over ? later() : reading, records),
    async *stream({ start = 0, signal } = {}) {
      if (start > 0 && start >= record.contentSize) return
      const own = reading.over ? later(signal) : reading
      if (start > 0 || record.contentSize > CHUNK_SIZE) return yield* streamed(own, records, start)
      yield await whole(own, records)
    },
  }
}

async function whole(reading: Reading, records: readonly NamedRecord[]): Promise<Uint8Array> {
  const { request, context, flow, failed } = reading
  for (const [pattern, record] of records) {
    if (failed.has(pattern)) continue
    try {
      const source = sourceOf(record, context)
      const { label, artifact } = request
      const { report } = flow
      let told = 0
      const onBytes =
        report &&
        ((done: number) => {
          told = done
          report({ phase: 'read', label, artifact, pattern, done, total: record.contentSize })
        })
      const { digest, size, contentDigest, contentSize, wrappers } = record
      const key = [record.store, digest, size, contentDigest, contentSize, ...wrappers].join('/')
      const bytes = await shared(request.reading, key, flow.signal, (signal) =>
        source.wrappers.length === 0
          ? readWhole(source.store, record, { signal, onBytes })
          : readUnwrapped(source, record, { signal, onBytes, onUnusable: unusable(reading, record) }),
      )
      // of a read that others began, the end is all there is to tell
      if (told < record.contentSize) onBytes?.(record.contentSize)
      if (pattern !== records[0]?.[0]) failed.warn(pattern)
      return bytes
    } catch (error) {
      if (flow.signal?.aborted) throw flow.signal.reason
      failed.note(pattern, record, error)
    }
  }
  throw failed.unreadable()
}

async function* streamed(reading: Reading, records: readonly NamedRecord[], start: number): AsyncGenerator<Uint8Array, void, undefined> {
  const { request, context, flow, failed } = reading
  // What does not begin at the beginning cannot be compared with the digest of everything.
  const hash = start === 0 ? createHash('sha256') : undefined
  let begun: PatternRecord | undefined
  let offset = start
  for (const [pattern, record] of records) {
    flow.signal?.throwIfAborted()
    if (failed.has(pattern)) continue
    try {
      const source = sourceOf(record, context)
      if (begun !== undefined && record.contentDigest !== begun.contentDigest) {
        throw new PersistablesError('ARTIFACT_UNREADABLE', 'Its content is another than the one that reading began with.')
      }
      for await (const chunk of verifiedContent(source, record, offset, { signal: flow.signal, onUnusable: unusable(reading, record) })) {
        hash?.update(chunk)
        offset += chunk.length
        begun = record
        yield chunk
        flow.report?.({ phase: 'read', label: request.label, artifact: request.artifact, pattern, done: offset, total: record.contentSize })
        flow.signal?.throwIfAborted()
        if (offset % (8 * CHUNK_SIZE) === 0) await turn()
      }
    } catch (error) {
      if (flow.signal?.aborted) throw flow.signal.reason
      failed.note(pattern, record, error)
      continue
    }
    if (hash !== undefined && (offset !== record.contentSize || hash.digest('hex') !== record.contentDigest)) {
      throw new PersistablesError(
        'ARTIFACT_CORRUPT',
        `The artifact "${request.artifact}" of ${request.label} is not what was saved, though each of its chunks seemed to be.`,
        {
          fix: 'Drop what was read.',
          details: { artifact: request.artifact, pattern },
        },
      )
    }
    failed.warn(pattern)
    return
  }
  throw failed.unreadable()
}

function unusable({ request, context }: Reading, record: PatternRecord): (why: string) => void {
  return (why) =>
    context.logger.warn(
      `The chunk checksums of "${request.artifact}" of ${request.label} cannot be used (${why}): the bytes are read twice instead.`,
      { artifact: request.artifact, store: record.store },
    )
}
