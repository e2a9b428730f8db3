import { constants, createBrotliCompress, createBrotliDecompress } from 'node:zlib'
import type { PatternSerializer, Serializer } from '../serializer'
import { through, type Wrapper } from '../wrapper'
import { level } from './level'
import { wrap } from './wrap'

const CHUNK = 64 << 10

/** Options of {@link brotli}. */
export interface BrotliOptions {
  /** 0 (fast) to 11 (small, and a hundred times slower). @defaultValue 5 */
  readonly quality?: number
}

/**
 * Keeps what a serializer writes in Brotli: smaller than gzip for text. Everything else is as with `gzip()`. Throws `INVALID_OPTION`.
 *
 * @example
 * artifacts: { report: artifact(brotli(text()).to('disk')) } // the pattern disk_text-brotli
 */
export function brotli<Out, In>(inner: Serializer<Out, In>, options: BrotliOptions = {}): PatternSerializer<Out, In> {
  return wrap(inner, brotliWrapper(level('brotli', options.quality ?? 5, 0, 11)))
}

/** @internal */
export function brotliWrapper(quality = 5): Wrapper {
  const params = { [constants.BROTLI_PARAM_QUALITY]: quality }
  return Object.freeze({
    name: 'brotli',
    wrap: (source: AsyncIterable<Uint8Array>) => through(source, createBrotliCompress({ chunkSize: CHUNK, params })),
    unwrap: (source: AsyncIterable<Uint8Array>) => through(source, createBrotliDecompress({ chunkSize: CHUNK })),
  })
}
