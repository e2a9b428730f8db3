import { type ErrorCode, isPersistablesError } from '../errors'

/** What a command's exit code says, as `--help` shows it. */
export const EXIT_CODES = {
  0: 'it worked',
  1: 'it failed: the database, a store, the file system, a check of doctor, or something unforeseen',
  2: 'wrong usage: a command, option, reference, value or setting that cannot be used, or a file that is there without --force',
  3: 'not found: no such version, name, type or artifact',
  4: 'bytes are damaged, missing or unreadable: for get in every store, for verify in any where they were not repaired',
  5: 'the schema is missing, outdated or another application’s: migrate first',
} as const

/** One of the keys of {@link EXIT_CODES}. */
export type ExitCode = keyof typeof EXIT_CODES

const BY_CODE: Readonly<Partial<Record<ErrorCode, ExitCode>>> = {
  INVALID_NAME: 2,
  INVALID_REF: 2,
  INVALID_QUERY: 2,
  INVALID_OPTION: 2,
  NOT_FOUND: 3,
  UNKNOWN_TYPE: 3,
  UNKNOWN_ARTIFACT: 3,
  ARTIFACT_MISSING: 4,
  ARTIFACT_CORRUPT: 4,
  ARTIFACT_UNREADABLE: 4,
  SCHEMA_MISSING: 5,
  SCHEMA_OUTDATED: 5,
  SCHEMA_NEWER: 5,
  SCHEMA_FOREIGN: 5,
}

/** A command line that cannot be understood. */
export class UsageError extends Error {
  readonly fix: string

  constructor(message: string, fix: string) {
    super(`${message} ${fix}`.trim())
    this.fix = fix
  }
}

/** The exit code for what a command threw. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return 2
  return isPersistablesError(error) ? (BY_CODE[error.code] ?? 1) : 1
}
