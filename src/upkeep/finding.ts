import type { TransferOptions } from '../artifacts/store'
import type { Where } from '../where'

/**
 * What verify found: plain data.
 *
 * `ok`: the bytes are what was saved. `missing`: they are not there. `corrupt`: they are others. `unreadable`: nobody knows, because the store is not
 * configured or failed, or the row's record of them makes no sense. `orphan`: they are in the store, and no row refers to them and no save relies on them.
 */
export interface Finding {
  readonly kind: 'ok' | 'missing' | 'corrupt' | 'unreadable' | 'orphan'
  /** `Type/name@version`; `null` for an orphan, as are id, artifact, pattern and part */
  readonly ref: string | null
  readonly id: string | null
  readonly artifact: string | null
  readonly pattern: string | null
  /** `bytes`, or `checksums` for damage of the small file of chunk checksums beside them */
  readonly part: 'bytes' | 'checksums' | null
  readonly store: string
  readonly digest: string
  readonly size: number
  /** where, for people; `null` where the store is not configured */
  readonly place: string | null
  /** what is wrong, or what was done; `null` where all is well */
  readonly reason: string | null
  /** whether the bytes are intact now, because they were copied anew */
  readonly repaired: boolean
  /** where the damaged bytes are kept, if they were replaced */
  readonly quarantined: string | null
  /** as option `after`: verify begins with the row of this finding */
  readonly cursor: string
}

/** How far verify has come. */
export interface VerifyProgress {
  readonly rows: number
  readonly totalRows: number
  /** blobs looked at, each once */
  readonly blobs: number
  /** bytes read */
  readonly bytes: number
}

/** Options of `repo.verify`. */
export interface VerifyOptions extends TransferOptions {
  /** only rows of this type */
  readonly type?: string
  /** only rows that fit, as in `find` */
  readonly where?: Where
  /** only bytes in these stores; the others are sources of repairs still. @defaultValue all that rows name */
  readonly stores?: readonly string[]
  /** `false` looks at sizes alone, and reads nothing. @defaultValue true */
  readonly deep?: boolean
  /** whether to look for orphans. @defaultValue true, unless `type` or `where` narrows the rows */
  readonly orphans?: boolean
  /** whether damaged and missing bytes are copied anew from a store that has them intact. @defaultValue false */
  readonly repair?: boolean
  /** whether bytes are also copied to patterns that the class declares and the row does not have. @defaultValue false */
  readonly toDeclared?: boolean
  /** blobs that are read at once. @defaultValue 4 */
  readonly concurrency?: number
  /** where to begin: the `cursor` of a finding of an earlier run with the same options */
  readonly after?: string
  readonly onProgress?: (progress: VerifyProgress) => void
}
