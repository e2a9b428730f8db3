import { join } from 'node:path'
import { PersistablesError } from '../../errors'
import { changedPath, unreadablePath } from './failure'
import { fs } from './file-system'
import { type DirectoryEntry, entriesFault } from './manifest'
import { readUnchanged, type Stamp, sameStamp } from './source-file'

/** What lies below a folder, in order of paths. */
export interface Tree {
  readonly root: string
  readonly entries: readonly (DirectoryEntry & { readonly stamp: Stamp })[]
}

const SERIALIZER = 'directory'

/** Looks at everything below a folder. Links are noted, never followed. Throws `INVALID_ARTIFACT` for what cannot be kept. */
export async function treeOf(root: string): Promise<Tree> {
  const entries: (DirectoryEntry & { readonly stamp: Stamp })[] = []
  const visit = async (below: string): Promise<void> => {
    for (const name of (await fs.readdir(join(root, below))).sort()) {
      const path = below === '' ? name : `${below}/${name}`
      const stamp = await fs.lstat(join(root, path), { bigint: true })
      const mode = Number(stamp.mode & 0o777n)
      if (stamp.isFile()) entries.push({ path, type: 'file', size: Number(stamp.size), mode, target: '', stamp })
      else if (stamp.isSymbolicLink()) entries.push({ path, type: 'link', size: 0, mode: 0, target: await fs.readlink(join(root, path)), stamp })
      else if (stamp.isDirectory()) {
        entries.push({ path, type: 'directory', size: 0, mode, target: '', stamp })
        await visit(path)
      } else {
        throw new PersistablesError('INVALID_ARTIFACT', `directory() cannot keep ${join(root, path)}: it is no file, folder or link.`, {
          fix: 'Leave sockets, pipes and devices out.',
          details: { path: join(root, path) },
        })
      }
    }
  }
  try {
    await visit('')
  } catch (error) {
    throw unreadablePath(SERIALIZER, (error as { path?: string }).path ?? root, error)
  }
  const fault = entriesFault(entries)
  if (fault === undefined) return { root, entries }
  throw new PersistablesError('INVALID_ARTIFACT', `directory() cannot keep ${root}: ${fault}.`, {
    fix: 'Rename it or leave it out, so that what is kept can be brought back on any system.',
    details: { path: root },
  })
}

/** Bytes of a tree as they are kept: the manifest (`head`), then every file, in memory that is used again where `reuse` is set. Throws `INVALID_ARTIFACT` when anything in it changes meanwhile. */
export async function* treeBytes(tree: Tree, head: Uint8Array, reuse?: boolean): AsyncGenerator<Uint8Array, void, undefined> {
  yield head
  for (const { path, type, stamp } of tree.entries) {
    if (type === 'file') yield* readUnchanged(join(tree.root, path), { serializer: SERIALIZER, stamp, follow: false, reuse })
  }
  const { entries } = await treeOf(tree.root)
  const other = entries.find((entry, at) => !sameEntry(entry, tree.entries[at])) ?? tree.entries[entries.length]
  if (other !== undefined) throw changedPath(SERIALIZER, join(tree.root, other.path), 'the folder holds something else now')
}

function sameEntry(now: Tree['entries'][number], before: Tree['entries'][number] | undefined): boolean {
  if (before === undefined || now.path !== before.path || now.type !== before.type || now.mode !== before.mode || now.target !== before.target)
    return false
  return now.type !== 'file' || sameStamp(now.stamp, before.stamp)
}
