import type { JsonObject } from '../types'

/** What encode gives: the bytes whole or as a stream, and notes that decode needs. */
export interface Encoded {
  /** whole bytes, or a stream of chunks that may be one-shot */
  readonly bytes: Uint8Array | AsyncIterable<Uint8Array>
  /** JSON that is kept in the row and handed to decode. @defaultValue {} */
  readonly options?: JsonObject
}

/** Content bytes as decode gets them: verified, whole or as a stream. Reading `bytes()` or `stream()` once is enough; either may be called again. */
export interface Content {
  /** number of bytes */
  readonly size: number
  /** all of them, in memory, verified by sha256 */
  bytes(): Promise<Uint8Array>
  /** in order, each chunk verified before it is handed on */
  stream(): AsyncIterable<Uint8Array>
  /** what encode noted */
  readonly options: JsonObject
}

/**
 * Turns values into bytes and back. `decode(encode(x))` equals `x`, and equal values give equal bytes, because digests are of bytes.
 * Nothing that is decoded may run code found in the bytes.
 *
 * @typeParam Out - what decode gives
 * @typeParam In - what encode takes
 */
export interface Serializer<Out = unknown, In = Out> {
  /** what patterns and rows call it: `[a-z][a-z0-9-]*` */
  readonly name: string
  /** throws `INVALID_ARTIFACT` for a value that does not fit */
  readonly encode: (value: In) => Encoded | Promise<Encoded>
  /** a fresh value on every call: callers own what they get */
  readonly decode: (content: Content) => Out | Promise<Out>
}

/** A serializer of any type of value. */
// biome-ignore lint/suspicious/noExplicitAny: variance slots
export type AnySerializer = Serializer<any, any>

/** A serializer and the store to keep its bytes in: how an artifact is kept. Made by `serializer.to(store)`. */
export interface Pattern<Out = unknown, In = Out> {
  /** `<store>_<serializer>`, e.g. `disk_json` */
  readonly name: string
  readonly store: string
  readonly serializer: Serializer<Out, In>
}

/** A {@link Serializer} as the package's factories make it: `.to('disk')` gives a {@link Pattern}. */
export interface PatternSerializer<Out = unknown, In = Out> extends Serializer<Out, In> {
  /** the pattern that keeps the bytes in the store of that name */
  to(store: string): Pattern<Out, In>
}
