import { constants } from 'node:fs'
import { fs } from '../local/file-system'

/** An open file. Positions and lengths are bytes. */
export interface OpenFile {
  /** writes all of `bytes` at `position` */
  write(bytes: Uint8Array, position: number): Promise<void>
  /** reads into `into` from `position`; gives the number of bytes read, 0 at the end */
  read(into: Uint8Array, position: number): Promise<number>
  size(): Promise<number>
  /** returns when the file's data are on the medium */
  sync(): Promise<void>
  close(): Promise<void>
}

/** What is at a path. `modified` is in milliseconds of the file system's clock; `stamp` is another one for another file, and after a change. */
export interface FileFacts {
  readonly size: number
  readonly modified: number
  readonly stamp: string
  readonly file: boolean
}

/**
 * Every file-system operation of the disk store, and nothing else: so that tests can record them, fail them, and replay crashes.
 * Errors are Node's, with `code`.
 */
export interface DiskFiles {
  /** a new file for writing; fails with EEXIST when the path is taken */
  create(path: string): Promise<OpenFile>
  /** an existing file for reading */
  open(path: string): Promise<OpenFile>
  /** moves, atomically replacing a file at `to` */
  rename(from: string, to: string): Promise<void>
  /** makes the file at `from` visible at `to` too, whole, unless `to` is taken: then `false` */
  link(from: string, to: string): Promise<boolean>
  /** a new file at `to` that shares the blocks of `from` until either is written to; `false` where the file system cannot do that */
  clone?(from: string, to: string): Promise<boolean>
  /** `false` when nothing was there */
  unlink(path: string): Promise<boolean>
  /** one level; `false` when it was there already */
  mkdir(path: string): Promise<boolean>
  /** returns when the folder's entries are on the medium */
  syncDir(path: string): Promise<void>
  /** `null` when nothing is there */
  stat(path: string): Promise<FileFacts | null>
  /** names in a folder, `null` when there is no such folder */
  list(path: string): Promise<string[] | null>
}

/** The `code` of a system error, or `''`. */
export function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined
  return typeof code === 'string' ? code : ''
}

const WINDOWS = process.platform === 'win32'
// on Windows a read-only attribute would keep rename from replacing the file
const BLOB_MODE = WINDOWS ? 0o644 : 0o444
// file systems that know no fsync of folders, or no links, say so in one of these ways
const NO_DIR_SYNC = new Set(WINDOWS ? ['EPERM', 'EISDIR', 'EACCES', 'EINVAL'] : ['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'])
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV'])
const ABSENT = new Set(['ENOENT', 'ENOTDIR'])

async function unless<T, F>(codes: ReadonlySet<string>, fallback: F, run: () => Promise<T>): Promise<T | F> {
  try {
    return await run()
  } catch (error) {
    if (codes.has(codeOf(error))) return fallback
    throw error
  }
}

function openFile(fd: number): OpenFile {
  return {
    async write(bytes, position) {
      let done = 0
      while (done < bytes.length) done += (await fs.write(fd, bytes, done, bytes.length - done, position + done)).bytesWritten
    },
    read: async (into, position) => (await fs.read(fd, into, 0, into.length, position)).bytesRead,
    size: async () => (await fs.fstat(fd)).size,
    sync: () => fs.fdatasync(fd),
    close: () => fs.close(fd),
  }
}

/** {@link DiskFiles} of this machine.  */
export const nodeFiles: DiskFiles = Object.freeze({
  create: async (path: string) => openFile(await fs.open(path, 'wx', BLOB_MODE)),
  open: async (path: string) => openFile(await fs.open(path, 'r')),
  rename: (from: string, to: string) => fs.rename(from, to),
  async link(from: string, to: string): Promise<boolean> {
    try {
      await fs.link(from, to)
      return true
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false
      if (!NO_LINKS.has(codeOf(error))) throw error
    }
    const copied = await unless(new Set(['EEXIST']), false, () => fs.copyFile(from, to, constants.COPYFILE_EXCL).then(() => true))
    if (copied) {
      const fd = await fs.open(to, 'r')
      await fs.fsync(fd).finally(() => fs.close(fd))
    }
    return copied
  },
  async clone(from: string, to: string): Promise<boolean> {
    try {
      await fs.copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE)
      await fs.chmod(to, BLOB_MODE)
      return true
    } catch {
      // other disks, other file systems, or a file that cannot be read: whoever reads it byte by byte will say so
      return false
    }
  },
  unlink: (path: string) => unless(ABSENT, false, () => fs.unlink(path).then(() => true)),
  mkdir: (path: string) => unless(new Set(['EEXIST']), false, () => fs.mkdir(path).then(() => true)),
  syncDir: (path: string) =>
    unless(NO_DIR_SYNC, undefined, async () => {
      const fd = await fs.open(path, 'r')
      await fs.fsync(fd).finally(() => fs.close(fd))
    }),
  stat: (path: string) =>
    unless(ABSENT, null, async () => {
      const facts = await fs.stat(path)
      return { size: facts.size, modified: facts.mtimeMs, stamp: `${facts.dev} ${facts.ino} ${facts.ctimeMs} ${facts.mtimeMs}`, file: facts.isFile() }
    }),
  list: (path: string) => unless(ABSENT, null, () => fs.readdir(path)),
})
