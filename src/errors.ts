/**
 * Every code that a {@link PersistablesError} can carry, with what it means. The README's table is checked against it.
 */
export const ERROR_CODES = {
  NOT_FOUND: 'nothing in this project matches the reference',
  UNKNOWN_TYPE: 'the row’s type is not registered with this repository',
  TYPE_MISMATCH: 'what was found is of another type than was asked for',
  UNKNOWN_STORE: 'a pattern names a store that the repository does not have',
  UNKNOWN_SERIALIZER: 'a pattern names a serializer that the repository does not have',
  UNKNOWN_ARTIFACT: 'the type declares no artifact of that name',
  UNKNOWN_PARENT: 'the type declares no parent role of that name',
  INVALID_NAME: 'a name, project, alias, type, tag or store name breaks the rules for names',
  INVALID_TYPE: 'a type is declared wrongly, or its name is taken by another class',
  INVALID_CONFIG: 'config or state failed validation, or holds what cannot be stored',
  INVALID_ARTIFACT: 'an artifact’s value does not fit its serializer',
  INVALID_REF: 'a reference cannot be read',
  INVALID_QUERY: 'a where, orderBy, take or cursor cannot be used',
  INVALID_OPTION: 'an option or a setting cannot be used',
  NOT_SAVED: 'the operation needs a saved persistable, and this is a draft',
  ALREADY_SAVED: 'the persistable is saved, so it never changes; use next() for a new version',
  NOT_STAGED: 'inside a transaction only a staged draft can be saved; stage it first, outside',
  ARTIFACT_MISSING: 'the bytes are not in the store, or the draft has no value for the artifact',
  ARTIFACT_CORRUPT: 'the bytes in the store are not the bytes that were saved',
  ARTIFACT_UNREADABLE: 'no pattern gave intact bytes; every attempt is listed',
  VERSION_CONFLICT: 'another writer took the version inside a caller’s transaction; retry the whole transaction',
  IN_USE: 'something else still relies on it',
  SCHEMA_MISSING: 'the database has no tables of the registry',
  SCHEMA_OUTDATED: 'the database lacks migrations of this release',
  SCHEMA_NEWER: 'the database was migrated by a newer release',
  SCHEMA_FOREIGN: 'the database file belongs to another application',
  STORE_FOREIGN: 'the store belongs to another registry',
  STORE_FAILED: 'a store could not read or write',
  GC_REFUSED: 'gc would remove bytes that it should not remove without being told twice',
  DATABASE_FAILED: 'the database refused or failed',
  READ_ONLY: 'the database or its folder cannot be written',
  UNHASHABLE: 'a value has no normal form, so it cannot be hashed or stored',
  MISSING_DEPENDENCY: 'an optional package is not installed',
  CLOSED: 'the repository is closed',
} as const

/** One of the keys of {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES

/** What a {@link PersistablesError} is made of. */
export interface ErrorParts {
  /** What to do about it, one sentence. Appended to the message. */
  fix?: string
  /** Facts for programs: names, paths, attempts. Never credentials. */
  details?: Readonly<Record<string, unknown>>
  /** What lies behind it. */
  cause?: unknown
}

const BRAND: unique symbol = Symbol.for('persistables.error') as never

/**
 * The one error class of the package: a stable `code`, a message that says what happened and what to do.
 *
 * @example
 * try { await repo.load(Classifier, 'clf@9') }
 * catch (error) { if (isPersistablesError(error, 'NOT_FOUND')) console.log(error.details) }
 */
export class PersistablesError extends Error {
  readonly code: ErrorCode
  readonly fix: string | undefined
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, what: string, parts: ErrorParts = {}) {
    super(parts.fix === undefined ? what : `${what} ${parts.fix}`, parts.cause === undefined ? undefined : { cause: parts.cause })
    this.name = 'PersistablesError'
    this.code = code
    this.fix = parts.fix
    this.details = Object.freeze({ ...parts.details })
    Object.defineProperty(this, BRAND, { value: true })
  }
}

/** Whether `error` is a {@link PersistablesError}, of any installed copy of the package, and of the code if one is given. */
export function isPersistablesError(error: unknown, code?: ErrorCode): error is PersistablesError {
  return error instanceof Error && BRAND in error && (code === undefined || (error as unknown as PersistablesError).code === code)
}

/** A message fit to stand inside another message: first line only, credentials of URLs removed. */
export function reason(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error)
  return redact(text.trim().split('\n').filter(Boolean).at(-1) ?? text)
}

/** `text` with the user and password of every URL in it replaced by `***`. */
export function redact(text: string): string {
  return text.replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@]*@/gi, '$1***@').replace(/\b(password|pwd|secret|token)=[^\s&;"']+/gi, '$1=***')
}

/** The names nearest to `name` by edit distance, best first, at most three: the "did you mean" of messages. */
export function nearest(name: string, known: Iterable<string>): string[] {
  const scored = [...new Set(known)].map((candidate) => [candidate, distance(name.toLowerCase(), candidate.toLowerCase())] as const)
  return scored
    .filter(([candidate, steps]) => steps <= Math.max(2, Math.ceil(Math.max(name.length, candidate.length) / 3)))
    .sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, 3)
    .map(([candidate]) => candidate)
}

/** `Did you mean "a" or "b"?`, or what is known, or the given words when nothing is. */
export function suggest(name: string, known: Iterable<string>, none: string): string {
  const all = [...known]
  const near = nearest(name, all)
  if (near.length > 0) return `Did you mean ${near.map((n) => `"${n}"`).join(' or ')}?`
  return all.length > 0
    ? `Known: ${all
        .slice(0, 20)
        .map((n) => `"${n}"`)
        .join(', ')}${all.length > 20 ? ', …' : ''}.`
    : none
}

// Levenshtein distance by one row of the table (Wagner and Fischer 1974).
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length] ?? 0
}
