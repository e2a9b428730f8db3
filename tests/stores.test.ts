import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import zlib from 'node:zlib'
import { brotli, bytes, csv, diskStore, floats, gzip, json, memoryStore, ndjson, structured, type Tensor, text, zstd } from '../src'
import { parquet } from '../src/parquet'
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

serializerContract({
  test,
  serializer: csv(),
  values: [
    { name: 'rows', make: () => Array.from({ length: 3000 }, (_, i) => ({ i: String(i), text: `row "${i}",\r\n` })) },
    { name: 'no rows', make: () => [] },
    {
      name: 'an async generator',
      make: async function* () {
        yield { b: '1', a: '' }
      },
      expected: [{ a: '', b: '1' }],
    },
  ],
  invalid: [5, 'a,b', null, [{ a: 1 }], [{ a: null }], [{}], [[]], [{ a: '1' }, { b: '1' }]],
})
serializerContract({
  test,
  serializer: csv({ columns: { n: 'number?', s: 'string?', d: 'date', b: 'boolean', i: 'bigint' } }),
  values: [
    {
      name: 'typed rows',
      make: () => [
        { n: null, s: '', d: new Date(5), b: true, i: 5n },
        { n: -0, s: null, d: new Date(-5), b: false, i: -5n },
      ],
    },
  ],
  invalid: [[{ n: '1', s: '', d: new Date(0), b: true, i: 1n }], [{ n: 1, s: '', d: null, b: true, i: 1n }]],
})
serializerContract({
  test,
  serializer: floats<Float32Array | Tensor>(),
  values: [
    { name: 'an array', make: () => Float32Array.of(1, -0, Number.NaN) },
    { name: 'a tensor', make: () => ({ data: new Float32Array(6), shape: [2, 3] }) },
  ],
  invalid: [[1], null, 'x', { data: new Float32Array(6), shape: [7] }],
})
serializerContract({
  test,
  serializer: structured(),
  values: [
    { name: 'everything', make: () => ({ a: new Map([[1n, new Set([new Date(0)])]]), b: [undefined, Number.NaN, -0], c: Float64Array.of(1) }) },
  ],
  invalid: [() => 1, Symbol('x'), [/x/]],
})
serializerContract({
  test,
  serializer: parquet(),
  values: [{ name: 'rows', make: () => [{ a: 1, b: 'x', c: 5n, d: new Date(0), e: [1, { f: null }], g: null }] }],
  invalid: [5, 'x', [{ a: 1 }, { a: 'x' }], [{ a: Symbol('x') }]],
})
const wrappers = [gzip, brotli, ...('createZstdCompress' in zlib ? [zstd] : [])]
for (const wrapper of wrappers) {
  serializerContract({
    test,
    serializer: wrapper(gzip(ndjson())),
    values: [
      { name: 'rows', make: () => Array.from({ length: 3000 }, (_, i) => ({ i })) },
      { name: 'no rows', make: () => [] },
    ],
    invalid: [5, 'text', [undefined]],
  })
  serializerContract({
    test,
    serializer: wrapper(json()),
    values: [{ name: 'a tree', make: () => ({ a: [1, { b: 'x'.repeat(10_000) }] }) }],
    invalid: [undefined],
  })
}

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
