import type { Transform } from 'node:stream'
import zlib from 'node:zlib'
import { PersistablesError } from '../../errors'
import type { PatternSerializer, Serializer } from '../serializer'
import { through, type Wrapper } from '../wrapper'
import { level } from './level'
import { wrap } from './wrap'

const CHUNK = 64 << 10

/** Options of {@link zstd}. */
export interface ZstdOptions {
  /** 1 (fast) to 22 (small). @defaultValue 3 */
  readonly level?: number
}

// Node 20 has none of it, and so have the types for it.
interface Zstd {
  readonly createZstdCompress?: (options: object) => Transform
  readonly createZstdDecompress?: (options: object) => Transform
  readonly constants: { readonly ZSTD_c_compressionLevel?: number }
}

/**
 * Keeps what a serializer writes in Zstandard: as small as gzip, and several times faster. Needs Node 22.15, 23.8 or newer; on older ones reading and writing throw
 * `MISSING_DEPENDENCY`, while the class can still be declared. Everything else is as with `gzip()`. Throws `INVALID_OPTION`.
 *
 * @example
 * artifacts: { weights: artifact(zstd(floats()).to('disk')) } // the pattern disk_floats-zstd
 */
export function zstd<Out, In>(inner: Serializer<Out, In>, options: ZstdOptions = {}): PatternSerializer<Out, In> {
  return wrap(inner, zstdWrapper(level('zstd', options.level ?? 3, 1, 22)))
}

/** @internal */
export function zstdWrapper(strength = 3, node: Zstd = zlib as unknown as Zstd): Wrapper {
  return Object.freeze({
    name: 'zstd',
    wrap(source: AsyncIterable<Uint8Array>) {
      const params = { [node.constants.ZSTD_c_compressionLevel ?? 100]: strength }
      return through(source, need(node.createZstdCompress)({ chunkSize: CHUNK, params }))
    },
    unwrap: (source: AsyncIterable<Uint8Array>) => through(source, need(node.createZstdDecompress)({ chunkSize: CHUNK })),
  })
}

function need(make: Zstd['createZstdCompress']): (options: object) => Transform {
  if (make !== undefined) return make
  throw new PersistablesError('MISSING_DEPENDENCY', `Node ${process.versions.node} has no zstd.`, {
    fix: 'Use Node 22.15, 23.8 or newer, or gzip() and brotli(), which every Node has.',
  })
}
