import { join } from 'node:path'
import { artifact, bytes, diskStore, openRepository, persistable } from '../src'
import { blockMemory } from '../src/artifacts/blocks'
import { seededRandom, tempDir } from './support'

class Blob extends persistable('Blob', { artifacts: { data: artifact(bytes().to('disk')) } }) {}

test('reused memory is two blocks in turn; other memory is new each time', () => {
  const reused = blockMemory(true)
  const [a, b, c, d] = [reused(8), reused(8), reused(8), reused(3)]
  expect([c.buffer === a.buffer, d.buffer === b.buffer, a.buffer === b.buffer, d.length]).toEqual([true, true, false, 3])
  const fresh = blockMemory(false)
  expect(new Set([fresh(8), fresh(8), fresh(8)].map(({ buffer }) => buffer)).size).toBe(3)
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
