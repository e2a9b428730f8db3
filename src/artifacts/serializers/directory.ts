import { PersistablesError, suggest } from '../../errors'
import { unreadablePath } from '../local/failure'
import { fs } from '../local/file-system'
import { type DirectoryEntry, MANIFEST_LIMIT, type Manifest, manifestBytes, manifestReader } from '../local/manifest'
import { type PlacedFolder, placeFolder, writeNew } from '../local/place'
import { treeBytes, treeOf } from '../local/tree'
import type { Content, PatternSerializer } from '../serializer'
import type { TransferOptions } from '../store'
import { serializer } from './custom'
import { pathOf } from './file'
import { unfit } from './unfit'

/** A kept directory. Only its list of entries is read before more is asked for; each reading is verified. */
export interface ArtifactDirectory {
  /** everything in it, in order of paths; folders before what is in them */
  readonly entries: readonly DirectoryEntry[]
  /** bytes of all files together */
  readonly size: number
  /** one file in little memory, without reading what is before it where the artifact has no wrapper. Throws `NOT_FOUND` with near names, and as `stream()` of a saved persistable does. */
  stream(path: string, options?: TransferOptions): AsyncIterable<Uint8Array>
  /** one file. Throws as {@link stream} does. */
  read(path: string): Promise<Uint8Array>
  /**
   * Writes everything into a new folder, which gets its name when all of it is there and verified. Nothing is written outside, whatever the bytes say. Gives the absolute
   * path. Throws `INVALID_OPTION` when the place is taken or cannot be written, `STORE_FAILED` when the disk is full, and as {@link stream} does; then nothing is left.
   */
  saveTo(path: string, options?: TransferOptions): Promise<string>
}

/**
 * A folder of this machine with all that is in it: takes its path, gives an {@link ArtifactDirectory}. Kept are files with their permissions, folders (empty ones too) and
 * symbolic links that point inside; times and owners are not, so that equal folders have equal bytes.
 *
 * Throws `INVALID_ARTIFACT` for links that point outside, sockets and the like, names that are the same to file systems that do not tell capitals apart or that mean
 * something else on another system, and for a folder in which anything changes meanwhile.
 *
 * @example
 * artifacts: { checkpoint: artifact(directory().to('disk')) }
 * draft.set('checkpoint', 'runs/17')
 * await (await saved.artifact('checkpoint')).saveTo('restored')
 */
export function directory(): PatternSerializer<ArtifactDirectory, string | URL> {
  return serializer<ArtifactDirectory, string | URL>({
    name: 'directory',
    async encode(value) {
      const root = pathOf('directory', value)
      const facts = await fs.stat(root).catch((error: unknown) => {
        throw unreadablePath('directory', root, error)
      })
      if (!facts.isDirectory()) throw unfit('directory', `${root} is no folder.`, 'Use file() for files.', { path: root })
      const tree = await treeOf(root)
      const head = manifestBytes(tree.entries)
      if (head.length > MANIFEST_LIMIT)
        throw unfit('directory', `${root} has ${tree.entries.length} entries, whose list is too long.`, 'Keep its parts apart.', { path: root })
      return {
        bytes: { [Symbol.asyncIterator]: () => treeBytes(tree, head) },
        reused: { [Symbol.asyncIterator]: () => treeBytes(tree, head, true) },
        size: tree.entries.reduce((sum, { size }) => sum + size, head.length),
      }
    },
    async decode(content) {
      const manifest = await manifestOf(content)
      return Object.freeze({
        entries: Object.freeze(manifest.entries.map((entry) => Object.freeze(entry))),
        size: manifest.entries.reduce((sum, { size }) => sum + size, 0),
        stream: (path: string, options?: TransferOptions) => fileIn(content, manifest, path, options),
        async read(path: string) {
          const parts: Uint8Array[] = []
          for await (const part of fileIn(content, manifest, path)) parts.push(part)
          return new Uint8Array(Buffer.concat(parts))
        },
        saveTo: (path: string, options?: TransferOptions) => placeFolder(path, (folder) => unpack(content, manifest, folder, path, options)),
      })
    },
  })
}

async function manifestOf(content: Content): Promise<Manifest> {
  const reader = manifestReader()
  let manifest: Manifest | undefined
  for await (const chunk of content.stream()) {
    try {
      manifest = reader.push(chunk)
    } catch (cause) {
      throw broken((cause as Error).message, cause)
    }
    if (manifest !== undefined) break
  }
  if (manifest === undefined) throw broken('they end before their manifest does')
  const size = manifest.entries.reduce((sum, entry) => sum + entry.size, manifest.length)
  if (size !== content.size && !Number.isNaN(content.size)) throw broken(`their manifest tells of ${size} bytes, and they are ${content.size}`)
  return manifest
}

function broken(what: string, cause?: unknown): PersistablesError {
  return unfit('directory', `The bytes are no directory: ${what}.`, 'Read them with bytes().', {}, cause)
}

async function* fileIn(
  content: Content,
  manifest: Manifest,
  path: string,
  options: TransferOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  let start = manifest.length
  for (const entry of manifest.entries) {
    if (entry.path !== path || entry.type !== 'file') {
      start += entry.size
      continue
    }
    let left = entry.size
    if (left === 0) return
    for await (const chunk of content.stream({ ...options, start })) {
      const part = chunk.subarray(0, left)
      left -= part.length
      yield part
      if (left === 0) return
    }
    throw broken(`they end within ${JSON.stringify(path)}`)
  }
  const files = manifest.entries.filter(({ type }) => type === 'file').map((entry) => entry.path)
  throw new PersistablesError('NOT_FOUND', `There is no file ${JSON.stringify(path)} in the directory.`, {
    fix: suggest(path, files.slice(0, 10_000), 'It has no files.'),
    details: { path },
  })
}

async function unpack(content: Content, manifest: Manifest, folder: PlacedFolder, shown: string, { signal }: TransferOptions = {}): Promise<void> {
  const { entries } = manifest
  const bytes = cutter(content.stream({ signal }))
  try {
    await bytes.skip(manifest.length)
    for (const { path, type, mode, size } of entries) {
      if (type === 'directory') await fs.mkdir(folder.at(path), { mode: 0o700 })
      else if (type === 'file') await writeNew(folder.at(path), bytes.take(size), { mode, sync: false }, `${shown}/${path}`)
    }
    // Only now is the sha256 of everything known to be right.
    await bytes.end()
  } finally {
    await bytes.close()
  }
  // Links come last: nothing was written through any of them.
  for (const { path, type, target } of entries) if (type === 'link') await fs.symlink(target, folder.at(path))
  for (const { path, type, mode } of [...entries].reverse()) if (type === 'directory') await fs.chmod(folder.at(path), mode)
}

/** A stream that is taken in pieces of given lengths. */
interface Cutter {
  skip(length: number): Promise<void>
  take(length: number): AsyncGenerator<Uint8Array, void, undefined>
  /** reads to the end, where nothing more may come */
  end(): Promise<void>
  /** frees what the stream holds */
  close(): Promise<void>
}

function cutter(source: AsyncIterable<Uint8Array>): Cutter {
  const iterator = source[Symbol.asyncIterator]()
  let held: Uint8Array = new Uint8Array(0)
  const more = async (): Promise<boolean> => {
    while (held.length === 0) {
      const next = await iterator.next()
      if (next.done === true) return false
      held = next.value
    }
    return true
  }
  async function* take(length: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let left = length; left > 0; ) {
      if (!(await more())) throw broken('they end too soon')
      const part = held.subarray(0, left)
      held = held.subarray(part.length)
      left -= part.length
      yield part
    }
  }
  return {
    take,
    async skip(length) {
      for await (const _ of take(length));
    },
    async end() {
      if (await more()) throw broken('there is more than their manifest tells')
    },
    close: async () => void (await iterator.return?.()),
  }
}
