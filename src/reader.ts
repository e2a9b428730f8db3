import { type ReadRequest, readArtifact, rowsOfArtifact, type SharedRead, streamArtifact } from './artifacts/patterns'
import { type AnySerializer, layersOf } from './artifacts/serializer'
import type { Store } from './artifacts/store'
import type { NewCompanion } from './companion'
import type { Definition } from './definition'
import { PersistablesError } from './errors'
import { labelOf, orderedPatterns, type Reader, type ReaderOptions, type Row } from './row'
import type { AnySaved } from './shape'
import type { Logger } from './types'

/** What reading needs of a repository. */
export interface ReaderContext {
  readonly stores: ReadonlyMap<string, Store>
  readonly serializers: ReadonlyMap<string, AnySerializer>
  /** names of the serializers that the user gave, which win over the class's own */
  readonly given: ReadonlySet<string>
  readonly logger: Logger
  readonly assertOpen: () => void
  readonly update: (row: Row, changes: NewCompanion) => Promise<Row>
  readonly parents: (row: Row, role: string) => Promise<readonly { instance: AnySaved | null; label: string }[]>
}

/** A {@link Reader} for one instance: it remembers what was read. */
export function readerOf(context: ReaderContext, definition: Definition): Reader {
  const loaded = new Set<string>()
  const reading = new Map<string, SharedRead>()
  const request = (row: Row, name: string, { serializer, signal, onProgress }: ReaderOptions): ReadRequest => ({
    label: labelOf(row),
    artifact: name,
    records: orderedPatterns(row, name),
    signal,
    onProgress,
    ...(serializer !== undefined && { serializer }),
  })

  const reads = (name: string) => {
    const declared = new Map(
      definition.artifacts.get(name)?.patterns.map((pattern) => {
        const { serializer } = layersOf(pattern.serializer)
        return [serializer.name, serializer] as const
      }),
    )
    const { stores, serializers, given, logger } = context
    const serializerOf = (wanted: string) => (given.has(wanted) ? serializers.get(wanted) : (declared.get(wanted) ?? serializers.get(wanted)))
    return { stores, logger, serializerOf, serializerNames: [...serializers.keys(), ...declared.keys()] }
  }

  return {
    async update(row, changes) {
      context.assertOpen()
      return context.update(row, changes)
    },
    async artifact(row, name, options) {
      context.assertOpen()
      const value = await readArtifact({ ...request(row, name, options), reading }, reads(name))
      loaded.add(name)
      return value
    },
    async *rows(row, name, options) {
      context.assertOpen()
      yield* rowsOfArtifact(request(row, name, options), reads(name))
      loaded.add(name)
    },
    async *stream(row, name, options) {
      context.assertOpen()
      yield* streamArtifact(request(row, name, options), reads(name))
      loaded.add(name)
    },
    async parents(row, role, many) {
      context.assertOpen()
      const found = await context.parents(row, role)
      const gone = found.find(({ instance }) => instance === null)
      if (gone !== undefined || (!many && found.length === 0)) {
        throw new PersistablesError(
          'NOT_FOUND',
          `The parent "${role}" of ${labelOf(row)}${gone ? `, ${gone.label},` : ''} is not in the registry any more.`,
          {
            fix: 'It was deleted by force; its hash and label stay in the lineage.',
            details: { role, label: gone?.label },
          },
        )
      }
      const instances = found.map(({ instance }) => instance as AnySaved)
      return many ? instances : (instances[0] as AnySaved)
    },
    unloaded: (row) => Object.keys(row.filepaths).filter((name) => !loaded.has(name)),
  }
}
