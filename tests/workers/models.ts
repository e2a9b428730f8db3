import { artifact, bytes, json, ndjson, persistable, source, typed } from '../../src'

/** A record without artifacts. */
export class Base extends persistable('Base', { config: typed<{ of: number }>() }) {}

/** A record without artifacts, with parents. */
export class Note extends persistable('Note', { config: typed<{ worker: number; i: number }>(), parents: { base: Base } }) {}

/** A record with a small artifact. */
export class Dataset extends persistable('Dataset', {
  config: typed<{ worker: number; i: number }>(),
  artifacts: { rows: source(ndjson<{ i: number }>().to('disk')) },
}) {}

/** A record with a small artifact, and a large one that has chunk checksums, each in two stores. */
export class Model extends persistable('Model', {
  config: typed<{ seed: number }>(),
  artifacts: {
    small: artifact(json<{ seed: number; w: number[] }>().to('disk'), json<{ seed: number; w: number[] }>().to('backup')),
    big: artifact(bytes().to('disk'), bytes().to('backup')),
  },
}) {}

export const TYPES = [Base, Note, Dataset, Model]

const PIECE = 300_000

/** The small artifact of a seed. */
export const smallOf = (seed: number): { seed: number; w: number[] } => ({ seed, w: Array.from({ length: 40 }, (_, i) => seed + i / 7) })

/** The large artifact of a seed: a stream that can be read again. */
export const bigOf = (seed: number, size: number): AsyncIterable<Uint8Array> => ({
  async *[Symbol.asyncIterator]() {
    for (let at = 0; at < size; at += PIECE) yield pieceOf(seed, at / PIECE, Math.min(PIECE, size - at))
  },
})

// Every four bytes say where they belong: pieces that change places, or are doubled, show.
const pieceOf = (seed: number, index: number, length: number): Uint8Array => {
  const words = Uint32Array.from(
    { length: Math.ceil(length / 4) },
    (_, i) => Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index * PIECE + i, 0x85ebca6b),
  )
  return new Uint8Array(words.buffer, 0, length)
}
