import { dirname } from 'node:path'
import { codeOf, type DiskFiles } from './disk-files'

/** Makes folders durably, each once. */
export interface DiskFolders {
  /** returns when the folder is there and its entry, like those of all its parents below what was there before, is on the medium */
  ensure(path: string): Promise<void>
  /** forgets what is known, because somebody removed folders */
  forget(): void
}

/**
 * Keeps one promise on which {@link diskStore} builds: nothing is ever made inside a folder before the folder's own entry is on the medium.
 * So whoever meets a blob that another process made needs to sync only the folder it lies in.
 */
export function diskFolders(files: DiskFiles, root: string): DiskFolders {
  const known = new Map<string, Promise<void>>()

  const make = async (path: string): Promise<void> => {
    const parent = dirname(path)
    try {
      await files.mkdir(path)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || parent === path) throw error
      await ensure(parent)
      await files.mkdir(path)
    }
    try {
      // also when it was there: its maker may be another process that has not come to its own sync yet
      await files.syncDir(parent)
    } catch (error) {
      // the folder above the root may be closed to this user, who then cannot have made the root just now
      const outside = path === root || !path.startsWith(root)
      if (!outside || !['EACCES', 'EPERM'].includes(codeOf(error))) throw error
    }
  }

  const ensure = (path: string): Promise<void> => {
    const before = known.get(path)
    if (before !== undefined) return before
    const made = make(path)
    known.set(path, made)
    made.catch(() => known.get(path) === made && known.delete(path))
    return made
  }

  return { ensure, forget: () => known.clear() }
}
