// What the quickstart prints, and how it finds out.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import Table from 'cli-table3'
import type { Repository } from 'persistables'

/** Every file of the repository's stores, with what changes when it is written again: path → inode and time. */
export const filesIn = async ({ stores }: Repository): Promise<Map<string, string>> => {
  const files = new Map<string, string>()
  for (const store of stores.values()) {
    for await (const { digest } of store.list()) {
      const { ino, mtimeMs } = await stat(store.locate(digest))
      files.set(store.locate(digest), `${ino} ${mtimeMs}`)
    }
  }
  return files
}

/** How many files are new, or were written again. */
export const written = (before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): number =>
  [...after].filter(([path, facts]) => before.get(path) !== facts).length

/** What a second process finds under the references. */
export const reload = async (refs: readonly string[]): Promise<unknown[]> => {
  const found: unknown[] = []
  const child = fork(join(__dirname, 'reload.ts'), refs).on('message', (message) => found.push(message))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`The second process failed with exit code ${code}.`)
  return found
}

/** What there is, oldest first, and where its bytes are: a line for each artifact of each version. */
export const tableOf = async (repo: Repository): Promise<string> => {
  const head = ['REF', 'HASH', 'CONFIG', 'ACCURACY', 'ARTIFACT', 'BYTES', 'FILE']
  const table = new Table({ head, colAligns: ['left', 'left', 'left', 'right', 'left', 'right', 'left'], chars: BARE, style: { head: [] } })
  for (const { type, name, version, hash, config, state, filepaths } of await repo.find({ orderBy: { createdAt: 'asc' } })) {
    const { maxDepth } = config as { maxDepth?: number }
    const { accuracy } = state as { accuracy?: number }
    const given = maxDepth === undefined ? '' : `maxDepth ${maxDepth}`
    const result = accuracy === undefined ? '' : `${(100 * accuracy).toFixed(1)} %`
    for (const [artifact, patterns] of Object.entries(filepaths)) {
      for (const { store, digest, size } of Object.values(patterns)) {
        const file = relative(process.cwd(), repo.stores.get(store)?.locate(digest) ?? '')
        table.push([`${type}/${name}@${version}`, `${hash.slice(0, 12)}…`, given, result, artifact, size, `${file.slice(0, -52)}…`])
      }
    }
  }
  return table.toString()
}

// no borders: cli-table3 takes each part of a frame by its name
const FRAME = 'top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid middle'
const BARE = Object.fromEntries(FRAME.split(' ').map((part) => [part, '']))
