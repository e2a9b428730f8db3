/** A JSON value. Config, state and everything stored as JSON is one of these after {@link normalize}. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** A JSON object. */
export type JsonObject = { readonly [key: string]: Json }

/** Where warnings and notes go. `console` fits; default: warnings to `console.warn`, the rest dropped. */
export interface Logger {
  debug?(message: string, facts?: Readonly<Record<string, unknown>>): void
  info?(message: string, facts?: Readonly<Record<string, unknown>>): void
  warn(message: string, facts?: Readonly<Record<string, unknown>>): void
}

/** `T` with every member read-only, all the way down. */
export type DeepReadonly<T> = T extends (infer E)[]
  ? readonly DeepReadonly<E>[]
  : T extends Date | RegExp | ((...args: never) => unknown) | ArrayBufferView | ArrayBuffer
    ? T
    : T extends Map<infer K, infer V>
      ? ReadonlyMap<DeepReadonly<K>, DeepReadonly<V>>
      : T extends Set<infer E>
        ? ReadonlySet<DeepReadonly<E>>
        : T extends object
          ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
          : T

/** What one pattern's bytes are, as the row's `filepaths` keeps it. */
export interface PatternRecord {
  /** name of the store that holds the bytes */
  readonly store: string
  /** name of the serializer that wrote them */
  readonly serializer: string
  /** names of the wrappers around the serializer, innermost first, e.g. `['gzip']` */
  readonly wrappers: readonly string[]
  /** the serializer's own notes that decode needs, e.g. a dtype and shape */
  readonly options: JsonObject
  /** sha256 of the bytes as stored, 64 lower-case hex digits */
  readonly digest: string
  /** number of bytes as stored */
  readonly size: number
  /** sha256 of the serializer's bytes before any wrapper */
  readonly contentDigest: string
  /** number of those bytes */
  readonly contentSize: number
  /** checksums per chunk, in a blob of its own beside the bytes; only for blobs above one chunk */
  readonly chunks?: ChunksRecord
}

/** Where the chunk checksums of a blob are: CRC32s, 4 bytes little-endian each, one per `chunkSize` bytes of the stored blob. */
export interface ChunksRecord {
  readonly digest: string
  readonly size: number
  readonly chunkSize: number
}

/** The row's `filepaths`: artifact name → pattern name (`<store>_<serializer>`) → what is there. */
export type Filepaths = { readonly [artifact: string]: { readonly [pattern: string]: PatternRecord } }
