import { Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { rechunked } from './chunks'

/** Wrappers around one serializer, at most: rows that claim more were tampered with. */
export const MAX_WRAPPERS = 8

/** Bytes that a wrapper is given at once: what it gives must not depend on the pieces in which the content happened to come. */
const PIECE = 256 << 10

/** Turns content bytes into fewer, and back: what lies between a serializer and a store. */
export interface Wrapper {
  /** what rows and pattern names call it: `[a-z][a-z0-9-]*` */
  readonly name: string
  /** equal content gives equal bytes */
  wrap(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
  /** throws what the codec throws where the bytes are none of its own */
  unwrap(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
}

/** Content on its way through wrappers, innermost first. */
export function wrapAll(source: AsyncIterable<Uint8Array>, wrappers: readonly Wrapper[]): AsyncIterable<Uint8Array> {
  return wrappers.reduce((inner, wrapper) => wrapper.wrap(rechunked(inner, PIECE)), source)
}

/** Stored bytes on their way back through the same wrappers. */
export function unwrapAll(source: AsyncIterable<Uint8Array>, wrappers: readonly Wrapper[]): AsyncIterable<Uint8Array> {
  return wrappers.reduceRight((outer, wrapper) => wrapper.unwrap(outer), source)
}

/** What `transform` makes of `source`. When the reader stops early or anything fails, both are closed before this returns. */
export async function* through(source: AsyncIterable<Uint8Array>, transform: Transform): AsyncGenerator<Uint8Array, void, undefined> {
  // a failure of the source destroys the transform with it, so that the loop below throws it
  const feeding = pipeline(Readable.from(source, { objectMode: true, highWaterMark: 1 }), transform).catch(() => undefined)
  try {
    for await (const chunk of transform) yield chunk as Uint8Array
  } finally {
    transform.destroy()
    await feeding
  }
}
