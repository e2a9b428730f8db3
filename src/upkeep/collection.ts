import type { TransferOptions } from '../artifacts/store'

/** How far gc has come. */
export interface GcProgress {
  /** `listing` what the stores hold, `marking` what rows refer to, `removing` what nothing refers to */
  readonly step: 'listing' | 'marking' | 'removing'
  /** blobs listed or removed, or rows looked at */
  readonly done: number
  /** how many there will be; `null` while it is not known */
  readonly total: number | null
}

/** Options of `repo.gc`. */
export interface GcOptions extends TransferOptions {
  /** only says what would be removed. @defaultValue false */
  readonly dryRun?: boolean
  /** removes also where it would refuse to: see `repo.gc`. @defaultValue false */
  readonly force?: boolean
  /** names of the stores to collect from. @defaultValue all of the repository */
  readonly stores?: readonly string[]
  /**
   * milliseconds that bytes which the registry does not know of are left alone, from when gc first meets them, by the database's clock. Temporary files are
   * left alone for as long since they were last written, and for an hour at least.
   * @defaultValue 24 hours
   */
  readonly olderThan?: number
  readonly onProgress?: (progress: GcProgress) => void
}

/** What gc did in one store. */
export interface GcReport {
  readonly store: string
  /** blobs that the store holds */
  readonly examined: number
  /** blobs that neither a row nor a save relies on; on a dry run those that would be removed */
  readonly condemned: number
  /** of those, the ones whose bytes were removed */
  readonly deleted: number
  /** bytes that were removed; on a dry run those that would be */
  readonly bytesFreed: number
  /** of the condemned, those whose bytes were gone already */
  readonly missing: number
  /** blobs that rows or saves rely on, or that are in their term of grace */
  readonly kept: number
  /** blobs that the registry did not know of: they are removed by a gc after their term of grace, unless a row refers to them then */
  readonly unknown: number
  /** temporary files and half-written blobs that were removed */
  readonly swept: number
  /** why gc refuses the store unless forced; `null` when it does not */
  readonly refused: string | null
  /** what went wrong, at most 100 of them; the blobs concerned are left to the next gc */
  readonly errors: readonly string[]
}

/** A {@link GcReport} that is being made. */
export type Tallying = { -readonly [K in keyof GcReport]: GcReport[K] } & { errors: string[] }

const MOST_ERRORS = 100

/** An empty report. */
export function tallying(store: string): Tallying {
  return {
    store,
    examined: 0,
    condemned: 0,
    deleted: 0,
    bytesFreed: 0,
    missing: 0,
    kept: 0,
    unknown: 0,
    swept: 0,
    refused: null,
    errors: [],
  }
}

/** Notes what went wrong. */
export function note(report: Tallying, what: string): void {
  if (report.errors.length < MOST_ERRORS) report.errors.push(what)
}
