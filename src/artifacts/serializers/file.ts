import { basename, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PersistablesError } from '../../errors'
import { pathFault } from '../local/entry-path'
import { unreadablePath } from '../local/failure'
import { fs } from '../local/file-system'
import { placeFile } from '../local/place'
import { readUnchanged } from '../local/source-file'
import type { Content, Encoded, PatternSerializer } from '../serializer'
import type { TransferOptions } from '../store'
import { serializer } from './custom'
import { kindOf, unfit } from './unfit'

/** Options of `saveTo`. */
export interface SaveToOptions extends TransferOptions {
  /** whether a file that is there may be replaced. @defaultValue false */
  readonly overwrite?: boolean
}

/** A kept file. Nothing of it is read before it is asked for; each reading is verified, and goes on in another pattern where one is damaged. */
export interface ArtifactFile {
  /** the name that the file had, without its folder */
  readonly name: string
  /** bytes */
  readonly size: number
  /** permission bits */
  readonly mode: number
  /** the bytes in little memory, from byte `start` on; throws as `stream()` of a saved persistable does */
  stream(options?: { readonly start?: number } & TransferOptions): AsyncIterable<Uint8Array>
  /** all of them */
  bytes(): Promise<Uint8Array>
  /**
   * Writes it to a file, which gets its name when all of it is there and verified, and the permissions that it had. Gives the absolute path.
   * Throws `INVALID_OPTION` when the place is taken or cannot be written, `STORE_FAILED` when the disk is full, and as `stream` does; then nothing is left.
   */
  saveTo(path: string, options?: SaveToOptions): Promise<string>
}

/**
 * A file of this machine: takes its path, gives an {@link ArtifactFile}. Kept are its bytes, which alone are its content digest, its name and its permissions. On the disk
 * of a disk store it is cloned where the file system can do that, else copied; it is never linked to, and what is hashed is what was kept.
 *
 * Throws `INVALID_ARTIFACT` for what is no file or cannot be read, and for a file that is written to meanwhile.
 *
 * @example
 * artifacts: { report: artifact(file().to('disk')) }
 * draft.set('report', 'out/report.pdf')
 * await (await saved.artifact('report')).saveTo('copy.pdf')
 */
export function file(): PatternSerializer<ArtifactFile, string | URL | ArtifactFile> {
  return serializer<ArtifactFile, string | URL | ArtifactFile>({
    name: 'file',
    encode: (value) => (isArtifactFile(value) ? kept(value) : found(pathOf('file', value))),
    decode: fileOf,
  })
}

/** A path as text, absolute. Throws `INVALID_ARTIFACT`. */
export function pathOf(name: string, value: unknown): string {
  if (value instanceof URL && value.protocol === 'file:') return fileURLToPath(value)
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return resolve(value)
  throw unfit(
    name,
    `${name}() takes a path or a file: URL, not ${typeof value === 'string' ? JSON.stringify(value) : kindOf(value)}.`,
    'Use bytes() for what is in memory.',
  )
}

async function found(path: string): Promise<Encoded> {
  const stamp = await fs.stat(path, { bigint: true }).catch((error: unknown) => {
    throw unreadablePath('file', path, error)
  })
  if (!stamp.isFile())
    throw unfit('file', `${path} is ${stamp.isDirectory() ? 'a folder' : 'no regular file'}.`, 'Use directory() for folders.', { path })
  const reading = { serializer: 'file', stamp, follow: true }
  const name = basename(path)
  const fault = pathFault(name)
  if (fault !== undefined) throw unfit('file', `The name ${JSON.stringify(name)} ${fault}.`, 'Rename the file.', { path })
  return {
    bytes: { [Symbol.asyncIterator]: () => readUnchanged(path, reading) },
    reused: { [Symbol.asyncIterator]: () => readUnchanged(path, { ...reading, reuse: true }) },
    options: { name, mode: Number(stamp.mode & 0o777n) },
    size: Number(stamp.size),
    path,
  }
}

function isArtifactFile(value: unknown): value is ArtifactFile {
  return typeof value === 'object' && value !== null && typeof (value as Partial<ArtifactFile>).saveTo === 'function' && 'mode' in value
}

function kept(value: ArtifactFile): Encoded {
  return { bytes: value.stream(), options: { name: value.name, mode: value.mode }, size: value.size }
}

function fileOf(content: Content): ArtifactFile {
  const { name, mode } = content.options
  // the row may have been tampered with, and a name may become part of a path
  if (typeof name !== 'string' || name.includes('/') || pathFault(name) !== undefined || !isMode(mode))
    throw unfit('file', 'The row’s notes of its name and permissions make no sense.', 'Read it with bytes().')
  return Object.freeze({
    name,
    mode,
    size: content.size,
    stream({ start = 0, signal }: { readonly start?: number } & TransferOptions = {}) {
      if (Number.isSafeInteger(start) && start >= 0) return content.stream({ start, signal })
      throw new PersistablesError('INVALID_OPTION', `A stream cannot start at ${String(start)}.`, { fix: 'Give a number of bytes, 0 or more.' })
    },
    bytes: async () => new Uint8Array(await content.bytes()),
    saveTo: (path: string, { overwrite = false, signal }: SaveToOptions = {}) => placeFile(content.stream({ signal }), path, { mode, overwrite }),
  })
}

function isMode(mode: unknown): mode is number {
  return typeof mode === 'number' && Number.isInteger(mode) && mode >= 0 && mode <= 0o777
}
