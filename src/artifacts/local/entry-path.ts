const DRIVE = /^[A-Za-z]:/
/** Bytes of a path, and of one name in it: what file systems take. */
const LONGEST_PATH = 4096
const LONGEST_NAME = 255

/**
 * Why a path within a directory cannot be kept, or `undefined`: it must be relative, `/` between its names, and mean the same on every system. No name may be empty,
 * `.` or `..`, begin like a drive, or hold a backslash or a NUL.
 */
export function pathFault(path: unknown): string | undefined {
  if (typeof path !== 'string' || path === '') return 'is empty'
  if (path.includes('\0')) return 'holds a NUL character'
  if (path.includes('\\')) return 'holds a backslash, which separates names on Windows'
  if (!path.isWellFormed()) return 'holds half a surrogate pair'
  if (path.startsWith('/')) return 'is absolute'
  if (Buffer.byteLength(path) > LONGEST_PATH) return 'is too long'
  for (const name of path.split('/')) {
    if (name === '' || name === '.' || name === '..') return 'leads elsewhere'
    if (DRIVE.test(name)) return 'begins like a drive of Windows'
    if (Buffer.byteLength(name) > LONGEST_NAME) return 'has too long a name in it'
  }
  return undefined
}

/** Why a link within a directory cannot be kept, or `undefined`: its target must lie inside, and be written so that this can be seen. */
export function linkFault(path: string, target: unknown): string | undefined {
  if (typeof target !== 'string' || target === '') return 'points nowhere'
  const names = target.split('/')
  const up = names.findIndex((name) => name !== '..')
  const rest = up < 0 ? [] : names.slice(up)
  // Behind a name, `..` may be that of a folder elsewhere: the name may be a link.
  const fault = rest.length === 0 ? undefined : pathFault(rest.join('/'))
  if (fault !== undefined) return `points to ${JSON.stringify(target)}, which ${fault}`
  const depth = path.split('/').length - 1
  return (up < 0 ? names.length : up) > depth ? `points to ${JSON.stringify(target)}, which is outside` : undefined
}

/** What names that some file systems take for the same have in common. */
export function foldedPath(path: string): string {
  return path.normalize('NFC').toLowerCase().toUpperCase().normalize('NFC')
}
