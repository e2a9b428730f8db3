import { randomUUID } from 'node:crypto'
import { dirname, join, resolve } from 'node:path'
import { PersistablesError } from '../../errors'
import { inOrder } from '../in-order'
import { requireName } from '../name'
import type { Blob, GetOptions, Spool, SpoolOptions, Store, TransferOptions } from '../store'
import { diskFailure } from './disk-failure'
import { codeOf, type DiskFiles, nodeFiles } from './disk-files'
import { diskFolders } from './disk-folders'
import { diskMarker, MARKER } from './disk-marker'
import { diskTemps, type Temp } from './disk-temps'
import { drain, TooLong } from './fill'
import { missing, requireBlob, requireDigest, wrongLength } from './key'
import { writers } from './writers'

/** Options of {@link diskStore}. */
export interface DiskStoreOptions {
  /** what patterns call the store. @defaultValue 'disk' */
  readonly name?: string
}

const HEX2 = /^[0-9a-f]{2}$/
const HEX60 = /^[0-9a-f]{60}$/
/** Folders that a listing looks into at the same time. */
const LISTED_AT_ONCE = 8
type Source = () => AsyncIterable<Uint8Array>

/**
 * Keeps bytes in a folder, addressed by their sha256: `sha256/aa/bb/<the other 60 digits>`, beside a marker that says whose the folder is.
 *
 * A blob is written to a temporary file, synced, renamed, and its folder synced, before `put` resolves: a crash leaves it whole or absent. The folder
 * is made at the first write. Several processes may use one folder at once. Failures of the file system are `STORE_FAILED` with the path, the errno and
 * what to do; bytes that are not there are `ARTIFACT_MISSING`.
 *
 * @param dir - the root folder; a relative one is resolved now
 * @example
 * const repo = await openRepository({ stores: [diskStore('/data/models'), diskStore('/mnt/nas', { name: 'nas' })] })
 */
export function diskStore(dir: string, options: DiskStoreOptions = {}): Store {
  return diskStoreOn(nodeFiles, dir, options)
}

/** @internal {@link diskStore} on other file-system operations, for tests of durability. */
export function diskStoreOn(files: DiskFiles, dir: string, options: DiskStoreOptions = {}): Store {
  const name = requireName('store', options.name ?? 'disk')
  const root = rootOf(name, dir)
  const tmp = join(root, 'tmp')
  const folders = diskFolders(files, root, join(root, MARKER))
  const marker = diskMarker(name, root, tmp, files, folders)
  const { alone } = writers()

  const locate = (digest: string): string => {
    requireDigest(name, digest)
    return join(root, 'sha256', digest.slice(0, 2), digest.slice(2, 4), digest.slice(4))
  }

  const guarded = async <T>(doing: string, path: string, run: () => Promise<T>): Promise<T> => {
    try {
      return await run()
    } catch (error) {
      throw diskFailure(name, doing, path, error)
    }
  }

  /** runs `make` again, once, when folders that were there have been removed in the meantime */
  const inFolder = async <T>(folder: string, make: () => Promise<T>): Promise<T> => {
    try {
      await folders.ensure(folder)
      return await make()
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      folders.forget()
      marker.forget()
      await marker.writable()
      await folders.ensure(folder)
      return make()
    }
  }

  const ownerOf = async (claim: string | undefined): Promise<string | null> => {
    try {
      return await marker.owner(claim)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      folders.forget()
      marker.forget()
      return marker.owner(claim)
    }
  }

  const temps = diskTemps(name, tmp, files, (path) => inFolder(tmp, () => files.create(path)))

  const publish = async (temp: string, path: string): Promise<void> => {
    await inFolder(dirname(path), () => files.rename(temp, path))
    await files.syncDir(dirname(path))
    temps.renamed(temp)
  }

  /** whether the blob is there already; if so it is durable afterwards, also when another process renamed it in a moment ago */
  const isThere = async (path: string, size: number): Promise<boolean> => {
    const facts = await files.stat(path)
    if (facts === null || !facts.file || facts.size !== size) return false
    await files.syncDir(dirname(path))
    return true
  }

  const put = async (blob: Blob, source: Source, signal: AbortSignal | undefined, always: boolean): Promise<void> => {
    requireBlob(name, blob)
    const path = locate(blob.digest)
    await alone(blob, { always, signal }, async () => {
      await guarded('read', root, () => marker.readable())
      if (!always && (await guarded('sync', path, () => isThere(path, blob.size)))) return
      await guarded('prepare', root, () => marker.writable())
      // Beside the bytes: each waits for the medium.
      const folder = folders.ensure(dirname(path))
      folder.catch(() => {})
      const temp = await temps.write(source(), { limit: blob.size, hashed: false, signal }).catch((error: unknown): Temp => {
        throw error instanceof PersistablesError && error.cause instanceof TooLong ? wrongLength(name, blob, 'more') : error
      })
      try {
        if (temp.size !== blob.size) throw wrongLength(name, blob, String(temp.size))
        signal?.throwIfAborted()
        await guarded('write', path, async () => {
          await folder.catch(unlessGone)
          await publish(temp.path, path)
        })
      } catch (error) {
        await temps.remove(temp.path)
        throw error
      }
    })
  }

  const spool = async (source: AsyncIterable<Uint8Array>, options: SpoolOptions = {}): Promise<Spool> => {
    await guarded('prepare', root, () => marker.writable())
    return spoolOf(await temps.write(source, { hashed: true, signal: options.signal, onChunk: options.onChunk }))
  }

  const spoolFile = async (from: string, options: SpoolOptions = {}): Promise<Spool | null> => {
    await guarded('prepare', root, () => marker.writable())
    const temp = await temps.clone(from, { signal: options.signal, onChunk: options.onChunk })
    return temp && spoolOf(temp)
  }

  const spoolOf = (temp: Temp): Spool => {
    const path = locate(temp.digest)
    return Object.freeze({
      digest: temp.digest,
      size: temp.size,
      async commit() {
        let published = false
        try {
          await alone(temp, { always: false, signal: undefined }, () =>
            guarded('write', path, async () => {
              if (await isThere(path, temp.size)) return
              await publish(temp.path, path)
              published = true
            }),
          )
        } finally {
          if (!published) await temps.remove(temp.path)
        }
      },
      discard: () => temps.remove(temp.path),
      read: () => reading(temp.path, 0, {}, () => undefined),
    })
  }

  async function* reading(
    path: string,
    start: number,
    { signal, reuse }: GetOptions,
    onAbsent: () => void,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    signal?.throwIfAborted()
    try {
      const file = await files.open(path).catch((error: unknown) => {
        if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) onAbsent()
        throw error
      })
      for await (const block of drain(file, start, reuse)) {
        signal?.throwIfAborted()
        yield block
      }
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      throw diskFailure(name, 'read', path, error)
    }
  }

  return Object.freeze({
    name,
    kind: 'disk',
    locate,
    spool,
    spoolFile,
    put: (blob: Blob, source: Source, options: TransferOptions = {}) => put(blob, source, options.signal, false),
    replace: (blob: Blob, source: Source, options: TransferOptions = {}) => put(blob, source, options.signal, true),
    async *get(blob: Blob, options: GetOptions = {}) {
      requireBlob(name, blob)
      const path = locate(blob.digest)
      await guarded('read', root, () => marker.readable())
      yield* reading(path, options.start ?? 0, options, () => {
        throw missing(name, blob, path)
      })
    },
    async quarantine(digest: string) {
      const path = locate(digest)
      await guarded('prepare', root, () => marker.writable())
      const folder = join(root, 'quarantine')
      const aside = join(folder, `${digest}.${randomUUID()}`)
      return guarded('keep a copy of', path, async () => {
        if ((await files.stat(path))?.file !== true) return null
        // Another name for the same file: replacing the blob gives its own name to another one.
        await inFolder(folder, () => files.link(path, aside))
        await files.syncDir(folder)
        return aside
      })
    },
    async size(digest: string) {
      const path = locate(digest)
      await guarded('read', root, () => marker.readable())
      const facts = await guarded('read', path, () => files.stat(path))
      return facts?.file === true ? facts.size : null
    },
    async delete(digest: string) {
      const path = locate(digest)
      await guarded('read', root, () => marker.readable())
      return guarded('delete', path, () => files.unlink(path))
    },
    async *list() {
      await guarded('read', root, () => marker.readable())
      yield* blobsBelow(join(root, 'sha256'), files, guarded)
    },
    owner: ({ claim }: { claim?: string } = {}) => guarded(claim === undefined ? 'read' : 'claim', root, () => ownerOf(claim)),
    sweep: ({ olderThan }: { olderThan?: number } = {}) => temps.sweep(olderThan),
  })
}

async function* blobsBelow(
  top: string,
  files: DiskFiles,
  guarded: <T>(doing: string, path: string, run: () => Promise<T>) => Promise<T>,
): AsyncGenerator<Blob, void, undefined> {
  const names = async (path: string, shape: RegExp): Promise<string[]> =>
    (await guarded('list', path, async () => (await files.list(path)) ?? [])).filter((entry) => shape.test(entry))
  for (const first of await names(top, HEX2)) {
    const folders = await names(join(top, first), HEX2)
    for await (const blobs of inOrder(folders, LISTED_AT_ONCE, (second) => blobsIn(first, second))) yield* blobs
  }

  async function blobsIn(first: string, second: string): Promise<Blob[]> {
    const folder = join(top, first, second)
    const blobs: Blob[] = []
    for (const rest of await names(folder, HEX60)) {
      const facts = await guarded('list', folder, () => files.stat(join(folder, rest)))
      if (facts?.file === true) blobs.push(Object.freeze({ digest: first + second + rest, size: facts.size }))
    }
    return blobs
  }
}

// What was removed meanwhile is made again where it is needed.
function unlessGone(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error
}

function rootOf(store: string, dir: unknown): string {
  if (typeof dir === 'string' && dir !== '' && !dir.includes('\0')) return resolve(dir)
  throw new PersistablesError('INVALID_OPTION', `The store "${store}" needs a folder, not ${JSON.stringify(dir) ?? String(dir)}.`, {
    fix: "Pass a path: diskStore('./artifacts').",
    details: { store },
  })
}
