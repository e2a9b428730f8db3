import { Blob as NodeBlob } from 'node:buffer'
import type { Readable } from 'node:stream'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import { types } from 'node:util'
import type { PatternSerializer } from '../serializer'
import { serializer } from './custom'
import { kindOf, unfit } from './unfit'
import { toUtf8 } from './utf8'

/** What {@link bytes} takes: bytes whole or as a stream. Strings become UTF-8. */
export type ByteSource =
  | Uint8Array
  | ArrayBuffer
  | string
  | Blob
  | NodeBlob
  | Readable
  | ReadableStream
  | NodeReadableStream
  | AsyncIterable<Uint8Array | string>

/**
 * Bytes as they are. Streams are written as they come, in little memory, and are read once: a value that is to be saved twice must be re-readable. Gives a
 * `Uint8Array` of its own; for large artifacts use `stream(name)`. Whole bytes are copied when the save begins; pass a stream to save much in little memory.
 *
 * Throws `INVALID_ARTIFACT` for other values, for typed arrays other than `Uint8Array` (whose bytes depend on the machine), and for streams that were read,
 * locked or destroyed before.
 *
 * @example
 * artifacts: { image: artifact(bytes().to('disk')) }
 * draft.set('image', createReadStream('cat.png'))
 */
export function bytes(): PatternSerializer<Uint8Array, ByteSource> {
  return serializer<Uint8Array, ByteSource>({
    name: 'bytes',
    encode: (value) => ({ bytes: bytesOf(value) }),
    async decode(content) {
      const whole = await content.bytes()
      // a Buffer may be a window onto memory that it shares with others
      const own = whole.byteLength === whole.buffer.byteLength && !Buffer.isBuffer(whole)
      return own ? whole : new Uint8Array(whole)
    },
  })
}

function bytesOf(value: unknown): Uint8Array | AsyncIterable<Uint8Array> {
  if (typeof value === 'string') return toUtf8('bytes', value)
  // copied: the caller may write into them before they are stored, and then they would not fit their digest any more
  if (types.isUint8Array(value)) return new Uint8Array(value)
  if (types.isAnyArrayBuffer(value)) return new Uint8Array(new Uint8Array(value))
  if (ArrayBuffer.isView(value)) {
    throw unfit(
      'bytes',
      `bytes() does not take ${kindOf(value)}, whose bytes depend on the machine.`,
      'Pass new Uint8Array(x.buffer, x.byteOffset, x.byteLength) if that is meant.',
    )
  }
  if (typeof value === 'object' && value !== null) {
    if (isBlob(value)) return chunks(readerOf(value.stream()))
    refuseSpent(value)
    if (isAsyncIterable(value)) return chunks(value)
    if (isWebStream(value)) return chunks(readerOf(value))
  }
  throw unfit('bytes', `bytes() takes bytes, a string, a Blob or a stream, not ${kindOf(value)}.`, 'Use json() for values.')
}

interface WebStream {
  readonly locked: boolean
  getReader(): { read(): Promise<{ done: boolean; value?: unknown }>; cancel(): Promise<void>; releaseLock(): void }
}

function isBlob(value: object): value is { stream(): WebStream } {
  return (
    value instanceof NodeBlob ||
    (typeof (value as Blob).stream === 'function' && typeof (value as Blob).arrayBuffer === 'function' && typeof (value as Blob).size === 'number')
  )
}

function isWebStream(value: object): value is WebStream {
  return typeof (value as Partial<WebStream>).getReader === 'function'
}

function isAsyncIterable(value: object): value is AsyncIterable<unknown> {
  return typeof (value as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function'
}

// What was read before would be saved without its beginning, or as nothing at all.
function refuseSpent(value: object): void {
  const { readableDidRead, destroyed, readableEnded, locked } = value as Partial<Readable> & Partial<WebStream>
  if (readableDidRead !== true && destroyed !== true && readableEnded !== true && locked !== true) return
  throw unfit(
    'bytes',
    'The stream was read, locked or destroyed before it was saved.',
    'Pass a fresh one: createReadStream(path), or the bytes themselves.',
  )
}

async function* readerOf(stream: WebStream): AsyncGenerator<unknown, void, undefined> {
  const reader = stream.getReader()
  let finished = false
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) {
        finished = true
        return
      }
      yield value
    }
  } finally {
    if (!finished) await reader.cancel().catch(() => undefined)
    reader.releaseLock()
  }
}

async function* chunks(source: AsyncIterable<unknown>): AsyncGenerator<Uint8Array, void, undefined> {
  // a pair of surrogates may be split between two strings
  let held = ''
  for await (const chunk of source) {
    if (typeof chunk === 'string') {
      const whole = held + chunk
      held = /[\uD800-\uDBFF]$/.test(whole) ? whole.slice(-1) : ''
      const ready = held === '' ? whole : whole.slice(0, -1)
      if (ready !== '') yield toUtf8('bytes', ready)
      continue
    }
    if (held !== '') yield toUtf8('bytes', held)
    if (types.isUint8Array(chunk)) yield chunk
    else if (types.isAnyArrayBuffer(chunk)) yield new Uint8Array(chunk)
    else throw unfit('bytes', `The stream gives ${kindOf(chunk)} among its chunks.`, 'A stream of bytes gives Uint8Array or string chunks.')
  }
  if (held !== '') yield toUtf8('bytes', held)
}
