import { types } from 'node:util'
import type { JsonObject } from '../types'
import { abortable } from './abort'
import { type Body, bodyOfBytes, bodyOfFile, bodyOfStream, bodyOfUnchanged } from './body'
import { CHUNK_SIZE } from './chunks'
import type { Earlier } from './earlier'
import type { Flow } from './progress'
import { type AnySerializer, type Encoded, layersOf, type Pattern } from './serializer'
import { kindOf, unfit } from './serializers/unfit'
import { blobOf, hashing } from './sha256'
import type { Blob, Store } from './store'
import { type Wrapper, wrapAll } from './wrapper'

/** A pattern and its store. */
export interface Place {
  readonly pattern: Pattern
  readonly store: Store
}

/** What is encoded: whose it is, for progress, and the value. */
export interface Subject {
  readonly artifact: string
  readonly label: string
  readonly value: unknown
  readonly flow: Flow
  readonly earlier?: Earlier | undefined
}

/** What one serializer made of the value, and its forms: as it is and in wrappers, by the serializer's full name. */
export interface Made {
  readonly content: Blob
  readonly options: JsonObject
  readonly forms: ReadonlyMap<string, Body>
}

interface Form {
  readonly wrappers: readonly Wrapper[]
  readonly first: Pattern
  /** the first store of it that can spool */
  readonly home: Store | undefined
}

/** A serializer without wrappers, and which wrappings of it are kept where. */
export interface Wanted {
  readonly serializer: AnySerializer
  readonly forms: Map<string, Form>
}

/** Content that a wrapper makes smaller in memory; what is larger goes through a spool. */
export const IN_MEMORY: number = 8 << 20

/** The serializers that patterns need, each once, and the declared one. */
export function wantedOf(places: readonly Place[], declared: AnySerializer): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>()
  for (const { pattern, store } of places) {
    const { serializer, wrappers } = layersOf(pattern.serializer)
    const { forms } = wanted.get(serializer.name) ?? { forms: new Map() }
    const { first = pattern, home } = forms.get(pattern.serializer.name) ?? {}
    forms.set(pattern.serializer.name, { wrappers, first, home: home ?? (store.spool === undefined ? undefined : store) })
    wanted.set(serializer.name, { serializer, forms })
  }
  if (!wanted.has(declared.name)) wanted.set(declared.name, { serializer: declared, forms: new Map() })
  return wanted
}

/**
 * Runs one serializer, once, and everything that its forms need. `onSpool` is told of each spool as soon as it is there, so that it can be removed whatever happens.
 */
export async function make({ serializer, forms }: Wanted, subject: Subject, onSpool: (body: Body) => void): Promise<Made> {
  const { artifact, label, value } = subject
  const { signal, report } = subject.flow
  signal?.throwIfAborted()
  const encoded = await serializer.encode(value, { signal })
  const { options = {} } = encoded
  const [first] = [...forms.values()]
  const pattern = first?.first.name
  const whole = types.isUint8Array(encoded.bytes) ? encoded.bytes : undefined
  let told = 0
  const onBytes = (done: number): void => {
    // what seemed unchanged and is not is read from its beginning again
    if (pattern === undefined || done <= told) return
    told = done
    report?.({ phase: 'encode', label, artifact, pattern, done, total: encoded.size ?? null })
  }
  const entering = (source: AsyncIterable<unknown>): AsyncIterable<Uint8Array> => onlyBytes(serializer.name, source, report && onBytes)
  const fresh = encoded.bytes as AsyncIterable<unknown>
  // For who is done with a chunk before the next is asked for.
  const { reused = fresh } = encoded
  const keep = <B extends Body | undefined>(body: B): B => {
    if (body?.spool !== undefined) onSpool(body)
    return body
  }
  const plain = forms.get(serializer.name)

  if (whole === undefined && forms.size === 0) return { content: await blobOf(entering(reused), signal), options, forms: new Map() }
  if (whole === undefined && forms.size === 1 && plain === undefined && first !== undefined) {
    // read once, hashed before the wrappers and after them
    const hash = hashing()
    const body = keep(await bodyOfStream(wrapAll(hash.on(entering(fresh)), first.wrappers), first.home, signal))
    return { content: hash.blob(), options, forms: new Map([...forms.keys()].map((name) => [name, body])) }
  }
  const content = keep(
    whole !== undefined
      ? await bodyOfBytes(whole)
      : ((await unchanged(encoded, subject.earlier, signal, (again) => abortable(entering(again), signal))) ??
          (await cloned(encoded, plain?.home, signal)) ??
          (await bodyOfStream(entering(reused), plain?.home, signal))),
  )
  const bodies = new Map<string, Body>()
  for (const [name, { wrappers, home }] of forms) {
    if (wrappers.length === 0) bodies.set(name, content)
    else bodies.set(name, keep(await wrappedBody(content, wrappers, home, signal)))
  }
  return { content, options, forms: bodies }
}

async function unchanged(
  { bytes, reused, size = 0 }: Encoded,
  earlier: Earlier | undefined,
  signal: AbortSignal | undefined,
  entering: (source: AsyncIterable<unknown>) => AsyncIterable<Uint8Array>,
): Promise<Body | undefined> {
  const sums = reused !== undefined && size > CHUNK_SIZE ? await earlier?.(size, signal) : undefined
  return sums && bodyOfUnchanged({ hashed: entering(reused as AsyncIterable<unknown>), read: () => entering(bytes as AsyncIterable<unknown>) }, sums)
}

async function cloned({ path }: Encoded, home: Store | undefined, signal: AbortSignal | undefined): Promise<Body | undefined> {
  return path === undefined ? undefined : bodyOfFile(path, home, signal)
}

async function wrappedBody(content: Body, wrappers: readonly Wrapper[], home: Store | undefined, signal: AbortSignal | undefined): Promise<Body> {
  const source = wrapAll(content.read(), wrappers)
  if (content.size > IN_MEMORY) return bodyOfStream(source, home, signal)
  const parts: Uint8Array[] = []
  for await (const part of source) {
    signal?.throwIfAborted()
    parts.push(part)
  }
  return bodyOfBytes(Buffer.concat(parts))
}

/** Whether a serializer still gives what it gave before: what it reads again tells whether the value was left alone in between. */
export async function sameAgain(serializer: AnySerializer, { value, flow }: Subject, { content }: Made): Promise<boolean> {
  const { bytes } = await serializer.encode(value, { signal: flow.signal })
  const again = types.isUint8Array(bytes) ? await bodyOfBytes(bytes) : await blobOf(bytes, flow.signal)
  return again.digest === content.digest
}

/** Bytes one chunk after the other. */
export async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  for (let start = 0; start < bytes.length; start += CHUNK_SIZE) yield bytes.subarray(start, start + CHUNK_SIZE)
}

async function* onlyBytes(
  serializer: string,
  source: AsyncIterable<unknown>,
  onBytes: ((done: number) => void) | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  let done = 0
  for await (const chunk of source) {
    if (!types.isUint8Array(chunk))
      throw unfit(serializer, `The serializer ${serializer} gives ${kindOf(chunk)} among its chunks.`, 'Each must be a Uint8Array.')
    done += chunk.length
    yield chunk
    onBytes?.(done)
  }
}
