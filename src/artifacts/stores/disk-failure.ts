import { isPersistablesError, PersistablesError } from '../../errors'
import { codeOf } from './disk-files'

const FULL = 'The disk or the quota is full: free some space, or give the store a folder elsewhere, then try again.'
const DENIED = 'Give this user the right to it, or give the store another folder. A read-only store can still be read.'
const HANDLES = 'Too many files are open: raise the limit (ulimit -n) or do less at once.'

const FIXES: Readonly<Record<string, string>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EFBIG: FULL,
  EROFS: DENIED,
  EACCES: DENIED,
  EPERM: DENIED,
  EMFILE: HANDLES,
  ENFILE: HANDLES,
  ENOTDIR: 'A file stands where a folder must be: move it away, or give the store another folder.',
  EISDIR: 'A folder stands where a file must be: move it away.',
  ENOENT: 'The folder vanished while it was in use; see what removes it, then try again.',
  EIO: 'The medium reports errors: check the disk, and read another pattern of the artifact.',
  ESTALE: 'The network folder was disconnected: mount it again.',
}

/** `error` of a file-system operation as `STORE_FAILED`, with the path, the errno, and what to do. Errors of this package are passed on. */
export function diskFailure(store: string, doing: string, path: string, error: unknown): PersistablesError {
  if (isPersistablesError(error)) return error
  const code = codeOf(error)
  const message = error instanceof Error ? error.message : String(error)
  return new PersistablesError('STORE_FAILED', `The store "${store}" could not ${doing} ${path}: ${message}.`, {
    fix: FIXES[code] ?? 'See the cause, mend it, then try again.',
    details: { store, path, errno: code === '' ? null : code },
    cause: error,
  })
}
