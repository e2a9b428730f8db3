import { PersistablesError } from '../../errors'
import { type Blob, isDigest } from '../store'

/** Throws `STORE_FAILED` unless `digest` is a sha256 digest: the guard in front of everything that becomes a key or a path. */
export function requireDigest(store: string, digest: unknown): asserts digest is string {
  if (isDigest(digest)) return
  throw new PersistablesError(
    'STORE_FAILED',
    `The store "${store}" was asked for ${JSON.stringify(digest) ?? String(digest)}, which is no sha256 digest.`,
    {
      fix: 'A digest is 64 lower-case hexadecimal digits.',
      details: { store, digest },
    },
  )
}

/** Throws `STORE_FAILED` unless the blob has a sha256 digest and a size in bytes. */
export function requireBlob(store: string, blob: Blob): void {
  requireDigest(store, blob.digest)
  if (Number.isSafeInteger(blob.size) && blob.size >= 0) return
  throw new PersistablesError('STORE_FAILED', `The store "${store}" was asked for a blob of ${String(blob.size)} bytes.`, {
    fix: 'A size is a whole number of bytes, 0 or more.',
    details: { store, digest: blob.digest, size: blob.size },
  })
}

/** The error of a get for what is not there. */
export function missing(store: string, blob: Blob, place: string): PersistablesError {
  return new PersistablesError(
    'ARTIFACT_MISSING',
    `The store "${store}" does not hold the bytes ${blob.digest.slice(0, 12)}…: there is nothing at ${place}.`,
    {
      fix: 'Put them back from a copy, or read another pattern of the artifact.',
      details: { store, digest: blob.digest, place },
    },
  )
}

/** The error of a put whose source gave other than the promised number of bytes. */
export function wrongLength(store: string, blob: Blob, found: string): PersistablesError {
  return new PersistablesError(
    'STORE_FAILED',
    `The store "${store}" was promised ${blob.size} bytes for ${blob.digest.slice(0, 12)}… and was given ${found}; nothing was kept.`,
    { fix: 'The value changed while it was being saved; save it again.', details: { store, digest: blob.digest, expected: blob.size, found } },
  )
}

/** The error of a put or spool whose source threw. */
export function sourceFailed(store: string, cause: unknown): PersistablesError {
  const what = cause instanceof Error ? cause.message : String(cause)
  return new PersistablesError('STORE_FAILED', `The bytes on their way into the store "${store}" could not be read: ${what}`, {
    details: { store },
    cause,
  })
}
