import { randomUUID } from 'node:crypto'
import { basename, dirname, join, resolve } from 'node:path'
import { PersistablesError } from '../../errors'
import { systemCode, unwritablePath } from './failure'
import { fs } from './file-system'

/** Options of {@link placeFile}. */
export interface PlaceFile {
  /** permission bits */
  readonly mode: number
  /** whether a file that is there may be replaced */
  readonly overwrite: boolean
}

/**
 * Writes bytes to a file beside its place, synced, and gives it its name when all of them are there: whoever looks sees nothing or all of it. A symbolic link at the place
 * is replaced, never followed. Gives the absolute path.
 *
 * Throws `INVALID_OPTION` when the place is taken or cannot be written, `STORE_FAILED` when the disk is full, and what the source throws; then nothing is left.
 */
export async function placeFile(source: AsyncIterable<Uint8Array>, path: string, { mode, overwrite }: PlaceFile): Promise<string> {
  const target = await placeOf(path)
  const temp = besides(target)
  try {
    await writeNew(temp, source, { mode, sync: true }, target)
    if (overwrite) await fs.rename(temp, target)
    else await giveName(temp, target)
    return target
  } catch (error) {
    throw unwritablePath(target, error)
  } finally {
    await fs.unlink(temp).catch(() => undefined)
  }
}

/** A folder under construction beside its place. */
export interface PlacedFolder {
  /** path of what lies at a relative path in it, for the time being */
  at(path: string): string
}

/**
 * Builds a folder beside its place and gives it its name when `build` is done. What is there must be an empty folder or nothing. Gives the absolute path.
 *
 * Throws as {@link placeFile} does; then nothing is left.
 */
export async function placeFolder(path: string, build: (folder: PlacedFolder) => Promise<void>): Promise<string> {
  const target = await placeOf(path)
  const temp = besides(target)
  try {
    await refuseTaken(target)
    await fs.mkdir(temp)
    await build({ at: (inside) => join(temp, ...inside.split('/')) })
    await fs.rename(temp, target)
    return target
  } catch (error) {
    await removeAll(temp)
    throw unwritablePath(target, error)
  }
}

/** Options of {@link writeNew}. */
interface WriteNew {
  readonly mode: number
  /** whether the bytes must be on the medium at the end */
  readonly sync: boolean
}

/** Writes a file where none is. `shown` is what messages call it. */
export async function writeNew(path: string, source: AsyncIterable<Uint8Array>, { mode, sync }: WriteNew, shown: string): Promise<void> {
  const guard = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw unwritablePath(shown, error)
    })
  const fd = await guard(fs.open(path, 'wx', 0o600))
  try {
    let at = 0
    for await (const chunk of source)
      for (let done = 0; done < chunk.length; ) {
        const { bytesWritten } = await guard(fs.write(fd, chunk, done, chunk.length - done, at))
        done += bytesWritten
        at += bytesWritten
      }
    await guard(fs.fchmod(fd, mode))
    if (sync) await guard(fs.fsync(fd))
  } finally {
    await fs.close(fd)
  }
}

async function placeOf(path: string): Promise<string> {
  const target = resolve(path)
  const facts = await fs.stat(dirname(target)).catch((error: unknown) => {
    throw unwritablePath(target, error)
  })
  if (facts.isDirectory() && basename(target) !== '') return target
  throw unwritablePath(target, Object.assign(new Error(), { code: 'ENOTDIR' }))
}

const besides = (target: string): string => join(dirname(target), `.persistables-${randomUUID()}.partial`)

async function giveName(temp: string, target: string): Promise<void> {
  try {
    // not rename, which replaces what somebody else put there in the meantime
    await fs.link(temp, target)
  } catch (error) {
    if (['EEXIST', 'ENOENT', 'ENOSPC'].includes(systemCode(error))) throw error
    // a file system without links
    await refuseTaken(target)
    await fs.rename(temp, target)
  }
}

async function refuseTaken(target: string): Promise<void> {
  const facts = await fs.lstat(target).catch(() => undefined)
  if (facts === undefined || (facts.isDirectory() && (await fs.readdir(target)).length === 0)) return
  throw new PersistablesError('INVALID_OPTION', `${target} is there already.`, { fix: 'Name another place.', details: { path: target } })
}

// Folders that may not be written would keep what lies in them.
async function removeAll(path: string): Promise<void> {
  const open = async (folder: string): Promise<void> => {
    await fs.chmod(folder, 0o700)
    for (const entry of await fs.readdir(folder, { withFileTypes: true })) if (entry.isDirectory()) await open(join(folder, entry.name))
  }
  await open(path).catch(() => undefined)
  await fs.remove(path).catch(() => undefined)
}
