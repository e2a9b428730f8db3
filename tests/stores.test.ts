import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bytes, diskStore, json, memoryStore, ndjson, text } from '../src'
import { serializerContract, storeContract } from '../src/testing'
import { tempDir } from './support'

describe('memory', () => storeContract({ test, create: () => memoryStore() }))
describe('disk', () => storeContract({ test, create: async () => diskStore(join(await tempDir(), 'made', 'on', 'demand')) }))

serializerContract({
  test,
  serializer: json(),
  values: [
    { name: 'a tree', make: () => ({ b: [1, null, 'ä😀'], a: { c: true }, '': 0 }) },
    { name: 'keys that are names of other things', make: () => JSON.parse('{"__proto__":{"x":1},"constructor":2}') },
    { name: 'null', make: () => null },
  ],
  invalid: [undefined, () => 1, { a: [Number.NaN] }, { a: 1n }, [undefined], new Map(), { d: new Date(0) }],
})
serializerContract({
  test,
  serializer: text(),
  values: [
    { name: 'text with a BOM', make: () => '\ufeffä😀\n' },
    { name: 'nothing', make: () => '' },
  ],
  invalid: [1, null, '\ud800'],
})
serializerContract({
  test,
  serializer: bytes(),
  values: [
    { name: 'bytes', make: () => Uint8Array.of(0, 255, 7) },
    { name: 'a window of a pooled buffer', make: () => Buffer.from('pooled'), expected: new Uint8Array(Buffer.from('pooled')) },
    { name: 'text', make: () => 'ä', expected: Uint8Array.of(0xc3, 0xa4) },
    { name: 'a Blob', make: () => new Blob(['ab']), expected: Uint8Array.of(97, 98) },
    { name: 'a web stream', make: () => new Blob(['ab']).stream(), expected: Uint8Array.of(97, 98) },
  ],
  invalid: [1, { a: 1 }, new Float32Array(1)],
})
serializerContract({
  test,
  serializer: ndjson(),
  values: [
    { name: 'rows', make: () => Array.from({ length: 3000 }, (_, i) => ({ i, text: `row ${i}\n` })) },
    { name: 'no rows', make: () => [] },
    {
      name: 'an async generator',
      make: async function* () {
        yield { a: 1 }
      },
      expected: [{ a: 1 }],
    },
  ],
  invalid: [5, 'text', [undefined], [{ a: Number.NaN }]],
})

test('equal values give equal bytes, whatever the order of keys', async () => {
  const encoded = [
    { a: 1, b: 2 },
    { b: 2, a: 1 },
  ].map((value) => json().encode(value))
  expect((await encoded[0])?.bytes).toEqual((await encoded[1])?.bytes)
})

test('a store of a newer layout, or whose marker is damaged, is not touched', async () => {
  for (const marker of ['{"layout":2,"owner":null}', '{"layo']) {
    const dir = await tempDir()
    await writeFile(join(dir, 'persistables-store.json'), marker)
    const put = diskStore(dir).put({ digest: 'a'.repeat(64), size: 1 }, async function* () {
      yield new Uint8Array(1)
    })
    await expect(put).rejects.toMatchObject({ code: 'STORE_FAILED' })
  }
})
