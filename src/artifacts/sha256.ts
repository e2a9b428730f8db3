import { createHash } from 'node:crypto'
import { abortable } from './abort'
import type { Blob } from './store'

/** The sha256 and size of bytes on their way elsewhere. */
export interface Hashing {
  /** the same bytes */
  on(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined>
  /** of all of them, once they went by */
  blob(): Blob
}

/** Makes a {@link Hashing}, for one stream. */
export function hashing(): Hashing {
  const hash = createHash('sha256')
  let size = 0
  return {
    async *on(source) {
      for await (const chunk of source) {
        hash.update(chunk)
        size += chunk.length
        yield chunk
      }
    },
    blob: () => ({ digest: hash.digest('hex'), size }),
  }
}

/** Digest and size of a stream that nobody keeps. */
export async function blobOf(source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): Promise<Blob> {
  const hash = hashing()
  for await (const _ of hash.on(abortable(source, signal)));
  return hash.blob()
}
