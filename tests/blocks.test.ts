import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { artifact, bytes, diskStore, openRepository, persistable } from '../src'
import { blockMemory } from '../src/artifacts/blocks'
import { readWhole } from '../src/artifacts/verified'
import { seededRandom, tempDir } from './support'

class Blob extends persistable('Blob', { artifacts: { data: artifact(bytes().to('disk')) } }) {}

test('reused memory is two blocks in turn; other memory is new each time', () => {
  const reused = blockMemory(true)
  const [a, b, c, d] = [reused(8), reused(8), reused(8), reused(3)]
  expect([c.buffer === a.buffer, d.buffer === b.buffer, a.buffer === b.buffer, d.length]).toEqual([true, true, false, 3])
  const fresh = blockMemory(false)
  expect(new Set([fresh(8), fresh(8), fresh(8)].map(({ buffer }) => buffer)).size).toBe(3)
})

test('a size that lies costs no memory: what is not there is missing, and what has another size is damaged', async () => {
  const store = diskStore(await tempDir())
  const digest = 'a'.repeat(64)
  for (const size of [2 ** 45, Number.MAX_SAFE_INTEGER])
    await expect(readWhole(store, { digest, size })).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' })
  const blob = { digest: createHash('sha256').update('abc').digest('hex'), size: 3 }
  await store.put(blob, async function* () {
    yield Buffer.from('abc')
  })
  await expect(readWhole(store, { ...blob, size: 2 ** 45 })).rejects.toMatchObject({
    code: 'ARTIFACT_CORRUPT',
    message: expect.stringContaining('it has 3 of'),
  })
})

test('a store that does not answer is left when the read is cancelled', async () => {
  const store = { ...diskStore(await tempDir()), size: () => new Promise<null>(() => {}) }
  const reading = readWhole(store, { digest: 'a'.repeat(64), size: 2 ** 30 }, { signal: AbortSignal.timeout(50) })
  await expect(reading).rejects.toMatchObject({ name: 'TimeoutError' })
})

test.each([1000, 1 << 20, (1 << 20) + 1, 5_300_000])('what is read of %i bytes is the reader’s own', async (size) => {
  const folder = await tempDir()
  await using repo = await openRepository({ url: `file:${join(folder, 'r.db')}`, types: [Blob], stores: [diskStore(join(folder, 'files'))] })
  const random = seededRandom()
  const data = Uint8Array.from({ length: size }, () => random() * 256)
  const saved = await repo.save(new Blob({ name: 'b', artifacts: { data } }))
  const first = await saved.artifact('data')
  expect(Buffer.compare(first, data)).toBe(0)
  expect(first.buffer.byteLength).toBe(size)
  first.fill(0)
  expect(Buffer.compare(await (await repo.load(Blob, 'b')).artifact('data'), data)).toBe(0)
})
