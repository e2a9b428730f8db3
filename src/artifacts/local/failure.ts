import { isPersistablesError, PersistablesError } from '../../errors'

const CAUSES: Readonly<Record<string, string>> = {
  ENOENT: 'there is nothing',
  ENOTDIR: 'a part of the path is no folder',
  EISDIR: 'it is a folder',
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  EROFS: 'the file system cannot be written',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'it is a symbolic link, or links go in a circle',
  EEXIST: 'it is there already',
  ENOTEMPTY: 'it is there already',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  EMFILE: 'too many files are open',
  ERR_INVALID_ARG_VALUE: 'no path is like that',
}

/** The `code` of a system error, or `''`. */
export function systemCode(error: unknown): string {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined
  return typeof code === 'string' ? code : ''
}

function why(error: unknown): string {
  return CAUSES[systemCode(error)] ?? (error instanceof Error ? error.message : String(error))
}

/** The error of a path that is to be saved and cannot be read. Errors of this package are passed on. */
export function unreadablePath(serializer: string, path: string, error: unknown): PersistablesError {
  if (isPersistablesError(error)) return error
  return new PersistablesError('INVALID_ARTIFACT', `${serializer}() cannot read ${path}: ${why(error)}.`, {
    fix: 'Pass the path of what is there and can be read.',
    details: { serializer, path, errno: systemCode(error) },
    cause: error,
  })
}

/** The error of a path that changed between the beginning and the end of a save. */
export function changedPath(serializer: string, path: string, how: string): PersistablesError {
  return new PersistablesError('INVALID_ARTIFACT', `${path} was changed while ${serializer}() read it: ${how}.`, {
    fix: 'Save it again when nobody writes into it.',
    details: { serializer, path },
  })
}

/** The error of a place that an artifact cannot be saved to. What the system did not say, such as the reason of a signal, is passed on. */
export function unwritablePath(path: string, error: unknown): unknown {
  const system = typeof error === 'object' && error !== null && 'syscall' in error
  if (isPersistablesError(error) || (!system && CAUSES[systemCode(error)] === undefined)) return error
  const full = ['ENOSPC', 'EDQUOT', 'EIO', 'EMFILE'].includes(systemCode(error))
  return new PersistablesError(full ? 'STORE_FAILED' : 'INVALID_OPTION', `${path} cannot be written: ${why(error)}.`, {
    fix: full ? 'Nothing was kept. Make room, then try again.' : 'Nothing was kept. Name another place.',
    details: { path, errno: systemCode(error) },
    cause: error,
  })
}
