import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import { diskStoreOn } from '../src/artifacts/stores/disk'
import { type DiskFiles, nodeFiles, type OpenFile } from '../src/artifacts/stores/disk-files'
import { seededRandom, tempDir } from './support'

// What reached the medium, by the rules that POSIX gives: data when the file is synced, names when their folder is.
type Operation =
  | { do: 'create' | 'sync' | 'mkdir' | 'syncDir' | 'unlink' | 'resolved'; path: string }
  | { do: 'write'; path: string; bytes: Buffer; position: number }
  | { do: 'rename' | 'link'; path: string; to: string }

interface Inode {
  data: Buffer
  durable: Buffer
}

/** Real operations on the disk, written down as they are done. */
const recording = (log: Operation[]): DiskFiles => {
  const file = (open: OpenFile, path: string): OpenFile => ({
    ...open,
    write: async (bytes, position) => {
      const copy = Buffer.from(bytes)
      await open.write(bytes, position)
      log.push({ do: 'write', path, bytes: copy, position })
    },
    sync: async () => {
      await open.sync()
      log.push({ do: 'sync', path })
    },
  })
  return {
    ...nodeFiles,
    create: async (path) => {
      const open = await nodeFiles.create(path)
      log.push({ do: 'create', path })
      return file(open, path)
    },
    rename: async (path, to) => {
      await nodeFiles.rename(path, to)
      log.push({ do: 'rename', path, to })
    },
    link: async (path, to) => {
      const linked = await nodeFiles.link(path, to)
      if (linked) log.push({ do: 'link', path, to })
      return linked
    },
    unlink: async (path) => {
      const removed = await nodeFiles.unlink(path)
      if (removed) log.push({ do: 'unlink', path })
      return removed
    },
    mkdir: async (path) => {
      const made = await nodeFiles.mkdir(path)
      if (made) log.push({ do: 'mkdir', path })
      return made
    },
    syncDir: async (path) => {
      await nodeFiles.syncDir(path)
      log.push({ do: 'syncDir', path })
    },
  }
}

/** The disk as it would be found after a power cut behind the first `count` operations, with everything unsynced lost. */
const afterPowerCut = (log: readonly Operation[], count: number, existing: string): Map<string, Inode | 'folder'> => {
  const names = new Map<string, Inode | 'folder'>()
  const durable = new Map<string, Inode | 'folder'>()
  for (const operation of log.slice(0, count)) {
    const at = names.get(operation.path)
    if (operation.do === 'create') names.set(operation.path, { data: Buffer.alloc(0), durable: Buffer.alloc(0) })
    if (operation.do === 'mkdir') names.set(operation.path, 'folder')
    if (operation.do === 'unlink') names.delete(operation.path)
    if (operation.do === 'write' && typeof at === 'object') {
      const data = Buffer.alloc(Math.max(at.data.length, operation.position + operation.bytes.length))
      at.data.copy(data)
      operation.bytes.copy(data, operation.position)
      at.data = data
    }
    if (operation.do === 'sync' && typeof at === 'object') at.durable = at.data
    if ((operation.do === 'rename' || operation.do === 'link') && at !== undefined) {
      names.set(operation.to, at)
      if (operation.do === 'rename') names.delete(operation.path)
    }
    if (operation.do === 'syncDir') {
      for (const [path] of durable) if (dirname(path) === operation.path) durable.delete(path)
      for (const [path, node] of names) if (dirname(path) === operation.path) durable.set(path, node)
    }
  }
  const reachable = (path: string): boolean => path === existing || (durable.has(path) && reachable(dirname(path)))
  return new Map([...durable].filter(([path]) => reachable(path)))
}

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

test('after a power cut at any operation, what was promised is there, and what is there is whole', async () => {
  const base = await tempDir()
  const root = join(base, 'new', 'store')
  const log: Operation[] = []
  const store = diskStoreOn(recording(log), root)
  const random = seededRandom()
  const sizes = [0, 10, 5000, (1 << 20) + 3, 2_500_000]
  const blobs = sizes.map((size) => random.bytes(size))
  const put = async (bytes: Uint8Array): Promise<void> => {
    const digest = digestOf(bytes)
    await store.put({ digest, size: bytes.length }, async function* () {
      yield bytes.slice()
    })
    log.push({ do: 'resolved', path: digest })
  }
  await store.owner?.({ claim: 'me' })
  await put(blobs[1] as Uint8Array)
  // At once, the same bytes twice among them, and one by way of a spool.
  const spooled = (async () => {
    const spool = await store.spool?.(
      (async function* () {
        yield (blobs[4] as Uint8Array).slice()
      })(),
    )
    await spool?.commit()
    log.push({ do: 'resolved', path: spool?.digest as string })
  })()
  await Promise.all([spooled, ...[0, 2, 3, 2].map((i) => put(blobs[i] as Uint8Array))])
  await put(blobs[3] as Uint8Array)

  expect(log.filter((operation) => operation.do === 'resolved')).toHaveLength(7)
  const promised = new Set<string>()
  for (let count = 0; count <= log.length; count++) {
    const last = log[count - 1]
    if (last?.do === 'resolved') promised.add(last.path)
    const disk = afterPowerCut(log, count, base)
    const present = new Set<string>()
    for (const [path, node] of disk) {
      const match = /sha256\/(..)\/(..)\/(.{60})$/.exec(path)
      if (match === null || typeof node !== 'object') continue
      const digest = `${match[1]}${match[2]}${match[3]}`
      expect(`${count}: ${digestOf(node.durable)}`).toBe(`${count}: ${digest}`)
      present.add(digest)
    }
    for (const digest of promised)
      if (!present.has(digest)) throw new Error(`operation ${count} of ${log.length}: ${digest} was promised, and is lost`)
  }
  expect(promised.size).toBe(5)
})
