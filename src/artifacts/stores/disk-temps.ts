import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { PersistablesError } from '../../errors'
import { hashing } from '../sha256'
import type { Blob } from '../store'
import { diskFailure } from './disk-failure'
import { codeOf, type DiskFiles, type OpenFile } from './disk-files'
import { drain, type FillOptions, fill, SourceFailure } from './fill'
import { sourceFailed } from './key'

const DAY = 24 * 60 * 60 * 1000

/** A finished, synced temporary file. `digest` is `''` unless it was asked for. */
export interface Temp extends Blob {
  readonly path: string
}

/** The temporary files of a disk store. */
export interface DiskTemps {
  /** writes a stream into a new temporary file; on failure, or when the signal aborts, nothing is left */
  write(source: AsyncIterable<Uint8Array>, options: Omit<FillOptions, 'durable'>): Promise<Temp>
  /** a temporary file that is a clone of another, hashed and synced; `null` where that cannot be */
  clone(from: string, options: Pick<FillOptions, 'signal' | 'onChunk'>): Promise<Temp | null>
  /** one was renamed, and is no temporary file any more */
  renamed(path: string): void
  /** removes one, if it is still there; never throws */
  remove(path: string): Promise<void>
  /** removes what crashes left behind: files last written more than `olderThan` ms ago, of no living writer. Gives their number. */
  sweep(olderThan?: number): Promise<number>
}

/**
 * The temporary files in the folder `tmp`. Their names say the machine and the process, so that a sweep can tell whether the writer lives.
 *
 * @param create - makes a file in `tmp`, and `tmp` itself where it is not there
 */
export function diskTemps(store: string, tmp: string, files: DiskFiles, create: (path: string) => Promise<OpenFile>): DiskTemps {
  const live = new Set<string>()
  const host = hostname()
    .replace(/[^A-Za-z0-9-]/g, '-')
    .slice(0, 60)

  const begin = (): string => {
    const path = join(tmp, `${host}.${process.pid}.${randomUUID()}`)
    live.add(path)
    return path
  }

  const remove = async (path: string): Promise<void> => {
    await files.unlink(path).catch(() => false)
    live.delete(path)
  }

  /** the file system's own time: a server's clock may differ from this machine's */
  const clock = async (): Promise<number> => {
    const probe = begin()
    try {
      await (await create(probe)).close()
      return (await files.stat(probe))?.modified ?? Number.NEGATIVE_INFINITY
    } finally {
      await remove(probe)
    }
  }

  const writerLives = (entry: string): boolean => {
    const [machine, pid] = entry.split('.')
    if (machine !== host || pid === undefined || Number(pid) === process.pid) return false
    try {
      return process.kill(Number(pid), 0)
    } catch (error) {
      return codeOf(error) === 'EPERM'
    }
  }

  return {
    renamed: (path) => void live.delete(path),
    remove,
    async write(source, options) {
      const path = begin()
      try {
        const file = await create(path)
        try {
          return { path, ...(await fill(file, source, { ...options, durable: true })) }
        } finally {
          await file.close()
        }
      } catch (error) {
        await remove(path)
        if (options.signal?.aborted) throw options.signal.reason
        throw error instanceof SourceFailure ? sourceFailed(store, error.cause) : diskFailure(store, 'write', path, error)
      }
    },
    async clone(from, { signal, onChunk }) {
      const path = begin()
      try {
        if ((await files.clone?.(from, path)) !== true) {
          await remove(path)
          return null
        }
        const file = await files.open(path)
        await file.sync().finally(() => file.close())
        const hash = hashing()
        for await (const block of hash.on(drain(await files.open(path), 0, true))) {
          signal?.throwIfAborted()
          onChunk?.(block)
        }
        return { path, ...hash.blob() }
      } catch (error) {
        await remove(path)
        if (signal?.aborted) throw signal.reason
        throw diskFailure(store, 'clone', from, error)
      }
    },
    async sweep(olderThan = DAY) {
      if (!(olderThan >= 0))
        throw new PersistablesError('INVALID_OPTION', `olderThan is ${String(olderThan)}.`, { fix: 'Give milliseconds, 0 or more.' })
      try {
        const entries = await files.list(tmp)
        if (entries === null || entries.length === 0) return 0
        const now = await clock()
        let count = 0
        for (const entry of entries) {
          const path = join(tmp, entry)
          if (live.has(path) || writerLives(entry)) continue
          const facts = await files.stat(path)
          if (facts?.file === true && now - facts.modified > olderThan && (await files.unlink(path))) count++
        }
        return count
      } catch (error) {
        throw diskFailure(store, 'sweep', tmp, error)
      }
    },
  }
}
