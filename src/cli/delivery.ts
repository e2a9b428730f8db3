import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { link, lstat, open, realpath, rename, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { PersistablesError } from '../errors'
import { shell } from './lookup'

/** Where bytes go, and how. */
export interface Delivery {
  /** the final name; relative to `cwd` */
  readonly path: string
  readonly cwd: string
  /** whether a file that is there may be replaced */
  readonly force: boolean
}

/**
 * Writes bytes to a file: to a temporary one beside it, synced, and given its name only when all of them are there. Nothing is left behind when `content`
 * throws or the process is told to end.
 *
 * @returns the absolute path, and the number of bytes
 * @throws INVALID_OPTION - the path is taken, a folder or device, or its folder is not there or cannot be written
 */
export async function deliver(content: AsyncIterable<Uint8Array>, { path, cwd, force }: Delivery): Promise<{ path: string; size: number }> {
  const wanted = resolve(cwd, path)
  const target = await free(wanted, force)
  const temp = join(dirname(target), `.persistables-${randomUUID()}.partial`)
  const remove = (): void => rmSync(temp, { force: true })
  process.once('exit', remove)
  try {
    const size = await fill(temp, content)
    await place(temp, target, force)
    return { path: wanted, size }
  } catch (error) {
    throw explained(error, wanted)
  } finally {
    remove()
    process.removeListener('exit', remove)
  }
}

/** What will be written: the file a link points to, so that the link stays. */
async function free(path: string, force: boolean): Promise<string> {
  const found = await lstat(path).catch(missing)
  if (found === null) {
    const folder = await stat(dirname(path)).catch(missing)
    if (folder?.isDirectory() === true) return path
    throw new PersistablesError('INVALID_OPTION', `There is no folder ${dirname(path)}.`, {
      fix: `Make it first: mkdir -p ${shell(dirname(path))}`,
      details: { path },
    })
  }
  const target = found.isSymbolicLink() ? await realpath(path).catch(() => path) : path
  const facts = await stat(target).catch(missing)
  if (facts !== null && !facts.isFile()) {
    const kind = facts.isDirectory() ? 'a folder' : 'no regular file'
    throw new PersistablesError('INVALID_OPTION', `${path} is ${kind}.`, { fix: 'Name a file with -o, or - for stdout.', details: { path } })
  }
  if (!force) throw taken(path)
  return target
}

function taken(path: string): PersistablesError {
  return new PersistablesError('INVALID_OPTION', `The file ${path} is there already.`, {
    fix: 'Pass --force to replace it, or name another with -o.',
    details: { path },
  })
}

async function fill(temp: string, content: AsyncIterable<Uint8Array>): Promise<number> {
  const file = await open(temp, 'wx')
  try {
    let size = 0
    for await (const chunk of content) {
      // write may take only part of what it is given
      for (let done = 0; done < chunk.byteLength; ) done += (await file.write(chunk, done)).bytesWritten
      size += chunk.byteLength
    }
    await file.sync()
    return size
  } finally {
    await file.close()
  }
}

async function place(temp: string, target: string, force: boolean): Promise<void> {
  if (force) return rename(temp, target)
  try {
    // Not rename, which replaces what somebody else put there in the meantime.
    await link(temp, target)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' || code === 'ENOENT' || code === 'ENOSPC') throw error
    // A file system without links.
    if ((await lstat(target).catch(missing)) !== null) throw taken(target)
    await rename(temp, target)
  }
}

const REFUSALS: Readonly<Record<string, string>> = {
  EACCES: 'may not be written',
  EPERM: 'may not be written',
  EROFS: 'is on a file system that cannot be written',
  ENAMETOOLONG: 'has too long a name',
}

function explained(error: unknown, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (error instanceof PersistablesError || code === undefined) return error
  if (code === 'EEXIST') return taken(path)
  const what = REFUSALS[code]
  return what === undefined
    ? error
    : new PersistablesError('INVALID_OPTION', `${path} ${what}.`, {
        fix: 'Name another file with -o.',
        details: { path, reason: code },
        cause: error,
      })
}

function missing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
  throw error
}
