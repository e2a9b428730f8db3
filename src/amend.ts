import { pinsJson, type StoredBlob, stillPinned } from './blobs'
import { atomically, type PersistableTransaction, rawOf } from './client'
import { type Dialect, sql } from './dialect'
import { databaseFailure } from './failure'
import { retrying } from './retry'
import { metadataOf, orderedPatterns, type Row } from './row'
import type { Filepaths, JsonObject, PatternRecord } from './types'

/** One more pattern of an artifact of a row. */
export interface Addition {
  readonly artifact: string
  readonly pattern: string
  readonly record: PatternRecord
  /** what the record refers to, pinned */
  readonly blobs: readonly StoredBlob[]
}

/**
 * Notes in a row that an artifact is kept by one more pattern, as the last to be tried. Nothing else of the row changes, its hash included.
 *
 * @returns `false`, and nothing is changed, when the row is not as it was read, or a pin is lost
 */
export async function addPattern(client: PersistableTransaction, dialect: Dialect, row: Row, addition: Addition): Promise<boolean> {
  const { artifact, pattern, record, blobs } = addition
  const names = orderedPatterns(row, artifact).map(([name]) => name)
  const filepaths: Filepaths = { ...row.filepaths, [artifact]: { ...row.filepaths[artifact], [pattern]: record } }
  const state = metadataOf(row).state
  const metadata = { ...row.metadata, state: { ...state, save_patterns: { ...state?.save_patterns, [artifact]: [...names, pattern] } } } as JsonObject
  const db = rawOf(client)
  const { typed } = dialect
  const statement = sql`UPDATE ${dialect.table('persistables')} SET "filepaths" = ${typed(JSON.stringify(filepaths), 'json')},
    "metadata" = ${typed(JSON.stringify(metadata), 'json')}, "has_external_files" = ${typed(true, 'bool')}, "row_version" = "row_version" + 1,
    "modified_at" = ${typed(new Date(), 'timestamp')}
    WHERE "id" = ${row.id} AND "row_version" = ${typed(row.rowVersion, 'int')} AND ${stillPinned(dialect, pinsJson(blobs), blobs.length)} RETURNING "id"`
  try {
    const run = () => atomically(db, [db.$queryRawUnsafe<{ id: string }[]>(dialect.text(statement), ...statement.values)])
    return ((await retrying('adding a pattern', run))[0] ?? []).length === 1
  } catch (error) {
    throw databaseFailure(error, 'adding a pattern')
  }
}
