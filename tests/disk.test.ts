import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, readlink, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join, relative } from 'node:path'
import { diskStore } from '../src'
import type { Blob, Store } from '../src/artifacts/store'
import { diskStoreOn } from '../src/artifacts/stores/disk'
import { FakeFiles, through } from './fake-files'
import { seededRandom, tempDir } from './support'

const blobOf = (bytes: Uint8Array): Blob => ({ digest: createHash('sha256').update(bytes).digest('hex'), size: bytes.length })
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))
async function* of(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  yield* chunks
}
const put = (store: Store, bytes: Uint8Array): Promise<void> => store.put(blobOf(bytes), () => of(bytes))
const collect = async (source: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}
const filesBelow = async (root: string): Promise<string[]> =>
  (await readdir(root, { recursive: true, withFileTypes: true }))
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort()
const HELLO = bytesOf('hello')
const PATH = 'sha256/2c/f2/4dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'
const hanging = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
  yield HELLO
  await new Promise(() => undefined)
}

test('the layout: a marker and one file per blob, read-only, with no other links', async () => {
  const root = join(await tempDir(), 'a', 'b')
  const store = diskStore(root)
  await put(store, HELLO)
  expect(await filesBelow(root)).toEqual(['persistables-store.json', PATH])
  expect(JSON.parse(await readFile(join(root, 'persistables-store.json'), 'utf8'))).toEqual({ layout: 1, owner: null })
  expect(store.locate(blobOf(HELLO).digest)).toBe(join(root, PATH))
  expect([store.name, store.kind]).toEqual(['disk', 'disk'])
  for (const file of await filesBelow(root)) expect((await stat(join(root, file))).nlink).toBe(1)
  if (process.platform !== 'win32') expect((await stat(join(root, PATH))).mode & 0o222).toBe(0)
})

test('reading makes nothing', async () => {
  const root = join(await tempDir(), 'none')
  const store = diskStore(root)
  const blob = blobOf(HELLO)
  expect(await store.size(blob.digest)).toBe(null)
  expect(await store.delete(blob.digest)).toBe(false)
  expect(await store.owner?.()).toBe(null)
  expect(await store.sweep?.()).toBe(0)
  await expect(collect(store.get(blob))).rejects.toMatchObject({ code: 'ARTIFACT_MISSING', message: expect.stringContaining(join(root, PATH)) })
  for await (const _ of store.list()) throw new Error('nothing is there')
  await expect(stat(root)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('an existing blob counts only if its size fits, and a folder in its place is reported', async () => {
  const root = await tempDir()
  const store = diskStore(root)
  await put(store, HELLO)
  const before = await stat(join(root, PATH))
  const unread = jest.fn(() => of(HELLO))
  await store.put(blobOf(HELLO), unread)
  expect(unread).not.toHaveBeenCalled()
  expect((await stat(join(root, PATH))).ino).toBe(before.ino)

  await rm(join(root, PATH))
  await writeFile(join(root, PATH), 'hell')
  await put(store, HELLO)
  expect(await readFile(join(root, PATH), 'utf8')).toBe('hello')

  // of the right size, but known to be damaged
  await rm(join(root, PATH))
  await writeFile(join(root, PATH), 'hallo')
  await store.replace?.(blobOf(HELLO), () => of(HELLO))
  expect(await readFile(join(root, PATH), 'utf8')).toBe('hello')

  await rm(join(root, PATH))
  await mkdir(join(root, PATH))
  expect(await store.size(blobOf(HELLO).digest)).toBe(null)
  await expect(put(store, HELLO)).rejects.toMatchObject({ code: 'STORE_FAILED', details: { errno: 'EISDIR' } })
  expect((await filesBelow(root)).filter((file) => file.startsWith('tmp'))).toEqual([])
})

test('what is not a blob is not listed', async () => {
  const root = await tempDir()
  const store = diskStore(root)
  await put(store, HELLO)
  await writeFile(join(root, 'sha256', '2c', 'f2', 'README'), '')
  await writeFile(join(root, 'sha256', '2c', 'zz'), '')
  await writeFile(join(root, 'tmp', 'left-behind'), 'half')
  await mkdir(join(root, 'sha256', '2c', 'f2', 'a'.repeat(60)))
  const listed: Blob[] = []
  for await (const blob of store.list()) listed.push(blob)
  expect(listed).toEqual([blobOf(HELLO)])
})

test('the root may be a link, and may be removed while the store is in use', async () => {
  const folder = await tempDir()
  await mkdir(join(folder, 'real'))
  await symlink(join(folder, 'real'), join(folder, 'link'), 'junction')
  const store = diskStore(join(folder, 'link'))
  await put(store, HELLO)
  expect(await filesBelow(join(folder, 'real'))).toEqual(['persistables-store.json', PATH])
  await rm(join(folder, 'real'), { recursive: true })
  await mkdir(join(folder, 'real'))
  await expect(collect(store.get(blobOf(HELLO)))).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' })
  await put(store, HELLO)
  await put(store, bytesOf('other'))
  expect((await collect(store.get(blobOf(HELLO)))).toString()).toBe('hello')
  expect(await filesBelow(join(folder, 'real'))).toContain('persistables-store.json')
})

test('a newer layout is not touched at all; a damaged marker stops writing, not reading', async () => {
  const root = await tempDir()
  await put(diskStore(root), HELLO)
  await rm(join(root, 'persistables-store.json'))
  await writeFile(join(root, 'persistables-store.json'), '{"layout":2,"places":[]}')
  const newer = diskStore(root)
  for (const work of [
    () => put(newer, HELLO),
    () => collect(newer.get(blobOf(HELLO))),
    () => newer.size(blobOf(HELLO).digest),
    () => newer.delete(blobOf(HELLO).digest),
    () => newer.owner?.(),
  ]) {
    await expect(work()).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringMatching(/layout 2.*Upgrade persistables/) })
  }
  for (const damaged of ['', '{"layout":1', '{"layout":1,"owner":7}', '[]', 'null']) {
    await writeFile(join(root, 'persistables-store.json'), damaged)
    const store = diskStore(root)
    expect((await collect(store.get(blobOf(HELLO)))).toString()).toBe('hello')
    await expect(put(store, bytesOf('new'))).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringMatching(/is damaged.*"owner":null/),
    })
    await expect(store.owner?.({ claim: 'me' })).rejects.toMatchObject({ code: 'STORE_FAILED' })
  }
})

test('one of many claims wins, in any order of events, with a marker there or not, after claimers that stopped halfway too', async () => {
  const random = seededRandom()
  for (let round = 0; round < 60; round++) {
    const files = new FakeFiles({ random })
    if (round % 3 > 0) await put(diskStoreOn(files, '/store'), HELLO)
    if (round % 3 === 2) {
      // a claimer that came as far as its claim and was killed
      await files.link('/store/persistables-store.json', '/store/gone').then(() => files.unlink('/store/gone'))
      const claim = await files.create('/store/persistables-store.claim')
      await claim.write(bytesOf('{"layout":1,"owner":"killed"}\n'), 0)
      await claim.sync()
    }
    const claims = await Promise.all(['a', 'b', 'c', 'd'].map((claim) => diskStoreOn(files, '/store').owner?.({ claim })))
    expect(new Set(claims).size).toBe(1)
    if (round % 3 === 2) expect(claims[0]).toBe('killed')
    expect(await diskStoreOn(files, '/store').owner?.()).toBe(claims[0])
    expect(await diskStoreOn(files, '/store').owner?.({ claim: 'late' })).toBe(claims[0])
    expect([...files.now().keys()].filter((path) => !path.startsWith('/store/sha256'))).toEqual(['/store/persistables-store.json'])
  }
})

test('a claimer that saw no owner, and comes back after another one is done, changes nothing', async () => {
  const files = new FakeFiles({ random: seededRandom() })
  await put(diskStoreOn(files, '/store'), HELLO)
  let wake = (): void => undefined
  const asleep = new Promise<void>((resolve) => {
    wake = resolve
  })
  let claiming = (): void => undefined
  const begun = new Promise<void>((resolve) => {
    claiming = resolve
  })
  const slow = through(files, {
    link: async (from, to) => {
      claiming()
      await asleep
      return files.link(from, to)
    },
  })
  const late = diskStoreOn(slow, '/store').owner?.({ claim: 'slow' })
  await begun
  expect(await diskStoreOn(files, '/store').owner?.({ claim: 'fast' })).toBe('fast')
  wake()
  expect(await late).toBe('fast')
  expect(await diskStoreOn(files, '/store').owner?.()).toBe('fast')
  expect([...files.now().keys()].filter((path) => !path.startsWith('/store/sha256'))).toEqual(['/store/persistables-store.json'])
})

test('one of many claims wins on a real disk too', async () => {
  for (let round = 0; round < 5; round++) {
    const root = await tempDir()
    if (round % 2 === 1) await put(diskStore(root), HELLO)
    const claims = await Promise.all(Array.from({ length: 6 }, (_, i) => diskStore(root).owner?.({ claim: `registry-${i}` })))
    expect(new Set(claims).size).toBe(1)
    expect((await filesBelow(root)).filter((file) => !file.startsWith('sha256'))).toEqual(['persistables-store.json'])
  }
})

test('a writer that fails or is stopped does not take others with it', async () => {
  const store = diskStore(await tempDir())
  const broken = store.put(blobOf(HELLO), async function* () {
    yield bytesOf('he')
    throw new Error('cable')
  })
  const outcomes = await Promise.allSettled([broken, put(store, HELLO), put(store, HELLO)])
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
  await store.delete(blobOf(HELLO).digest)

  const first = new AbortController()
  const second = new AbortController()
  const hangs = store.put(blobOf(HELLO), hanging, { signal: first.signal })
  const waits = store.put(blobOf(HELLO), () => of(HELLO), { signal: second.signal })
  const succeeds = put(store, HELLO)
  second.abort(new Error('the second'))
  await expect(waits).rejects.toThrow('the second')
  first.abort(new Error('the first'))
  await expect(hangs).rejects.toThrow('the first')
  await succeeds
  expect((await collect(store.get(blobOf(HELLO)))).toString()).toBe('hello')
  await expect(store.put(blobOf(HELLO), () => of(HELLO), { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before')
})

test('sweep removes old leftovers, and never what a living writer is writing', async () => {
  const root = await tempDir()
  const store = diskStore(root)
  await put(store, HELLO)
  const host = hostname()
    .replace(/[^A-Za-z0-9-]/g, '-')
    .slice(0, 60)
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  const old = new Date(Date.now() - 25 * 3600 * 1000)
  const leftovers = {
    [`${host}.${dead}.a`]: old,
    'elsewhere.1.b': old,
    [`${host}.${dead}.c`]: new Date(Date.now() - 23 * 3600 * 1000),
    [`${host}.${process.ppid}.d`]: old,
    'marker-e': old,
  }
  for (const [name, time] of Object.entries(leftovers)) {
    await writeFile(join(root, 'tmp', name), 'x')
    await utimes(join(root, 'tmp', name), time, time)
  }
  const spool = await store.spool?.(of(bytesOf('spooled')))
  const mine = (await readdir(join(root, 'tmp'))).find((name) => !(name in leftovers)) as string
  await utimes(join(root, 'tmp', mine), old, old)
  expect(await store.sweep?.()).toBe(3)
  expect((await readdir(join(root, 'tmp'))).sort()).toEqual([mine, `${host}.${dead}.c`, `${host}.${process.ppid}.d`].sort())
  await spool?.commit()
  expect((await collect(store.get(blobOf(bytesOf('spooled'))))).toString()).toBe('spooled')
  expect(await store.sweep?.({ olderThan: 0 })).toBe(1)
  await expect(store.sweep?.({ olderThan: Number.NaN })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
})

test('a failed, stopped or discarded spool leaves nothing', async () => {
  const root = await tempDir()
  const store = diskStore(root)
  const left = async (): Promise<string[]> => (await filesBelow(root)).filter((file) => file !== 'persistables-store.json')
  const broken = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    yield new Uint8Array(2 << 20)
    throw new Error('cable')
  }
  await expect(store.spool?.(broken())).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining('cable') })
  expect(await left()).toEqual([])
  const stop = new AbortController()
  const stopped = store.spool?.(hanging(), { signal: stop.signal })
  stop.abort(new Error('stop'))
  await expect(stopped).rejects.toThrow('stop')
  expect(await left()).toEqual([])
  const spool = await store.spool?.(of(HELLO))
  expect(await left()).toHaveLength(1)
  await spool?.discard()
  await spool?.discard()
  expect(await left()).toEqual([])
  const seen: Buffer[] = []
  const watched = await store.spool?.(of(HELLO, bytesOf(' you')), { onChunk: (chunk) => seen.push(Buffer.from(chunk)) })
  expect(Buffer.concat(seen).toString()).toBe('hello you')
  await watched?.discard()
})

test('blocks handed to a reader are its own, and a reader that stops leaves no file open', async () => {
  const root = await tempDir()
  const store = diskStore(root)
  const bytes = seededRandom().bytes(5 * (1 << 20) + 3)
  await put(store, bytes)
  const kept: Uint8Array[] = []
  for await (const block of store.get(blobOf(bytes))) kept.push(block)
  expect(Buffer.compare(Buffer.concat(kept), bytes)).toBe(0)
  expect(new Set(kept.map(({ buffer }) => buffer)).size).toBe(kept.length)
  expect(kept.every((block) => block.byteLength === block.buffer.byteLength && !Buffer.isBuffer(block))).toBe(true)
  for await (const _ of store.get(blobOf(bytes))) break
  const reader = store.get(blobOf(bytes))[Symbol.asyncIterator]()
  await reader.next()
  await reader.return?.()
  const open = await readdir('/proc/self/fd').catch(() => [])
  const targets = await Promise.all(open.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  expect(targets.filter((target) => target.startsWith(root))).toEqual([])
})

test('settings and roots that cannot be used', async () => {
  for (const name of ['', 'Disk', '1disk', 'a_b', 'a/b'])
    expect(() => diskStore('x', { name })).toThrow(expect.objectContaining({ code: 'INVALID_NAME' }))
  expect(() => diskStore('')).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  expect(() => diskStore(undefined as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  const file = join(await tempDir(), 'file')
  await writeFile(file, '')
  const store = diskStore(file)
  await expect(put(store, HELLO)).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining(file) })
  await expect(collect(store.get(blobOf(HELLO)))).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' })
})

test('whose store it is, is seen by the next save and by gc, also when it changed', async () => {
  const root = await tempDir()
  const store = diskStore(root)
  expect([await store.owner?.({ claim: 'ours' }), await store.owner?.({ claim: 'ours' })]).toEqual(['ours', 'ours'])
  const marker = join(root, 'persistables-store.json')
  await writeFile(`${marker}.new`, '{"layout":1,"owner":"them"}\n')
  await rename(`${marker}.new`, marker)
  expect([await store.owner?.({ claim: 'ours' }), await store.owner?.()]).toEqual(['them', 'them'])
})

test('folders that are removed under a living store are made again', async () => {
  const root = await tempDir()
  const store = diskStore(root)
  const put = async (text: string) => {
    const data = Buffer.from(text)
    const blob = { digest: createHash('sha256').update(data).digest('hex'), size: data.length }
    await store.put(blob, async function* () {
      yield data
    })
    expect(await store.size(blob.digest)).toBe(data.length)
  }
  await put('one')
  for (const gone of ['sha256', 'tmp', '.']) {
    await rm(join(root, gone), { recursive: true })
    await put(`after ${gone}`)
    await put(`again after ${gone}`)
  }
})
