import type { Store } from '../artifacts/store'
import { labelOf, metadataOf, orderedPatterns, type Row } from '../row'
import type { JsonObject, PatternRecord } from '../types'
import { clean, size } from './render'

/** One pattern's bytes as `--json` shows them. */
export interface PatternView extends PatternRecord {
  readonly pattern: string
}

/** An artifact as `--json` shows it. */
export interface ArtifactView {
  /** whether its content is part of the identity hash */
  readonly source: boolean
  readonly contentDigest: string | null
  readonly contentSize: number | null
  /** in the order they are read */
  readonly patterns: readonly PatternView[]
}

/** A row as `ls --json` and `versions --json` show it. */
export interface RowView {
  readonly ref: string
  readonly id: string
  readonly type: string
  readonly registeredName: string
  readonly project: string
  readonly name: string
  readonly version: number
  readonly versionDescription: string
  readonly author: string
  readonly hash: string
  readonly createdAt: string
  readonly modifiedAt: string
  readonly tags: Readonly<Record<string, string>>
  readonly artifacts: Readonly<Record<string, ArtifactView>>
}

/** A row for programs. */
export function rowView(row: Row): RowView {
  return {
    ref: labelOf(row),
    id: row.id,
    type: row.type,
    registeredName: row.registeredName,
    project: row.project,
    name: row.name,
    version: row.version,
    versionDescription: row.versionDescription,
    author: row.author,
    hash: row.hash,
    createdAt: row.createdAt.toISOString(),
    modifiedAt: row.modifiedAt.toISOString(),
    tags: row.tags,
    artifacts: Object.fromEntries(artifactNames(row).map((name) => [name, artifactView(row, name)])),
  }
}

/** Names of a row's artifacts, by code point: JSONB forgets the order of keys. */
export function artifactNames(row: Row): readonly string[] {
  return Object.keys(row.filepaths).sort((a, b) => (a < b ? -1 : 1))
}

function artifactView(row: Row, name: string): ArtifactView {
  const patterns = orderedPatterns(row, name)
  const first = patterns[0]?.[1]
  return {
    source: (metadataOf(row).sources ?? []).includes(name),
    contentDigest: first?.contentDigest ?? null,
    contentSize: first?.contentSize ?? null,
    patterns: patterns.map(([pattern, record]) => ({ pattern, ...record })),
  }
}

export { metadataOf } from '../row'

/** The state without what the registry keeps in it. */
export function stateOf(row: Row): JsonObject {
  const { save_patterns: _, ...state } = metadataOf(row).state ?? { save_patterns: {} }
  return state
}

/** `Type/name@version`, fit for a terminal. */
export function refOf(row: Row): string {
  return clean(labelOf(row))
}

/** One line per artifact: `rows 1.2 kB disk_ndjson, nas_ndjson`. */
export function artifactLines(row: Row): string {
  return artifactNames(row)
    .map((name) => {
      const patterns = orderedPatterns(row, name)
      return clean(`${name} ${size(patterns[0]?.[1].contentSize ?? 0)} ${patterns.map(([pattern]) => pattern).join(', ')}`)
    })
    .join('\n')
}

/** One line per tag: `stage=ok`. */
export function tagLines(row: Row): string {
  return Object.entries(row.tags)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => clip(clean(`${key}=${value}`)))
    .join('\n')
}

/** At most 60 characters of a text that may be long. */
export function clip(text: string): string {
  const points = Array.from(text)
  return points.length > 60 ? `${points.slice(0, 59).join('')}…` : text
}

/** Where a pattern's bytes are, for people; null where the store is not among those that are configured. */
export function whereIs(stores: ReadonlyMap<string, Store>, record: PatternRecord): string | null {
  const store = stores.get(record.store)
  if (store === undefined) return null
  try {
    return store.locate(record.digest)
  } catch {
    // A row that was tampered with: show tells what it says, and get refuses it.
    return null
  }
}
