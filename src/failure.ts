import { isPersistablesError, PersistablesError, reason } from './errors'

/** What a database error means to the registry, whichever driver raised it. */
export type FailureKind =
  | 'unique'
  | 'null'
  | 'foreign-key'
  | 'busy'
  | 'serialization'
  | 'unprepared'
  | 'no-table'
  | 'read-only'
  | 'corrupt'
  | 'full'
  | 'aborted-transaction'
  | 'ended-transaction'
  | 'timeout'
  | 'unreachable'
  | 'denied'
  | 'no-database'
  | 'other'

/** What a driver says of a failure. */
export interface DriverCause {
  kind?: unknown
  constraint?: { index?: unknown; fields?: unknown }
  code?: unknown
  originalCode?: unknown
  originalMessage?: unknown
}

/** What the driver said. Prisma wraps it at two depths: raw statements in meta.driverAdapterError.cause, adapter calls in cause. */
export function driverCause(error: unknown): DriverCause {
  const e = error as { meta?: { driverAdapterError?: { cause?: DriverCause } }; cause?: DriverCause } | null
  return e?.meta?.driverAdapterError?.cause ?? e?.cause ?? {}
}

const BY_KIND: Readonly<Record<string, FailureKind>> = {
  UniqueConstraintViolation: 'unique',
  NullConstraintViolation: 'null',
  ForeignKeyConstraintViolation: 'foreign-key',
  SocketTimeout: 'busy',
  TransactionWriteConflict: 'serialization',
  TableDoesNotExist: 'no-table',
  DatabaseNotReachable: 'unreachable',
  ConnectionClosed: 'unreachable',
  TlsConnectionError: 'unreachable',
  AuthenticationFailed: 'denied',
  DatabaseAccessDenied: 'denied',
  DatabaseDoesNotExist: 'no-database',
  TooManyConnections: 'busy',
}

const BY_CODE: Readonly<Record<string, FailureKind>> = {
  P2002: 'unique',
  P2003: 'foreign-key',
  P2011: 'null',
  P1008: 'busy',
  P2034: 'serialization',
  P2021: 'no-table',
  P1001: 'unreachable',
  P1017: 'unreachable',
  // SQLSTATE
  '23505': 'unique',
  '23502': 'null',
  '23503': 'foreign-key',
  '40001': 'serialization',
  '40P01': 'serialization',
  '26000': 'unprepared',
  '42P05': 'unprepared',
  '42P01': 'no-table',
  '25006': 'read-only',
  '25P02': 'aborted-transaction',
  '25P03': 'ended-transaction',
  '25P04': 'ended-transaction',
  '57014': 'timeout',
  '53100': 'full',
  '53300': 'busy',
  '55P03': 'busy',
  '28000': 'denied',
  '28P01': 'denied',
  '42501': 'denied',
  '3D000': 'no-database',
  '08000': 'unreachable',
  '08001': 'unreachable',
  '08003': 'unreachable',
  '08004': 'unreachable',
  '08006': 'unreachable',
  '57P01': 'unreachable',
  '57P02': 'unreachable',
  '57P03': 'unreachable',
  // of Node's sockets
  ECONNREFUSED: 'unreachable',
  ECONNRESET: 'unreachable',
  ENOTFOUND: 'unreachable',
  EAI_AGAIN: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ETIMEDOUT: 'unreachable',
}

const BY_SQLITE: readonly (readonly [RegExp, FailureKind])[] = [
  // PROTOCOL: too many processes opened a WAL file in the same moment.
  [/^SQLITE_(BUSY|LOCKED|PROTOCOL)/, 'busy'],
  [/^SQLITE_(READONLY|CANTOPEN|PERM)/, 'read-only'],
  [/^SQLITE_(CORRUPT|NOTADB)/, 'corrupt'],
  [/^SQLITE_FULL/, 'full'],
  [/^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)/, 'unique'],
  [/^SQLITE_CONSTRAINT_NOTNULL/, 'null'],
  [/^SQLITE_CONSTRAINT_FOREIGNKEY/, 'foreign-key'],
]

const BY_TEXT: readonly (readonly [RegExp, FailureKind])[] = [
  [/database is locked|database table is locked/i, 'busy'],
  [/readonly database|unable to open database file/i, 'read-only'],
  [/disk image is malformed|file is not a database/i, 'corrupt'],
  [/database or disk is full/i, 'full'],
  [/no such table|no such column/i, 'no-table'],
  [/NOT NULL constraint failed/i, 'null'],
  [/cached plan must not change result type/i, 'unprepared'],
  // What the pool says when all its connections stayed in use, and what a connection says that broke.
  [/timeout exceeded when trying to connect/i, 'busy'],
  // `Query read timeout`: the client stopped waiting, the server did not. The last ones are PgBouncer's.
  [/connection terminated|timeout expired|is not queryable|query read timeout/i, 'unreachable'],
  [/server_login_retry|query_wait_timeout|server conn(ection)? crashed|no more connections allowed/i, 'unreachable'],
]

// One code for a transaction that could not begin yet, and for one that is over.
function transactionKind(error: unknown): FailureKind | undefined {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  if (code !== 'P2028') return undefined
  return /unable to start a transaction/i.test(String(message)) ? 'busy' : 'ended-transaction'
}

/** Whether a violated uniqueness is that of the id of a version: the row itself is there, and no other one is in its way. */
export function isSameId(error: unknown): boolean {
  const { index, fields } = driverCause(error).constraint ?? {}
  return index === 'persistables_pkey' || (Array.isArray(fields) && fields.length === 1 && fields[0] === 'id')
}

/** Which kind of failure an error of the database is. */
export function failureKind(error: unknown): FailureKind {
  if (isPersistablesError(error)) return (error.details['kind'] as FailureKind | undefined) ?? 'other'
  const transaction = transactionKind(error)
  if (transaction !== undefined) return transaction
  const cause = driverCause(error)
  const codes = [cause.originalCode, cause.code, (error as { code?: unknown } | null)?.code].map(String)
  for (const code of codes) {
    const known = BY_CODE[code] ?? BY_SQLITE.find(([pattern]) => pattern.test(code))?.[1]
    if (known !== undefined) return known
  }
  const kind = BY_KIND[String(cause.kind)]
  if (kind !== undefined) return kind
  const text = `${String(cause.originalMessage ?? '')} ${error instanceof Error ? error.message : String(error)}`
  return BY_TEXT.find(([pattern]) => pattern.test(text))?.[1] ?? 'other'
}

const FIXES: Readonly<Partial<Record<FailureKind, string>>> = {
  busy: 'Other writers kept the database busy for longer than the registry waits; try again.',
  serialization: 'Other writers kept changing the same rows; try again.',
  unprepared: 'The connection lost what was prepared on it; do it again.',
  'no-table': 'Run `npx persistables doctor` to see which table is missing.',
  'read-only': 'Give the process write access to the database and its folder.',
  corrupt: 'Restore the database file from a backup; `npx persistables doctor` says more.',
  full: 'Free disk space, then try again; nothing was half-written.',
  'aborted-transaction': 'An earlier statement of this transaction failed; retry the whole transaction.',
  'ended-transaction': 'The transaction is over (it timed out, or was rolled back): retry all of it, with a longer timeout if it needs one.',
  timeout: 'The server cancelled the statement after its statement_timeout: raise that, or see what keeps the server busy.',
  unreachable: 'Check that the database server runs and that the url is right.',
  denied: 'Check the user and password of the url, and what that user may do in the database.',
  'no-database': 'Create the database first, or correct its name in the url.',
}

// "Raw query failed. Code: `N/A`. Message: `…`" is how Prisma hands on what has no code of the database's own.
function wrapped(error: unknown): string | undefined {
  return error instanceof Error ? /Message: `([^`]+)`/.exec(error.message)?.[1] : undefined
}

/** The coded error for whatever a database call threw; coded errors pass unchanged. `doing` completes "The database failed while …". */
export function databaseFailure(error: unknown, doing: string): PersistablesError {
  if (isPersistablesError(error)) return error
  const kind = failureKind(error)
  const fix = FIXES[kind]
  const said = driverCause(error).originalMessage ?? wrapped(error)
  const code = kind === 'read-only' ? 'READ_ONLY' : kind === 'no-table' ? 'SCHEMA_MISSING' : 'DATABASE_FAILED'
  return new PersistablesError(code, `The database failed while ${doing}: ${reason(typeof said === 'string' ? said : error).replace(/\.+$/, '')}.`, {
    ...(fix !== undefined && { fix }),
    details: { kind },
    cause: error,
  })
}
