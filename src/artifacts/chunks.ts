import { crc32 } from 'node:zlib'

/** Bytes per checksum of a sidecar, and the size above which a blob has one. */
export const CHUNK_SIZE: number = 1 << 20

/**
 * CRC32s (IEEE 802.3) of a stream, one per chunk: what lets damage be met before a wrong byte is handed on, long before the sha256 of the whole is known.
 *
 * @example
 * const sums = chunkSums()
 * sums.update(bytes)
 * sums.digest() // Uint8Array, 4 bytes little-endian per chunk
 */
export interface ChunkSums {
  update(bytes: Uint8Array): void
  digest(): Uint8Array
}

/** Makes {@link ChunkSums}. @param size - bytes per chunk. @defaultValue {@link CHUNK_SIZE} */
export function chunkSums(size: number = CHUNK_SIZE): ChunkSums {
  const sums: number[] = []
  let sum = 0
  let filled = 0
  return {
    update(bytes) {
      for (let taken = 0; taken < bytes.length; ) {
        const piece = bytes.subarray(taken, taken + size - filled)
        sum = crc32(piece, sum)
        filled += piece.length
        taken += piece.length
        if (filled < size) continue
        sums.push(sum)
        sum = 0
        filled = 0
      }
    },
    digest() {
      const all = filled > 0 ? [...sums, sum] : sums
      const view = new DataView(new ArrayBuffer(all.length * 4))
      for (const [i, value] of all.entries()) view.setUint32(i * 4, value, true)
      return new Uint8Array(view.buffer)
    },
  }
}

/** The checksum of chunk `index` in a sidecar. */
export function sumAt(sums: Uint8Array, index: number): number {
  return new DataView(sums.buffer, sums.byteOffset, sums.byteLength).getUint32(index * 4, true)
}

/** The same bytes in chunks of exactly `size`, but for the last. The source may use a chunk's memory again when it is asked for the next. */
export async function* rechunked(source: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  let held: Uint8Array[] = []
  let length = 0
  for await (let block of source) {
    while (length + block.length >= size) {
      const cut = size - length
      const whole = length === 0 ? block.subarray(0, cut) : Buffer.concat([...held, block.subarray(0, cut)])
      block = block.subarray(cut)
      held = []
      length = 0
      yield whole
    }
    if (block.length === 0) continue
    held.push(new Uint8Array(block))
    length += block.length
  }
  if (length > 0) yield held.length === 1 ? (held[0] as Uint8Array) : Buffer.concat(held)
}
