import { dirname } from 'node:path'
import { codeOf, type DiskFiles } from './disk-files'

/** Makes the folders of one disk store durably, each once. */
export interface DiskFolders {
  /** returns when the folder, the root or one below it, is there and its entry and those of its parents are on the medium */
  ensure(path: string): Promise<void>
  /** forgets what is known, because somebody removed folders */
  forget(): void
}

const DONE = Promise.resolve()

/**
 * Keeps one promise on which the disk store builds: nothing is ever made inside a folder of the store before the folder's own entry is on the
 * medium. So whoever meets a file that another process made needs to sync only the folder it lies in.
 *
 * @param proof - a file in the root whose presence shows, by that promise, that the root's own entry is on the medium
 */
export function diskFolders(files: DiskFiles, root: string, proof: string): DiskFolders {
  const known = new Map<string, Promise<void>>()

  const makeParents = async (path: string): Promise<void> => {
    try {
      await files.mkdir(path)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error
      await makeParents(dirname(path))
      await files.mkdir(path)
    }
  }

  const makeRoot = async (): Promise<void> => {
    if ((await files.stat(proof)) !== null) return
    await makeParents(root)
    // all of them: another process may have made the upper ones just now
    for (let path = root; dirname(path) !== path; path = dirname(path)) {
      try {
        await files.syncDir(dirname(path))
      } catch (error) {
        // a folder that is closed to this user was not made by it just now
        if (!['EACCES', 'EPERM'].includes(codeOf(error))) throw error
      }
    }
  }

  const make = async (path: string): Promise<void> => {
    if (path === root) return makeRoot()
    await ensure(dirname(path))
    await files.mkdir(path)
    // also when it was there: its maker may be another process that has not come to its own sync yet
    await files.syncDir(dirname(path))
  }

  const ensure = (path: string): Promise<void> => {
    const before = known.get(path)
    if (before !== undefined) return before
    const made = make(path)
    known.set(path, made)
    // A store has 65,793 folders in the end: of what is made, one promise for all is kept.
    made.then(
      () => known.get(path) === made && known.set(path, DONE),
      () => known.get(path) === made && known.delete(path),
    )
    return made
  }

  return { ensure, forget: () => known.clear() }
}
