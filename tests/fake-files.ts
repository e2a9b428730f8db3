import { posix } from 'node:path'
import type { DiskFiles, OpenFile } from '../src/artifacts/stores/disk-files'
import type { Random } from './support'

/** One effect on the file system, in the order in which they took place. Files and folders are known by number. */
export type Effect =
  | {
      readonly kind: 'entry'
      readonly folder: number
      readonly name: string
      readonly node: number | null
      readonly move?: { readonly folder: number; readonly name: string }
    }
  | { readonly kind: 'write'; readonly file: number; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: 'sync'; readonly file: number }
  | { readonly kind: 'syncDir'; readonly folder: number }
  | { readonly kind: 'resolved'; readonly digest: string; readonly size: number }

type Folder = Map<string, number>
type Bytes = Uint8Array<ArrayBufferLike>

/** What is on the medium after a crash: paths of files below the root folder, with their bytes. */
export type Remains = ReadonlyMap<string, Uint8Array>

export interface FakeOptions {
  /** decides how long operations take, so that concurrent ones meet in another order with each seed */
  readonly random: Random
  /** operations that do nothing, to see that a test notices */
  readonly skip?: 'sync' | 'syncDir'
  /** the code to fail with instead of doing the operation; `used` is what all files take together, this write included */
  readonly fail?: (operation: string, path: string, used: number) => string | null
}

const ROOT = 0
const systemError = (code: string, operation: string, path: string): Error =>
  Object.assign(new Error(`${code}: failed, ${operation} '${path}'`), { code, syscall: operation, path })

/**
 * A file system in memory that remembers what was done to it. Each operation takes effect at one moment, some turns of the event loop after it was asked for.
 * Paths are POSIX and absolute; the root folder is there from the beginning.
 */
export class FakeFiles implements DiskFiles {
  readonly effects: Effect[] = []
  readonly #folders = new Map<number, Folder>([[ROOT, new Map()]])
  readonly #files = new Map<number, Bytes>()
  readonly #options: FakeOptions
  #nodes = ROOT

  constructor(options: FakeOptions) {
    this.#options = options
  }

  /** files that are there now */
  now(): Remains {
    return walk(this.#folders, this.#files)
  }

  /** notes that a writer was told that the blob is safe */
  resolved(blob: { digest: string; size: number }): void {
    this.effects.push({ kind: 'resolved', digest: blob.digest, size: blob.size })
  }

  create(path: string): Promise<OpenFile> {
    return this.#at('open', path, () => {
      const { folder, name } = this.#parent(path, 'open')
      if (this.#folders.get(folder)?.has(name)) throw systemError('EEXIST', 'open', path)
      const node = ++this.#nodes
      this.#files.set(node, new Uint8Array(0))
      this.#apply({ kind: 'entry', folder, name, node })
      return this.#handle(node, path)
    })
  }

  open(path: string): Promise<OpenFile> {
    return this.#at('open', path, () => {
      const node = this.#find(path)
      if (node === null) throw systemError('ENOENT', 'open', path)
      return this.#handle(node, path)
    })
  }

  rename(from: string, to: string): Promise<void> {
    return this.#at('rename', to, () => {
      const source = this.#parent(from, 'rename')
      const target = this.#parent(to, 'rename')
      const node = this.#folders.get(source.folder)?.get(source.name)
      if (node === undefined) throw systemError('ENOENT', 'rename', from)
      this.#apply({ kind: 'entry', ...target, node, move: source })
    })
  }

  link(from: string, to: string): Promise<boolean> {
    return this.#at('link', to, () => {
      const node = this.#find(from)
      const target = this.#parent(to, 'link')
      if (node === null) throw systemError('ENOENT', 'link', from)
      if (this.#folders.get(target.folder)?.has(target.name)) return false
      this.#apply({ kind: 'entry', ...target, node })
      return true
    })
  }

  unlink(path: string): Promise<boolean> {
    return this.#at('unlink', path, () => {
      if (this.#find(path) === null) return false
      this.#apply({ kind: 'entry', ...this.#parent(path, 'unlink'), node: null })
      return true
    })
  }

  mkdir(path: string): Promise<boolean> {
    return this.#at('mkdir', path, () => {
      const { folder, name } = this.#parent(path, 'mkdir')
      if (this.#folders.get(folder)?.has(name)) return false
      const node = ++this.#nodes
      this.#folders.set(node, new Map())
      this.#apply({ kind: 'entry', folder, name, node })
      return true
    })
  }

  syncDir(path: string): Promise<void> {
    return this.#at('fsync', path, () => {
      const folder = this.#find(path)
      if (folder === null) throw systemError('ENOENT', 'fsync', path)
      if (this.#options.skip !== 'syncDir') this.#apply({ kind: 'syncDir', folder })
    })
  }

  stat(path: string): Promise<{ size: number; modified: number; stamp: string; file: boolean } | null> {
    return this.#at('stat', path, () => {
      const node = this.#find(path)
      return node === null ? null : { size: this.#files.get(node)?.length ?? 0, modified: 0, stamp: String(node), file: this.#files.has(node) }
    })
  }

  list(path: string): Promise<string[] | null> {
    return this.#at('scandir', path, () => {
      const folder = this.#find(path)
      return folder === null ? null : [...(this.#folders.get(folder)?.keys() ?? [])]
    })
  }

  #handle(file: number, path: string): OpenFile {
    return {
      write: (bytes, position) => {
        const copy = bytes.slice()
        const write = (length: number): void => this.#apply({ kind: 'write', file, position, bytes: copy.subarray(0, length) })
        // a write that fails may have written a part
        return this.#at('write', path, () => write(copy.length), { length: copy.length, onFailure: () => write(copy.length >> 1) })
      },
      read: (into, position) =>
        this.#at('read', path, () => {
          const piece = (this.#files.get(file) as Bytes).subarray(position, position + into.length)
          into.set(piece)
          return piece.length
        }),
      size: async () => (this.#files.get(file) as Bytes).length,
      sync: () =>
        this.#at('fdatasync', path, () => {
          if (this.#options.skip !== 'sync') this.#apply({ kind: 'sync', file })
        }),
      close: async () => undefined,
    }
  }

  async #at<T>(operation: string, path: string, effect: () => T, write?: { length: number; onFailure: () => void }): Promise<T> {
    for (let turns = this.#options.random.int(4); turns >= 0; turns--) await new Promise((resolve) => setImmediate(resolve))
    const used = (write?.length ?? 0) + [...this.now().values()].reduce((sum, { length }) => sum + length, 0)
    const code = this.#options.fail?.(operation, path, used)
    if (code != null) {
      write?.onFailure()
      throw systemError(code, operation, path)
    }
    const result = effect()
    for (let turns = this.#options.random.int(3); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve))
    return result
  }

  #apply(effect: Effect): void {
    this.effects.push(effect)
    apply(effect, this.#folders, this.#files)
  }

  #find(path: string): number | null {
    let node = ROOT
    for (const name of path.split('/').filter(Boolean)) {
      const next = this.#folders.get(node)?.get(name)
      if (next === undefined) return null
      node = next
    }
    return node
  }

  #parent(path: string, operation: string): { folder: number; name: string } {
    const folder = this.#find(posix.dirname(path))
    if (folder === null || !this.#folders.has(folder)) throw systemError('ENOENT', operation, path)
    return { folder, name: posix.basename(path) }
  }
}

/** The operations of `files` with some of them replaced: another process on the same disk, that does something of its own there. */
export const through = (files: DiskFiles, changes: Partial<DiskFiles>): DiskFiles => ({
  create: (path) => files.create(path),
  open: (path) => files.open(path),
  rename: (from, to) => files.rename(from, to),
  link: (from, to) => files.link(from, to),
  unlink: (path) => files.unlink(path),
  mkdir: (path) => files.mkdir(path),
  syncDir: (path) => files.syncDir(path),
  stat: (path) => files.stat(path),
  list: (path) => files.list(path),
  ...changes,
})

function apply(effect: Effect, folders: Map<number, Folder>, files: Map<number, Bytes>): void {
  if (effect.kind === 'entry') {
    const { folder, name, node, move } = effect
    if (move !== undefined) folderOf(folders, move.folder).delete(move.name)
    if (node === null) folderOf(folders, folder).delete(name)
    else folderOf(folders, folder).set(name, node)
  } else if (effect.kind === 'write') {
    const before = files.get(effect.file) ?? new Uint8Array(0)
    const after = new Uint8Array(Math.max(before.length, effect.position + effect.bytes.length))
    after.set(before)
    after.set(effect.bytes, effect.position)
    files.set(effect.file, after)
  }
}

function folderOf(folders: Map<number, Folder>, node: number): Folder {
  const folder = folders.get(node) ?? new Map<string, number>()
  folders.set(node, folder)
  return folder
}

/**
 * What a loss of power after the first `count` effects leaves: data of a file as they were at its last sync, names in a folder as they were at its last sync.
 * With `luck`, each unsynced effect may have reached the medium as well, whatever became of the others.
 */
export function crashAfter(effects: readonly Effect[], count: number, luck?: Random): Remains {
  const folders = new Map<number, Folder>()
  const files = new Map<number, Bytes>()
  const safeFolders = new Map<number, Folder>()
  const safeFiles = new Map<number, Bytes>()
  const unsynced = new Set<number>()
  for (const effect of effects.slice(0, count)) {
    apply(effect, folders, files)
    if (effect.kind === 'write') unsynced.add(effect.file)
    if (effect.kind === 'syncDir') safeFolders.set(effect.folder, new Map(folderOf(folders, effect.folder)))
    if (effect.kind !== 'sync') continue
    safeFiles.set(effect.file, files.get(effect.file) ?? new Uint8Array(0))
    unsynced.delete(effect.file)
  }
  if (luck === undefined) return walk(safeFolders, safeFiles)
  for (const [node, folder] of folders) {
    const safe = folderOf(safeFolders, node)
    for (const name of new Set([...folder.keys(), ...safe.keys()])) {
      if (luck() < 0.5) continue
      const target = folder.get(name)
      if (target === undefined) safe.delete(name)
      else safe.set(name, target)
    }
  }
  for (const file of unsynced) {
    const bytes = files.get(file) ?? new Uint8Array(0)
    if (luck() < 0.5) safeFiles.set(file, bytes.slice(0, luck.int(bytes.length + 1)))
  }
  return walk(safeFolders, safeFiles)
}

function walk(folders: ReadonlyMap<number, Folder>, files: ReadonlyMap<number, Bytes>): Remains {
  const found = new Map<string, Uint8Array>()
  const visit = (node: number, path: string): void => {
    for (const [name, child] of folders.get(node) ?? []) {
      if (folders.has(child)) visit(child, `${path}/${name}`)
      else found.set(`${path}/${name}`, files.get(child) ?? new Uint8Array(0))
    }
  }
  visit(ROOT, '')
  return found
}
