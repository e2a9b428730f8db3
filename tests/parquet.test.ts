import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { parquetReadObjects } from 'hyparquet'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { memoryStore, persistable, source } from '../src'
import { parquet } from '../src/parquet'
import { onEveryProvider } from './registries'
import { contentOf, encode, failure, roundTrip, utf8 } from './serializing'
import { seededRandom } from './support'

const text = fc.string({ unit: 'binary' }).filter((value) => value.isWellFormed())

test('any rows come back: null, bigint, Date, bytes, nested values, NaN and -0', async () => {
  const { seed } = seededRandom()
  const made = parquet({
    columns: { s: 'string', n: 'number', i: 'bigint', b: 'boolean', d: 'date', u: 'bytes', j: 'json', ['__proto__']: 'string' },
    rowGroup: 3,
  })
  const nested = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown)
  const row = fc
    .record({
      s: fc.option(text),
      n: fc.option(fc.double()),
      i: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
      b: fc.option(fc.boolean()),
      d: fc.option(fc.date({ noInvalidDate: true })),
      u: fc.option(fc.uint8Array({ maxLength: 9 })),
      j: fc.option(fc.oneof(fc.array(nested, { maxLength: 3 }), fc.dictionary(fc.string({ maxLength: 3 }), nested, { maxKeys: 3 }))),
    })
    .map((value) => Object.defineProperty({ ...value }, '__proto__', { value: 'x', enumerable: true, writable: true, configurable: true }))
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 8 }), async (rows) => {
      const plain = (all: unknown): unknown => (all as object[]).map((one) => Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      expect(plain(await roundTrip(made, rows))).toEqual(plain(rows))
    }),
    { seed, numRuns: 150 },
  )
})

test('types are found, columns are taken, missing members are null; another reader reads the same', async () => {
  const rows = [
    { b: null, a: 1, c: 5n, when: new Date(7) },
    { a: -0.5, c: -5n, b: 'x' },
  ]
  const back = [
    { a: 1, b: null, c: 5n, when: new Date(7) },
    { a: -0.5, b: 'x', c: -5n, when: null },
  ]
  const whole = await encode(parquet(), rows)
  expect(await parquet().decode(contentOf(whole))).toEqual(back)
  expect(await parquetReadObjects({ file: whole.buffer as ArrayBuffer })).toEqual(back)
  expect(Object.keys((await parquetReadObjects({ file: whole.buffer as ArrayBuffer }))[0] as object)).toEqual(['a', 'b', 'c', 'when'])
  expect(await roundTrip(parquet(), { a: Float64Array.of(1, 2), b: ['x', null] })).toEqual([
    { a: 1, b: 'x' },
    { a: 2, b: null },
  ])
  expect(await roundTrip(parquet(), [])).toEqual([])
  async function* many(): AsyncGenerator<object, void, undefined> {
    for (let i = 0; i < 25_000; i++) yield { i, text: `row ${i}` }
  }
  const all = (await roundTrip(parquet(), many())) as { i: number }[]
  expect([all.length, all.at(-1)]).toEqual([25_000, { i: 24_999, text: 'row 24999' }])
  // equal rows have equal bytes, whatever the order of keys
  expect(Buffer.compare(await encode(parquet(), [{ a: 1, j: { x: 1, y: [2] } }]), await encode(parquet(), [{ j: { y: [2], x: 1 }, a: 1 }]))).toBe(0)
})

test('files of other tools: narrow types, compressed otherwise', async () => {
  const columnData = [
    { name: 'small', data: Int32Array.of(1, -2) },
    { name: 'half', data: Float32Array.of(0.5, 1.5) },
  ]
  for (const [codec, compressors] of [
    ['UNCOMPRESSED', {}],
    ['GZIP', { GZIP: (bytes: Uint8Array) => gzipSync(bytes) }],
  ] as const)
    expect(await parquet().decode(contentOf(new Uint8Array(parquetWriteBuffer({ columnData, codec, compressors }))))).toEqual([
      { small: 1, half: 0.5 },
      { small: -2, half: 1.5 },
    ])
})

test('refuses what does not fit, with row and column', async () => {
  const cases: [unknown, object][] = [
    [[{ a: 1 }, { a: 'x' }], { row: 2, column: 'a' }],
    [[{ a: 'x' }, { a: 1n }], { row: 2, column: 'a' }],
    [[{ a: 2n ** 63n }], { row: 1, column: 'a' }],
    [[{ a: '\ud800' }], { row: 1, column: 'a' }],
    [[{ a: new Date(Number.NaN) }], { row: 1, column: 'a' }],
    [[{ a: () => 1 }], { row: 1, column: 'a' }],
    [[{ a: new Float32Array(1) }], { row: 1, column: 'a' }],
    [[{ a: 1 }, 5], { row: 2 }],
    [[[1]], { row: 1 }],
  ]
  for (const [rows, where] of cases) {
    const error = await failure(() => encode(parquet(), rows))
    expect([error.code, error.details]).toEqual(['INVALID_ARTIFACT', { serializer: 'parquet', ...where }])
  }
  const deep = await failure(() => encode(parquet(), [{ a: { b: [1, Number.NaN] } }]))
  expect([deep.code, deep.details['path']]).toEqual(['INVALID_ARTIFACT', 'row 1.a.b[1]'])
  for (const wrong of [[{ a: [1n] }], [{ a: { b: -0 } }], [{ a: [new Map()] }], 5, null, 'x', utf8('x'), { a: [1], b: [1, 2] }, { a: 1 }])
    expect((await failure(() => encode(parquet(), wrong))).code).toBe('INVALID_ARTIFACT')
  const late = await failure(() => encode(parquet({ rowGroup: 1 }), [{ a: 1 }, { a: 1, b: 2 }]))
  expect([late.code, late.details['column']]).toEqual(['INVALID_ARTIFACT', 'b'])
  for (const options of [{ columns: {} }, { columns: { a: 'float' } }, { rowGroup: 0 }] as never[])
    expect((await failure(() => parquet(options))).code).toBe('INVALID_OPTION')
})

test('other bytes are refused', async () => {
  const whole = await encode(parquet(), [{ a: 1, b: 'x' }])
  for (const wrong of [utf8(''), utf8('PAR1'), utf8('not parquet at all'), whole.slice(0, -1), whole.slice(4), new Uint8Array(100)])
    expect((await failure(() => parquet().decode(contentOf(wrong)))).code).toBe('INVALID_ARTIFACT')
})

class Table extends persistable('Table', { artifacts: { rows: source(parquet<{ a: number; b: string | null }>().to('memory')) } }) {}

onEveryProvider((make) => {
  test('through a registry', async () => {
    const repo = await (await make()).open({ types: [Table], stores: [memoryStore()] })
    const rows = [
      { a: 1, b: 'x' },
      { a: Number.NaN, b: null },
    ]
    await repo.save(new Table({ artifacts: { rows } }))
    const loaded = await repo.load(Table, 'default')
    expect(await loaded.artifact('rows')).toEqual(rows)
    const seen: unknown[] = []
    for await (const row of loaded.rows('rows')) seen.push(row)
    expect(seen).toEqual(rows)
  })
})
