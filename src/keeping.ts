import { condemnedOf } from './condemned'
import type { Definition } from './definition'
import { definitionOf } from './facts'
import { marksOf } from './marks'
import type { Parts } from './parts'
import type { Query } from './query'
import type { Row } from './row'
import type { GcOptions, GcReport } from './upkeep/collection'
import type { Finding, VerifyOptions } from './upkeep/finding'
import { collectGarbage, type GcContext } from './upkeep/gc'
import { verifyAll } from './upkeep/verify'

/** Keeps the stores of a repository in order. */
export interface Keeping {
  verify(options: VerifyOptions): AsyncGenerator<Finding, void, undefined>
  gc(options: GcOptions): Promise<GcReport[]>
}

/** The {@link Keeping} of a repository. @param onStep - called between the steps of gc, for tests */
export function keepingOf(parts: Parts, query: Query, onStep?: GcContext['onStep']): Keeping {
  const { client, dialect, stores, blobs, logger, project, registry, serializers, given } = parts
  const marks = marksOf(client, dialect)
  const condemned = condemnedOf(client, dialect)

  // A row of a type that is not registered is looked at like any other; only what its class declares is not known.
  const definition = (row: Row): Definition | null => {
    try {
      return definitionOf(registry.classOf(row))
    } catch {
      return null
    }
  }
  return {
    gc: (options) => collectGarbage({ stores, blobs, marks, condemned, onStep }, options),
    verify: (options) =>
      verifyAll(
        {
          client,
          dialect,
          stores,
          blobs,
          logger,
          marks,
          query,
          scope: { project },
          declared: (row) => {
            const artifacts = definition(row)?.artifacts
            return artifacts === undefined ? null : new Map([...artifacts].map(([name, { patterns }]) => [name, patterns]))
          },
          serializerOf: (row, artifact, name) => {
            const own = definition(row)
              ?.artifacts.get(artifact)
              ?.patterns.find(({ serializer }) => serializer.name === name)?.serializer
            return given.has(name) ? serializers.get(name) : (own ?? serializers.get(name))
          },
          reload: (row) => query.byId({ project }, row.id),
        },
        options,
      ),
  }
}
