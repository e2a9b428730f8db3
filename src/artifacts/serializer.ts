import type { JsonObject } from '../types'
import type { TransferOptions } from './store'
import type { Wrapper } from './wrapper'

/** What encode gives: the bytes whole or as a stream, and notes that decode needs. */
export interface Encoded {
  /** whole bytes, or a stream of chunks that may be one-shot */
  readonly bytes: Uint8Array | AsyncIterable<Uint8Array>
  /** JSON that is kept in the row and handed to decode. @defaultValue {} */
  readonly options?: JsonObject
  /** number of bytes of a stream, where it is known before: for progress */
  readonly size?: number
  /**
   * The same bytes in memory that is used again when the next chunk is asked for, which costs less than new memory for each. Where it is given, it and `bytes` can be
   * read again and again, and give the same each time or throw.
   */
  readonly reused?: AsyncIterable<Uint8Array>
  /** a file of this machine that holds exactly these bytes, which a store on the same disk may clone instead of reading `bytes` */
  readonly path?: string
}

/** Options of {@link Serializer.encode}. */
export interface EncodeOptions {
  /** encode stops when it aborts; streams that encode gives are cut off by whoever reads them */
  readonly signal?: AbortSignal | undefined
}

/**
 * Content bytes as decode gets them: verified, unwrapped, whole or as a stream. Either may be called any number of times, also after decode is over: each call reads
 * anew, and goes on in another pattern of equal content where one fails.
 */
export interface Content {
  /** number of bytes */
  readonly size: number
  /** all of them, in memory, verified by sha256 */
  bytes(): Promise<Uint8Array>
  /**
   * in order from byte `start` (default 0) on, each chunk verified before it is handed on, in little memory; the sha256 of everything is checked at the end by those
   * who read from the beginning to the end
   */
  stream(options?: { readonly start?: number } & TransferOptions): AsyncIterable<Uint8Array>
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
  readonly encode: (value: In, options?: EncodeOptions) => Encoded | Promise<Encoded>
  /** a fresh value on every call: callers own what they get */
  readonly decode: (content: Content) => Out | Promise<Out>
  /** optional power: the elements of what decode gives, one after the other as the bytes come, in little memory; `rows()` of a saved persistable uses it */
  readonly decodeRows?: (content: Content) => AsyncIterable<unknown>
  /** set by `gzip()` and its like: what is inside, and the wrappers around it, innermost first */
  readonly wrapped?: Layers | undefined
}

/** A serializer without its wrappers, and the wrappers. */
export interface Layers {
  readonly serializer: AnySerializer
  readonly wrappers: readonly Wrapper[]
}

/** A serializer of any type of value. */
// biome-ignore lint/suspicious/noExplicitAny: variance slots
export type AnySerializer = Serializer<any, any>

/** A serializer and the store to keep its bytes in: how an artifact is kept. Made by `serializer.to(store)`. */
export interface Pattern<Out = unknown, In = Out> {
  /** `<store>_<serializer>`, e.g. `disk_json`, and its wrappers: `disk_json-gzip` */
  readonly name: string
  readonly store: string
  readonly serializer: Serializer<Out, In>
}

/** A {@link Serializer} as the package's factories make it: `.to('disk')` gives a {@link Pattern}. */
export interface PatternSerializer<Out = unknown, In = Out> extends Serializer<Out, In> {
  /** the pattern that keeps the bytes in the store of that name */
  to(store: string): Pattern<Out, In>
}

/** A serializer apart from its wrappers, of which it may have none. */
export function layersOf(serializer: AnySerializer): Layers {
  return serializer.wrapped ?? { serializer, wrappers: [] }
}
