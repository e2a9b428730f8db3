import { createHash, randomBytes } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import zlib from 'node:zlib'
import {
  artifact,
  brotli,
  bytes,
  diskStore,
  floats,
  gzip,
  json,
  memoryStore,
  ndjson,
  type PatternRecord,
  type PatternSerializer,
  persistable,
  source,
  text,
  zstd,
} from '../src'
import { type EncodedArtifact, encodeArtifact, type ReadContext, readArtifact, streamArtifact } from '../src/artifacts/patterns'
import type { AnySerializer, Pattern } from '../src/artifacts/serializer'
import type { Store } from '../src/artifacts/store'
import { zstdWrapper } from '../src/artifacts/wrappers/zstd'
import { onEveryProvider } from './registries'
import { contentOf, encode, failure, gather, roundTrip } from './serializing'
import { seededRandom } from './support'

const MIB = 1 << 20
const HAS_ZSTD = 'createZstdCompress' in zlib
const sha256 = (whole: Uint8Array): string => createHash('sha256').update(whole).digest('hex')
const byName = (...stores: Store[]): ReadonlyMap<string, Store> => new Map(stores.map((store) => [store.name, store]))
type AnyPattern = Omit<Pattern, 'serializer'> & { serializer: AnySerializer }
const encoded = (value: unknown, patterns: readonly AnyPattern[], stores: ReadonlyMap<string, Store>): Promise<EncodedArtifact> =>
  encodeArtifact({ artifact: 'a', value, patterns, declared: (patterns[0] as AnyPattern).serializer }, { stores, label: 'T/t' })
const reading = (stores: ReadonlyMap<string, Store>): ReadContext & { warnings: string[] } => {
  const known = new Map<string, AnySerializer>([json(), text(), bytes(), ndjson(), floats()].map((each) => [each.name, each]))
  const warnings: string[] = []
  return {
    stores,
    serializerOf: (name) => known.get(name),
    serializerNames: [...known.keys()],
    logger: { warn: (message) => warnings.push(message) },
    warnings,
  }
}
const requestOf = ({ records }: EncodedArtifact, change: (record: PatternRecord) => unknown = (record) => record) => ({
  artifact: 'a',
  label: 'T/t@1',
  records: Object.entries(records).map(([name, record]) => [name, change(record) as PatternRecord] as const),
})
/** Text that a compressor makes smaller, but not small. */
const wordy = (length: number): Uint8Array => {
  const random = seededRandom()
  const words = Array.from({ length: 500 }, () => Buffer.from(random.bytes(4)).toString('hex'))
  let whole = ''
  while (whole.length < length) whole += `${random.pick(words)} `
  return Buffer.from(whole.slice(0, length))
}

const WRAPPERS: [string, <T, I>(inner: PatternSerializer<T, I>) => PatternSerializer<T, I>][] = [
  ['gzip', gzip],
  ['brotli', brotli],
  ...(HAS_ZSTD ? ([['zstd', zstd]] as [string, typeof gzip][]) : []),
]

describe.each(WRAPPERS)('%s', (name, wrapper) => {
  test('the same bytes whatever pieces the content comes in; content digest and sizes of what is inside', async () => {
    const whole = wordy(MIB + 7)
    const pieces = [1_000, 65_536, 300_000, whole.length]
    const digests = new Set<string>()
    for (const size of pieces) {
      const stream = Readable.from(
        (function* () {
          for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size)
        })(),
      )
      const stores = byName(memoryStore())
      const { records, contentDigest } = await encoded(stream, [wrapper(bytes()).to('memory')], stores)
      const record = records[`memory_bytes-${name}`] as PatternRecord
      expect(record).toMatchObject({ serializer: 'bytes', wrappers: [name], contentDigest: sha256(whole), contentSize: whole.length })
      expect([contentDigest, record.size < whole.length]).toEqual([sha256(whole), true])
      digests.add(record.digest)
    }
    expect(digests.size).toBe(1)
  })

  test('no bit that is flipped in what is stored gets through', async () => {
    const store = memoryStore()
    const stores = byName(store)
    const random = seededRandom()
    for (const [size, rounds] of [
      [300, 60],
      [3 * MIB, 8],
    ] as const) {
      const whole = size > MIB ? Buffer.concat([wordy(size / 2), random.bytes(size / 2)]) : wordy(size)
      const made = await encoded(whole, [wrapper(bytes()).to('memory')], stores)
      await made.write()
      const [record] = Object.values(made.records) as [PatternRecord]
      const stored = await gather(store.get(record))
      for (let round = 0; round < rounds; round++) {
        const damaged = stored.slice()
        const bit = random.int(damaged.length * 8)
        damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
        await store.replace?.(record, async function* () {
          yield damaged
        })
        const seen: Uint8Array[] = []
        const streamed = await failure(async () => {
          for await (const chunk of streamArtifact(requestOf(made), reading(stores))) seen.push(chunk)
        })
        const got = Buffer.concat(seen)
        expect([streamed.code, got.length < whole.length, Buffer.compare(got, whole.subarray(0, got.length))]).toEqual([
          'ARTIFACT_UNREADABLE',
          true,
          0,
        ])
        if (size < MIB || round % 4 === 0)
          expect((await failure(() => readArtifact(requestOf(made), reading(stores)))).code).toBe('ARTIFACT_UNREADABLE')
      }
    }
  })

  test('a bomb is met where it goes beyond the size that the row tells', async () => {
    const store = memoryStore()
    const stores = byName(store)
    const bomb = await encoded(
      Readable.from(
        (function* () {
          for (let i = 0; i < 128; i++) yield new Uint8Array(MIB)
        })(),
      ),
      [wrapper(bytes()).to('memory')],
      stores,
    )
    await bomb.write()
    const [record] = Object.values(bomb.records) as [PatternRecord]
    expect(record.size).toBeLessThan(MIB)
    const before = process.memoryUsage().arrayBuffers
    for (const contentSize of [0, 10, MIB, 128 * MIB - 1, 128 * MIB + 1, Number.MAX_SAFE_INTEGER]) {
      let count = 0
      const error = await failure(async () => {
        for await (const chunk of streamArtifact(
          requestOf(bomb, (one) => ({ ...one, contentSize })),
          reading(stores),
        ))
          count += chunk.length
      })
      expect([contentSize, error.code]).toEqual([contentSize, 'ARTIFACT_UNREADABLE'])
      expect(count).toBeLessThanOrEqual(contentSize)
      if (contentSize <= MIB) {
        expect(
          (
            await failure(() =>
              readArtifact(
                requestOf(bomb, (one) => ({ ...one, contentSize })),
                reading(stores),
              ),
            )
          ).code,
        ).toBe('ARTIFACT_UNREADABLE')
        expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40 * MIB)
      }
    }
  })

  test('a stream goes on in a pattern of other wrappers, at the same place of the content', async () => {
    const [one, two, three] = [memoryStore({ name: 'one' }), memoryStore({ name: 'two' }), memoryStore({ name: 'three' })]
    const stores = byName(one, two, three)
    const whole = Buffer.concat([seededRandom().bytes(3 * MIB), wordy(2 * MIB + 11)])
    const made = await encoded(Readable.from([whole]), [wrapper(bytes()).to('one'), bytes().to('two'), gzip(wrapper(bytes())).to('three')], stores)
    await made.write()
    const damage = async (store: Store, record: PatternRecord | undefined, at: number): Promise<void> => {
      const stored = await gather(store.get(record as PatternRecord))
      stored[at] = (stored[at] as number) ^ 1
      await store.replace?.(record as PatternRecord, async function* () {
        yield stored
      })
    }
    await damage(one, made.records[`one_bytes-${name}`], MIB + 5)
    await damage(two, made.records['two_bytes'], 2 * MIB + 5)
    const context = reading(stores)
    expect(Buffer.compare(await gather(streamArtifact(requestOf(made), context)), whole)).toBe(0)
    expect(context.warnings).toEqual([
      expect.stringMatching(new RegExp(`three_bytes-${name}-gzip, because one_bytes-${name}: .*damaged.*; two_bytes: .*damaged`)),
    ])
    expect(Buffer.compare((await readArtifact(requestOf(made), context)) as Uint8Array, whole)).toBe(0)
  })

  test('by itself a wrapped serializer encodes and decodes what is wrapped', async () => {
    const value = { a: [1, 'x'.repeat(1000)] }
    const once = wrapper(json())
    const twice = wrapper(gzip(json()))
    expect([once.name, twice.name]).toEqual([`json-${name}`, `json-gzip-${name}`])
    expect(await roundTrip(once, value)).toEqual(value)
    expect(await roundTrip(twice, value)).toEqual(value)
    expect((await encode(once, value)).length).toBeLessThan(200)
    const rows = [{ a: 1 }, { a: 2 }]
    const seen: unknown[] = []
    for await (const row of wrapper(ndjson()).decodeRows?.(contentOf(await encode(wrapper(ndjson()), rows))) ?? []) seen.push(row)
    expect(seen).toEqual(rows)
    await expect(Promise.resolve(once.decode(contentOf(Uint8Array.of(1, 2, 3))))).rejects.toThrow()
  })
})

test('the bytes of gzip are gzip, and tell neither time nor system', async () => {
  const whole = Buffer.from(await encode(gzip(text()), 'hello'))
  expect(zlib.gunzipSync(whole).toString()).toBe('hello')
  expect([...whole.subarray(0, 10)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])
})

test('zstd where Node has none is an error that says what to do; classes can be declared all the same', async () => {
  const bare = zstdWrapper(3, { constants: {} })
  for (const work of [() => gather(bare.wrap(Readable.from([Buffer.from('x')]))), () => gather(bare.unwrap(Readable.from([Buffer.from('x')])))])
    expect(await failure(work)).toMatchObject({ code: 'MISSING_DEPENDENCY', message: expect.stringContaining('22.15') })
  expect(zstd(json()).to('disk').name).toBe('disk_json-zstd')
  if (!HAS_ZSTD) expect((await failure(() => encoded([1], [zstd(json()).to('memory')], byName(memoryStore())))).code).toBe('MISSING_DEPENDENCY')
})

test('strengths and depths that cannot be are refused', async () => {
  for (const make of [
    () => gzip(json(), { level: 0 }),
    () => gzip(json(), { level: 10 }),
    () => brotli(json(), { quality: 12 }),
    () => zstd(json(), { level: 1.5 }),
    () => gzip({} as never),
  ])
    expect((await failure(make)).code).toBe('INVALID_OPTION')
  let deep: PatternSerializer<unknown> = json()
  for (let i = 0; i < 8; i++) deep = gzip(deep)
  expect(await roundTrip(deep, [1])).toEqual([1])
  expect((await failure(() => gzip(deep))).code).toBe('INVALID_OPTION')
})

test('wrappers and records that were tampered with: coded, and nothing read beyond', async () => {
  const store = memoryStore()
  let gets = 0
  const counting: Store = {
    ...store,
    get(...asked) {
      gets++
      return store.get(...asked)
    },
  }
  const stores = byName(counting)
  const made = await encoded({ a: 1 }, [gzip(json()).to('memory')], stores)
  await made.write()
  const odd: [object, number][] = [
    [{ wrappers: [] }, 0],
    [{ wrappers: ['zip'] }, 0],
    [{ wrappers: ['__proto__'] }, 0],
    [{ wrappers: [{ toString: () => 'gzip' }] }, 0],
    [{ wrappers: Array.from({ length: 1_000_000 }, () => 'gzip') }, 0],
    [{ wrappers: 'gzip' }, 0],
    [{ wrappers: { 0: 'gzip', length: 1 } }, 0],
    [{ size: -1 }, 0],
    [{ contentSize: -1 }, 0],
    [{ contentSize: 1.5 }, 0],
    [{ contentSize: '8' }, 0],
    [{ contentDigest: 'x' }, 0],
    [{ digest: `../${'0'.repeat(61)}` }, 0],
    [{ options: [] }, 0],
    [{ options: 5 }, 0],
    [{ wrappers: ['brotli'] }, 1],
    [{ wrappers: ['gzip', 'gzip'] }, 1],
    [{ contentSize: 6 }, 1],
    [{ contentSize: 8 }, 1],
    [{ contentDigest: sha256(Buffer.from('{"a":2}')) }, 1],
    [{ size: 2 ** 52 }, 2],
  ]
  for (const [change, most] of odd) {
    gets = 0
    const error = await failure(() =>
      readArtifact(
        requestOf(made, (record) => ({ ...record, ...change })),
        reading(stores),
      ),
    )
    expect([change, error.code, (error.details['attempts'] as unknown[]).length, gets <= most]).toEqual([change, 'ARTIFACT_UNREADABLE', 1, true])
    expect(error.message.length).toBeLessThan(1000)
  }
  expect(await readArtifact(requestOf(made), reading(stores))).toEqual({ a: 1 })
})

class Model extends persistable('Model', { artifacts: { rows: source(ndjson<{ i: number }>().to('disk')) } }) {}
class Smaller extends persistable('Model', {
  artifacts: { rows: source(gzip(ndjson<{ i: number }>()).to('disk'), brotli(ndjson<{ i: number }>()).to('backup')) },
}) {}
class Chosen extends persistable('Chosen', { artifacts: { values: artifact(gzip(json<number[]>()).to('disk')) } }) {}

onEveryProvider((make) => {
  const stores = (folder: string) => [diskStore(join(folder, 'files')), diskStore(join(folder, 'backup'), { name: 'backup' })]
  const rows = Array.from({ length: 100_000 }, (_, i) => ({ i }))

  test('wrapping never changes a hash, and what was saved without is read with', async () => {
    const registry = await make()
    const plain = await registry.open({ types: [Model], stores: stores(registry.folder) })
    const before = await plain.save(new Model({ name: 'm', artifacts: { rows } }))
    const repo = await registry.open({ types: [Smaller], stores: stores(registry.folder) })
    expect(await repo.hash(new Smaller({ name: 'm', artifacts: { rows } }))).toBe(before.hash)
    const after = await repo.save(new Smaller({ name: 'm', artifacts: { rows: Readable.from(rows) } }))
    expect(after.hash).toBe(before.hash)
    expect(Object.keys(after.filepaths['rows'] ?? {}).sort()).toEqual(['backup_ndjson-brotli', 'disk_ndjson-gzip'])
    for (const ref of ['m@1', 'm@2']) {
      const loaded = await repo.load(Smaller, ref)
      expect(await loaded.artifact('rows')).toEqual(rows)
      expect((await gather(loaded.stream('rows'))).length).toBe(before.filepaths['rows']?.['disk_ndjson']?.contentSize)
    }
    // the class of the time before reads what is wrapped
    expect(await (await plain.load(Model, 'm@2')).artifact('rows')).toEqual(rows)
    expect(registry.warnings).toEqual([])
  })

  test('rows one by one from a wrapped artifact, over damage to another pattern; what is broken off holds nothing open', async () => {
    const registry = await make()
    const repo = await registry.open({ types: [Smaller], stores: stores(registry.folder) })
    const many = Array.from({ length: 150_000 }, (_, i) => ({ i, noise: randomBytes(4).toString('hex') }))
    const saved = await repo.save(new Smaller({ artifacts: { rows: many } }))
    const digest = saved.filepaths['rows']?.['disk_ndjson-gzip']?.digest as string
    const path = join(registry.folder, 'files', 'sha256', digest.slice(0, 2), digest.slice(2, 4), digest.slice(4))
    const damaged = await readFile(path)
    damaged[damaged.length - 5] = (damaged[damaged.length - 5] as number) ^ 1
    await rm(path)
    await writeFile(path, damaged)
    const loaded = await repo.load(Smaller, 'default')
    let next = 0
    for await (const row of loaded.rows('rows')) if (row.i !== next++) throw new Error(`row ${next - 1} is ${row.i}`)
    expect(next).toBe(many.length)
    expect(registry.warnings).toEqual([expect.stringContaining('backup_ndjson-brotli')])
    for await (const row of loaded.rows('rows')) if (row.i > 1000) break
  })

  test('savePatterns name wrapped patterns, declared or not', async () => {
    const registry = await make()
    const repo = await registry.open({ types: [Chosen], stores: stores(registry.folder) })
    const names = ['backup_json', 'disk_json-brotli', 'disk_json-gzip', 'backup_json-gzip-brotli']
    const saved = await repo.save(new Chosen({ artifacts: { values: [1, 2, 3] }, savePatterns: { values: names } }))
    expect(Object.keys(saved.filepaths['values'] ?? {}).sort()).toEqual([...names].sort())
    expect(new Set(Object.values(saved.filepaths['values'] ?? {}).map(({ contentDigest }) => contentDigest)).size).toBe(1)
    const loaded = await repo.load(Chosen, 'default')
    expect(await loaded.artifact('values')).toEqual([1, 2, 3])
    expect(await loaded.artifact('values', { serializer: gzip(text()) })).toBe('[1,2,3]')
    const unknown = await failure(() => repo.save(new Chosen({ artifacts: { values: [1] }, savePatterns: { values: ['disk_json-zip'] } })))
    expect([unknown.code, unknown.message]).toEqual(['UNKNOWN_SERIALIZER', expect.stringContaining('json-zip')])
  })

  test('a pattern that is not configured here is passed over with its reason, on saving it is an error', async () => {
    const registry = await make()
    const all = await registry.open({ types: [Smaller], stores: stores(registry.folder) })
    await all.save(new Smaller({ artifacts: { rows } }))
    const half = await registry.open({ types: [Smaller], stores: [diskStore(join(registry.folder, 'backup'), { name: 'backup' })] })
    expect(await (await half.load(Smaller, 'default')).artifact('rows')).toEqual(rows)
    expect(registry.warnings).toEqual([expect.stringContaining('no store "disk"')])
    expect((await failure(() => half.save(new Smaller({ artifacts: { rows } })))).code).toBe('UNKNOWN_STORE')
    expect(await half.count(Smaller)).toBe(1)
  })
})
