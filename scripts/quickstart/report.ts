// What the quickstart prints, and how it finds out.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import Table from 'cli-table3'
import type { Repository, Store } from 'persistables'

/** Every file of a store, with what changes when it is written again: path → inode and time. */
export const filesIn = async (store: Store): Promise<Map<string, string>> => {
  const files = new Map<string, string>()
  for await (const { digest } of store.list()) {
    const { ino, mtimeMs } = await stat(store.locate(digest))
    files.set(store.locate(digest), `${ino} ${mtimeMs}`)
  }
  return files
}

/** How many files are new, or were written again. */
export const written = (before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): number =>
  [...after].filter(([path, facts]) => before.get(path) !== facts).length

/** All that a second process finds under the references. */
export const reloadElsewhere = async (refs: readonly string[]): Promise<unknown[]> => {
  const found: unknown[] = []
  const child: ChildProcess = fork(join(__dirname, 'reload.ts'), refs)
  child.on('message', (message) => found.push(message))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`The second process failed with exit code ${code}.`)
  return found
}

/** What there is, oldest first, and where its bytes are: a row for each artifact of each version. */
export const tableOf = async (repo: Repository): Promise<string> => {
  const table = new Table({ head: ['ref', 'hash', 'config', 'accuracy', 'artifact', 'bytes', 'file'], style: { head: [], border: [], compact: true }, colAligns: ['left', 'left', 'left', 'right', 'left', 'right', 'left'] })
  for (const saved of await repo.find({ orderBy: { createdAt: 'asc' } })) {
    for (const [artifact, patterns] of Object.entries(saved.filepaths)) {
      for (const { store, digest, size } of Object.values(patterns)) {
        const path = relative(process.cwd(), repo.stores.get(store)?.locate(digest) ?? digest)
        const accuracy = (saved.state as { accuracy?: number }).accuracy
        table.push([
          `${saved.type}/${saved.name}@${saved.version}`,
          `${saved.hash.slice(0, 12)}…`,
          'maxDepth' in saved.config ? `maxDepth ${saved.config.maxDepth}` : '',
          accuracy === undefined ? '' : `${(100 * accuracy).toFixed(1)} %`,
          artifact,
          size,
          path,
        ])
      }
    }
  }
  return table.toString()
}
