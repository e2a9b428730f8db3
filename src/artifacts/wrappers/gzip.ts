import { createGunzip, createGzip } from 'node:zlib'
import type { PatternSerializer, Serializer } from '../serializer'
import { through, type Wrapper } from '../wrapper'
import { level } from './level'
import { wrap } from './wrap'

const CHUNK = 64 << 10

/** Options of {@link gzip}. */
export interface GzipOptions {
  /** 1 (fast) to 9 (small). @defaultValue 6 */
  readonly level?: number
}

/**
 * Keeps what a serializer writes gzipped. The content digest, and so every identity hash, stays that of the bytes inside. Throws `INVALID_OPTION`.
 *
 * @example
 * artifacts: { rows: source(gzip(ndjson<Row>()).to('disk')) } // the pattern disk_ndjson-gzip
 */
export function gzip<Out, In>(inner: Serializer<Out, In>, options: GzipOptions = {}): PatternSerializer<Out, In> {
  return wrap(inner, gzipWrapper(level('gzip', options.level ?? 6, 1, 9)))
}

/** @internal */
export function gzipWrapper(strength = 6): Wrapper {
  return Object.freeze({
    name: 'gzip',
    wrap: (source: AsyncIterable<Uint8Array>) => anySystem(through(source, createGzip({ level: strength, chunkSize: CHUNK }))),
    unwrap: (source: AsyncIterable<Uint8Array>) => through(source, createGunzip({ chunkSize: CHUNK })),
  })
}

// Byte 9 of the header says which system wrote it: left as it is, equal content would give different bytes on Linux and macOS.
async function* anySystem(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let at = 0
  for await (const chunk of source) {
    if (at <= 9 && at + chunk.length > 9) chunk[9 - at] = 255
    at += chunk.length
    yield chunk
  }
}
