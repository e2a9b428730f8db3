import { promisify } from 'node:util'
import files from 'graceful-fs'

/** File operations of this machine, as promises. */
export interface FileSystem {
  readonly chmod: typeof files.chmod.__promisify__
  readonly close: typeof files.close.__promisify__
  readonly copyFile: typeof files.copyFile.__promisify__
  readonly fchmod: typeof files.fchmod.__promisify__
  readonly fdatasync: typeof files.fdatasync.__promisify__
  readonly fstat: typeof files.fstat.__promisify__
  readonly fsync: typeof files.fsync.__promisify__
  readonly link: typeof files.link.__promisify__
  readonly lstat: typeof files.lstat.__promisify__
  readonly mkdir: typeof files.mkdir.__promisify__
  readonly mkdtemp: typeof files.mkdtemp.__promisify__
  readonly open: typeof files.open.__promisify__
  readonly read: typeof files.read.__promisify__
  readonly readdir: typeof files.readdir.__promisify__
  readonly readlink: typeof files.readlink.__promisify__
  readonly rename: typeof files.rename.__promisify__
  readonly stat: typeof files.stat.__promisify__
  readonly symlink: typeof files.symlink.__promisify__
  readonly unlink: typeof files.unlink.__promisify__
  readonly write: typeof files.write.__promisify__
  /** with everything below it; whether or not it is there */
  readonly remove: (path: string) => Promise<void>
}

const rm: typeof files.rm.__promisify__ = promisify(files.rm)

/** {@link FileSystem} that waits for a free descriptor where `node:fs` would fail with EMFILE; failures are Node's, with `code`. */
export const fs: FileSystem = {
  chmod: promisify(files.chmod),
  close: promisify(files.close),
  copyFile: promisify(files.copyFile),
  fchmod: promisify(files.fchmod),
  fdatasync: promisify(files.fdatasync),
  fstat: promisify(files.fstat),
  fsync: promisify(files.fsync),
  link: promisify(files.link),
  lstat: promisify(files.lstat),
  mkdir: promisify(files.mkdir),
  mkdtemp: promisify(files.mkdtemp),
  open: promisify(files.open),
  read: promisify(files.read),
  readdir: promisify(files.readdir),
  readlink: promisify(files.readlink),
  rename: promisify(files.rename),
  stat: promisify(files.stat),
  symlink: promisify(files.symlink),
  unlink: promisify(files.unlink),
  write: promisify(files.write),
  remove: (path) => rm(path, { recursive: true, force: true }),
}
