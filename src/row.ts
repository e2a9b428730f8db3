import type { FlowOptions } from './artifacts/progress'
import type { AnySerializer } from './artifacts/serializer'
import type { NewCompanion } from './companion'
import { formatRef } from './ref'
import type { AnySaved, IdentityFacts, ParentIdentity } from './shape'
import type { Filepaths, JsonObject, PatternRecord } from './types'

/** A row of the registry, as plain data. */
export interface Row {
  readonly id: string
  readonly type: string
  readonly registeredName: string
  readonly project: string
  readonly name: string
  readonly author: string
  readonly version: number
  readonly versionDescription: string
  readonly hash: string
  readonly hasExternalFiles: boolean
  readonly filepaths: Filepaths
  readonly metadata: JsonObject
  readonly rowVersion: number
  readonly createdAt: Date
  readonly modifiedAt: Date
  readonly tags: Readonly<Record<string, string>>
  /** of its companion model, by field; `null` when it has no row there; absent where nobody asked */
  readonly columns?: Readonly<Record<string, unknown>> | null | undefined
}

/** What the registry keeps in a row's `metadata`. */
export interface Metadata {
  readonly config: JsonObject
  /** the user's state, and `save_patterns`: artifact → pattern names in order */
  readonly state: JsonObject & { readonly save_patterns: Readonly<Record<string, readonly string[]>> }
  readonly revision: string
  /** artifact → sha256 of its content */
  readonly digests: Readonly<Record<string, string>>
  /** artifacts whose content is part of the identity */
  readonly sources: readonly string[]
  readonly parents: Readonly<Record<string, readonly ParentNote[]>>
  readonly library_versions: Readonly<Record<string, string>>
}

/** A parent as it was when the child was saved. */
export interface ParentNote extends ParentIdentity {
  readonly id: string
}

/** `Type/name@version` of a row. */
export function labelOf(row: Pick<Row, 'type' | 'name' | 'version'>): string {
  return formatRef({ type: row.type, name: row.name, at: { kind: 'version', version: row.version } })
}

/** What the registry keeps in a row's `metadata`, as typed data. */
export function metadataOf(row: Pick<Row, 'metadata'>): Partial<Metadata> {
  return row.metadata as unknown as Partial<Metadata>
}

/** The patterns of an artifact in the order to try them: as the row notes it, because JSONB forgets the order of keys. */
export function orderedPatterns(row: Pick<Row, 'filepaths' | 'metadata'>, artifact: string): readonly (readonly [string, PatternRecord])[] {
  const records = own(row.filepaths, artifact) ?? {}
  const noted: unknown = own(metadataOf(row).state?.save_patterns ?? {}, artifact)
  // a row that was tampered with may note anything
  const order: readonly string[] = Array.isArray(noted) ? noted : []
  const names = [...order.filter((name) => Object.hasOwn(records, name)), ...Object.keys(records).filter((name) => !order.includes(name))]
  return names.map((name) => [name, records[name] as PatternRecord] as const)
}

// `constructor` and `__proto__` are names like any other, and not to be found in every object.
function own<T>(of: { readonly [name: string]: T }, name: string): T | undefined {
  return Object.hasOwn(of, name) ? of[name] : undefined
}

/** The identity facts of a saved row: with them a loaded instance hashes as its draft did. */
export function rowIdentity(row: Pick<Row, 'type' | 'registeredName' | 'metadata'>): IdentityFacts {
  const { config = {}, revision = '', digests = {}, sources = [], parents = {} } = metadataOf(row)
  return {
    type: row.type,
    registeredName: row.registeredName,
    revision,
    config,
    sources: Object.fromEntries(sources.map((artifact) => [artifact, digests[artifact] ?? ''])),
    parents: identities(parents),
  }
}

/** What of the parents is identity: not their ids. */
export function identities(parents: Metadata['parents']): IdentityFacts['parents'] {
  return Object.fromEntries(Object.entries(parents).map(([role, list]) => [role, list.map(({ hash, artifacts }) => ({ hash, artifacts }))]))
}

/** Options of {@link Reader}. */
export interface ReaderOptions extends FlowOptions {
  /** decodes instead of the serializer in the row, once */
  readonly serializer?: AnySerializer
}

/** Reads what lies outside the row of a saved persistable. The repository gives one to each. */
export interface Reader {
  artifact(row: Row, name: string, options: ReaderOptions): Promise<unknown>
  rows(row: Row, name: string, options: ReaderOptions): AsyncIterable<unknown>
  stream(row: Row, name: string, options: FlowOptions): AsyncIterable<Uint8Array>
  parents(row: Row, role: string, many: boolean): Promise<AnySaved | readonly AnySaved[]>
  unloaded(row: Row): readonly string[]
  /** the row with other columns. Throws `VERSION_CONFLICT` when somebody else updated it meanwhile */
  update(row: Row, changes: NewCompanion): Promise<Row>
}
