import { constants, existsSync, rmSync } from 'node:fs'
import { access, chmod, copyFile, mkdir, mkdtemp, open, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { PersistablesError, reason } from '../errors'
import { databaseFailure, failureKind } from '../failure'
import { type Driver, type DriverFactory, queryOf } from './driver'
import { keepingPrepared } from './prepared-sqlite'
import { retryBusy } from './retry'

/** Milliseconds that one call waits for a lock, blocking the process; callers retry asynchronously. */
const BUSY_TIMEOUT = 200

/** Opens connections to a SQLite file, each with synchronous=FULL and foreign keys. @param readonly - never write, and fail if there is no file */
export async function sqliteFactory(file: string, options: { readonly?: boolean; timeout?: number } = {}): Promise<DriverFactory> {
  const { PrismaBetterSqlite3 } = await import('@prisma/adapter-better-sqlite3')
  const readonly = options.readonly ?? false
  const factory = new PrismaBetterSqlite3({ url: `file:${file}`, timeout: options.timeout ?? BUSY_TIMEOUT, readonly, fileMustExist: readonly })
  const connect = factory.connect.bind(factory)
  // In the factory, since both settings belong to a connection and a client opens a new one after $disconnect.
  // The driver's build defaults WAL to synchronous=NORMAL, under which a power cut undoes commits.
  factory.connect = async () => {
    const driver = await connect()
    try {
      await driver.executeScript('PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON')
    } catch (error) {
      await driver.dispose()
      throw error
    }
    return keepingPrepared(driver)
  }
  return factory
}

/** Opens a connection, waiting for whoever is busy with the file, works with it, closes it. */
export async function withSqlite<T>(
  file: string,
  options: { readonly?: boolean; timeout?: number; limit?: number },
  work: (driver: Driver) => Promise<T>,
): Promise<T> {
  const factory = await sqliteFactory(file, options)
  const driver = await retryBusy(() => factory.connect(), options.limit ?? 5000)
  try {
    return await work(driver)
  } finally {
    await driver.dispose()
  }
}

/** A SQLite file that is ready to be opened. */
export interface SqliteFile {
  /** what to open: the file itself, or a copy of it in a temporary folder */
  readonly path: string
  readonly readOnly: boolean
  /** whether `path` is a copy */
  readonly copied: boolean
  /** removes the copy, if there is one */
  release(): Promise<void>
}

/**
 * Finds out how a SQLite file can be opened, without opening it where it can be written. Makes the folder of a new file.
 *
 * A file that cannot be written, or lies in such a folder, is opened read-only; where SQLite cannot even do that (a WAL database needs its -shm file
 * beside it) a copy in a temporary folder is, which shows the database as it is now.
 *
 * @throws READ_ONLY - a new file or its folder cannot be made
 * @throws DATABASE_FAILED - it is no file, or cannot be read
 */
export async function openableSqlite(file: string): Promise<SqliteFile> {
  const found = await stat(file).catch(absent)
  if (found === null) await makeFolder(file)
  else if (!found.isFile()) {
    throw new PersistablesError('DATABASE_FAILED', `${file} is not a file.`, {
      fix: 'Let the url name a file inside that folder.',
      details: { path: file },
    })
  }
  // By access and stat alone: closing a descriptor of the file would drop the locks that this process's other connections hold on it.
  const writable = (await may(dirname(file), constants.W_OK | constants.X_OK)) && (found === null || (await may(file, constants.W_OK)))
  const direct = { path: file, copied: false, release: async () => {} }
  if (writable) return { ...direct, readOnly: false }
  if (found === null) throw unwritable(dirname(file), new Error('permission denied'))
  try {
    await withSqlite(file, { readonly: true }, async (driver) => queryOf(driver)('SELECT 1 FROM sqlite_master LIMIT 1'))
    return { ...direct, readOnly: true }
  } catch (error) {
    if (failureKind(error) !== 'read-only') throw databaseFailure(error, `opening ${file}`)
  }
  return copyAside(file)
}

async function makeFolder(file: string): Promise<void> {
  const folder = dirname(file)
  try {
    const first = await mkdir(folder, { recursive: true })
    if (first === undefined) return
    // A new folder outlives a power cut only when its parent is on disk too.
    for (let parent = dirname(folder); parent.length >= dirname(first).length; parent = dirname(parent)) {
      await syncFolder(parent)
      if (parent === dirname(parent)) break
    }
  } catch (error) {
    throw unwritable(folder, error)
  }
}

/** Puts a folder's entries on disk; where a folder cannot be opened for that, the system does it by itself. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => null)
  if (handle === null) return
  try {
    await handle.sync()
  } catch {
    // EINVAL and EPERM: this file system has no such operation.
  } finally {
    await handle.close()
  }
}

function unwritable(folder: string, error: unknown): PersistablesError {
  const code = (error as NodeJS.ErrnoException).code ?? 'EACCES'
  const denied = ['EACCES', 'EPERM', 'EROFS'].includes(code)
  return new PersistablesError(
    denied ? 'READ_ONLY' : 'DATABASE_FAILED',
    `The database's folder ${folder} cannot be ${existsSync(folder) ? 'written' : 'made'}: ${reason(error)}.`,
    {
      fix: denied
        ? 'Give the process write access to it, or choose another place: openRepository({ url: "file:<path>" }).'
        : 'Choose another place: openRepository({ url: "file:<path>" }).',
      details: { path: folder, reason: code },
      cause: error,
    },
  )
}

async function may(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  )
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
  throw new PersistablesError('DATABASE_FAILED', `The database file cannot be reached: ${reason(error)}.`, {
    fix: 'Give the process access to its folder.',
    details: { path: error.path ?? null, reason: error.code ?? null },
    cause: error,
  })
}

async function copyAside(file: string): Promise<SqliteFile> {
  const folder = await mkdtemp(join(tmpdir(), 'persistables-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  try {
    const path = join(folder, basename(file))
    await copyUnchanged(file, path)
    // A reader could not open the copy either while it says WAL and has no -shm; this also takes in what its -wal holds.
    await withSqlite(path, {}, async (driver) => queryOf(driver)('PRAGMA journal_mode=DELETE'))
    process.once('exit', remove)
    return {
      path,
      readOnly: true,
      copied: true,
      release: async () => {
        process.removeListener('exit', remove)
        await rm(folder, { recursive: true, force: true })
      },
    }
  } catch (error) {
    remove()
    if (failureKind(error) === 'corrupt') throw databaseFailure(error, `opening ${file}`)
    throw new PersistablesError(
      'DATABASE_FAILED',
      `The database ${file} cannot be opened in its folder, and no copy could be made to read: ${reason(error)}.`,
      {
        fix: 'Give the process read access to the file and write access to its folder; TMPDIR chooses where copies go.',
        details: { path: file },
        cause: error,
      },
    )
  }
}

// Somebody else may write the file meanwhile, and a copy of half of a checkpoint is no database.
async function copyUnchanged(file: string, path: string): Promise<void> {
  for (let round = 0; round < 5; round++) {
    const before = await stamp(file)
    for (const suffix of ['', '-wal']) {
      await rm(path + suffix, { force: true })
      if (suffix === '' || existsSync(file + suffix)) {
        await copyFile(file + suffix, path + suffix)
        await chmod(path + suffix, 0o600)
      }
    }
    if (before === (await stamp(file))) return
  }
  throw new Error('it keeps changing')
}

async function stamp(file: string): Promise<string> {
  const parts = await Promise.all([file, `${file}-wal`].map((path) => stat(path, { bigint: true }).catch(() => null)))
  return parts.map((part) => (part === null ? '-' : `${part.ino}:${part.size}:${part.mtimeNs}`)).join(' ')
}
