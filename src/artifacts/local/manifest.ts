import { foldedPath, linkFault, pathFault } from './entry-path'

/** A file, a folder or a link within a kept directory. */
export interface DirectoryEntry {
  /** relative, with `/` between names */
  readonly path: string
  readonly type: 'file' | 'directory' | 'link'
  /** bytes; 0 but for files */
  readonly size: number
  /** permission bits, at most 0o777; 0 for links, which have none */
  readonly mode: number
  /** where a link points to, relative to its folder; `''` but for links */
  readonly target: string
}

const MAGIC = 'persistables-directory 1'
const FIRST_LINE = new RegExp(`^${MAGIC} (\\d{1,9})$`)
/** Bytes of the first line, at most. */
const HEAD_LIMIT = 64
/** Bytes of a manifest, at most. */
export const MANIFEST_LIMIT: number = 128 << 20

/**
 * The head of a kept directory: a line that says how long the manifest is, then the manifest, as JSON in order of paths. The bytes of its files follow in that order.
 *
 * @example
 * persistables-directory 1 57
 * [["d","model",493],["f","model/weights.bin",420,16384]]
 */
export function manifestBytes(entries: readonly DirectoryEntry[]): Uint8Array {
  const json = Buffer.from(
    JSON.stringify(
      entries.map(({ path, type, size, mode, target }) =>
        type === 'file' ? ['f', path, mode, size] : type === 'directory' ? ['d', path, mode] : ['l', path, target],
      ),
    ),
  )
  return Buffer.concat([Buffer.from(`${MAGIC} ${json.length}\n`), json, Buffer.from('\n')])
}

/** What is at the beginning of a kept directory. */
export interface Manifest {
  readonly entries: readonly DirectoryEntry[]
  /** bytes of the head: where the first file begins */
  readonly length: number
}

/** Collects the head of a stream: `push` gives the manifest as soon as all of it is there. Throws a TypeError whose message says what is wrong. */
export function manifestReader(): { push(chunk: Uint8Array): Manifest | undefined } {
  let held: Buffer = Buffer.alloc(0)
  let parts: Uint8Array[] = []
  let length = 0
  let wanted = 1
  return {
    push(chunk) {
      parts.push(chunk)
      length += chunk.length
      if (length < wanted) return undefined
      held = Buffer.concat([held, ...parts])
      parts = []
      const end = held.subarray(0, HEAD_LIMIT).indexOf(10)
      if (end < 0 && held.length < HEAD_LIMIT) return undefined
      const [, digits] = FIRST_LINE.exec(held.toString('latin1', 0, Math.max(end, 0))) ?? []
      if (digits === undefined) throw new TypeError('they do not begin as a directory')
      if (Number(digits) > MANIFEST_LIMIT) throw new TypeError(`their manifest is longer than ${MANIFEST_LIMIT} bytes`)
      wanted = end + 1 + Number(digits) + 1
      if (length < wanted) return undefined
      return { entries: entriesOf(held.subarray(end + 1, wanted)), length: wanted }
    },
  }
}

function entriesOf(bytes: Buffer): DirectoryEntry[] {
  if (bytes.at(-1) !== 10) throw new TypeError('their manifest does not end where it should')
  const list = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown
  if (!Array.isArray(list)) throw new TypeError('their manifest is no list')
  const entries = list.map(entryOf)
  const fault = entriesFault(entries)
  if (fault !== undefined) throw new TypeError(fault)
  return entries
}

function entryOf(item: unknown): DirectoryEntry {
  const [kind, path, third, size] = Array.isArray(item) ? (item as readonly unknown[]) : []
  const mode = Number.isInteger(third) && (third as number) >= 0 && (third as number) <= 0o777 ? (third as number) : -1
  if (typeof path !== 'string') throw new TypeError('their manifest has an entry without a path')
  if (kind === 'f' && mode >= 0 && Number.isSafeInteger(size) && (size as number) >= 0)
    return { path, type: 'file', size: size as number, mode, target: '' }
  if (kind === 'd' && mode >= 0) return { path, type: 'directory', size: 0, mode, target: '' }
  if (kind === 'l' && typeof third === 'string') return { path, type: 'link', size: 0, mode: 0, target: third }
  throw new TypeError('their manifest has an entry that makes no sense')
}

/**
 * Why entries cannot be kept, or `undefined`: each path must be one that {@link pathFault} takes, behind that of its folder, and no two may be the same to a file system
 * that does not tell capitals or kinds of accents apart; links must point inside.
 */
export function entriesFault(entries: readonly DirectoryEntry[]): string | undefined {
  const folders = new Set([''])
  const seen = new Map<string, string>()
  for (const { path, type, target } of entries) {
    const shown = JSON.stringify(path.slice(0, 200))
    const fault = pathFault(path) ?? (type === 'link' ? linkFault(path, target) : undefined)
    if (fault !== undefined) return `the entry ${shown} ${fault}`
    if (!folders.has(path.slice(0, Math.max(0, path.lastIndexOf('/'))))) return `the entry ${shown} lies in no folder of it`
    const other = seen.get(foldedPath(path))
    if (other !== undefined) return `the entries ${JSON.stringify(other)} and ${shown} are the same to some file systems`
    seen.set(foldedPath(path), path)
    if (type === 'directory') folders.add(path)
  }
  return undefined
}
