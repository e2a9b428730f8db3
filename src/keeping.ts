import { condemnedOf } from './condemned'
import { marksOf } from './marks'
import type { Parts } from './parts'
import type { GcOptions, GcReport } from './upkeep/collection'
import { collectGarbage, type GcContext } from './upkeep/gc'

/** Keeps the stores of a repository in order. */
export interface Keeping {
  gc(options: GcOptions): Promise<GcReport[]>
}

/** The {@link Keeping} of a repository. @param onStep - called between the steps of gc, for tests */
export function keepingOf(parts: Parts, onStep?: GcContext['onStep']): Keeping {
  const { client, dialect, stores, blobs } = parts
  const marks = marksOf(client, dialect)
  const condemned = condemnedOf(client, dialect)
  return {
    gc: (options) => collectGarbage({ stores, blobs, marks, condemned, onStep }, options),
  }
}
