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
