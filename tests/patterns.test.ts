import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { bytes, diskStore, isPersistablesError, json, memoryStore, ndjson, type PersistablesError, serializer, text } from '../src'
import { type EncodedArtifact, encodeArtifact, type ReadContext, readArtifact, streamArtifact } from '../src/artifacts/patterns'
import type { AnySerializer, Pattern } from '../src/artifacts/serializer'
import type { Blob, Store } from '../src/artifacts/store'
import { tempSpool } from '../src/artifacts/stores/spool'
import type { PatternRecord } from '../src/types'
import { seededRandom, tempDir } from './support'

const MIB = 1 << 20
const sha256 = (whole: Uint8Array): string => createHash('sha256').update(whole).digest('hex')
const byName = (...stores: Store[]): ReadonlyMap<string, Store> => new Map(stores.map((store) => [store.name, store]))
const listed = async (store: Store): Promise<string[]> => {
  const digests: string[] = []
  for await (const { digest } of store.list()) digests.push(digest)
  return digests.sort()
}
const collect = async (source: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}
const failure = async (work: Promise<unknown>): Promise<PersistablesError> => {
  const error = await work.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  )
  if (isPersistablesError(error)) return error
  throw error
}
type AnyPattern = Omit<Pattern, 'serializer'> & { serializer: AnySerializer }
const encode = (
  value: unknown,
  patterns: readonly AnyPattern[],
  stores: ReadonlyMap<string, Store>,
  declared?: AnySerializer,
): Promise<EncodedArtifact> =>
  encodeArtifact({ artifact: 'a', value, patterns, declared: declared ?? (patterns[0] as AnyPattern).serializer }, { stores, label: 'T/t' })
const reading = (stores: ReadonlyMap<string, Store>): ReadContext & { warnings: string[] } => {
  const known = new Map<string, AnySerializer>([json(), text(), bytes(), ndjson()].map((each) => [each.name, each]))
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
/** A store in memory that takes no more than `room` bytes, and counts what it is given. */
const failingStore = (room: number, name = 'small'): Store & { given: number } => {
  const inner = memoryStore({ name })
  const store = {
    ...inner,
    given: 0,
    put: (blob: Blob, source: () => AsyncIterable<Uint8Array>) =>
      inner.put(blob, async function* () {
        for await (const chunk of source()) {
          store.given += chunk.length
          if (store.given > room) throw new Error('no room')
          yield chunk
        }
      }),
  }
  return store
}

describe('writing', () => {
  test('nothing is visible before write, and each store gets each blob once', async () => {
    const disk = diskStore(await tempDir())
    const memory = memoryStore()
    const stores = byName(disk, memory)
    const whole = seededRandom().bytes(2 * MIB + 5)
    let encodings = 0
    const counted = serializer<Uint8Array>({
      name: 'counted',
      encode: (value) => {
        encodings++
        return { bytes: value }
      },
      decode: (content) => content.bytes(),
    })
    for (const [value, make] of [
      [() => whole, counted],
      [() => Readable.from([whole.subarray(0, 99), whole.subarray(99)]), bytes()],
    ] as const) {
      const made = make as ReturnType<typeof bytes>
      const encoded = await encode(value(), [made.to('memory'), made.to('disk')], stores)
      expect([await listed(disk), await listed(memory)]).toEqual([[], []])
      expect(encoded.contentDigest).toBe(sha256(whole))
      expect(Object.keys(encoded.records)).toEqual([`memory_${made.name}`, `disk_${made.name}`])
      const record = Object.values(encoded.records)[0] as PatternRecord
      expect(record).toMatchObject({
        digest: sha256(whole),
        size: whole.length,
        contentDigest: sha256(whole),
        wrappers: [],
        chunks: { size: 12, chunkSize: MIB },
      })
      expect(encoded.blobs.map(({ store, size }) => `${store} ${size}`).sort()).toEqual(
        [`disk ${whole.length}`, 'disk 12', `memory ${whole.length}`, 'memory 12'].sort(),
      )
      await encoded.write()
      for (const store of [disk, memory]) {
        expect(await listed(store)).toEqual([sha256(whole), record.chunks?.digest].sort())
        expect(Buffer.compare(await collect(store.get(record)), whole)).toBe(0)
        for (const digest of await listed(store)) await store.delete(digest)
      }
    }
    expect(encodings).toBe(1)
    const dropped = await encode(Readable.from([whole]), [bytes().to('disk')], stores)
    await dropped.discard()
    expect([await listed(disk), await listed(memory)]).toEqual([[], []])
  })

  test('the content digest is that of the declared serializer, whatever patterns are used', async () => {
    const encoded = await encode('ä', [text().to('memory')], byName(memoryStore()), json())
    expect(encoded.contentDigest).toBe(sha256(Buffer.from('"ä"')))
    expect(Object.keys(encoded.records)).toEqual(['memory_text'])
    expect(encoded.blobs).toHaveLength(1)
    expect((await encode([1], [], byName(), json())).contentDigest).toBe(sha256(Buffer.from('[1]')))
  })

  test('a store that fails at any byte fails the write by name, shows nothing of the blob, and leaves no temporary file', async () => {
    const whole = seededRandom().bytes(2 * MIB + 5)
    for (const value of [() => whole, () => Readable.from([whole])]) {
      for (const room of [0, 11, 12, 13, MIB, 2 * MIB + 16]) {
        const root = await tempDir()
        const disk = diskStore(root)
        const small = failingStore(room)
        const encoded = await encode(value(), [bytes().to('small'), bytes().to('disk')], byName(small, disk))
        const error = await failure(encoded.write())
        expect(error.code).toBe('STORE_FAILED')
        expect(error.details).toMatchObject({ artifact: 'a', pattern: 'small_bytes', store: 'small' })
        expect(error.message).toMatch(/T\/t.*no room/)
        expect(await small.size(sha256(whole))).toBe(null)
        expect(await listed(disk)).toEqual([])
        expect((await readdir(root, { recursive: true })).filter((path) => path.startsWith('tmp/'))).toEqual([])
      }
    }
  })

  test('a stream that two serializers would each read, a store that is not there, a value that does not fit', async () => {
    const stores = byName(memoryStore({ name: 'memory' }))
    const stream = Readable.from(['x'])
    expect((await failure(encode(stream, [bytes().to('memory'), ndjson().to('memory')], stores))).code).toBe('INVALID_ARTIFACT')
    const unknown = await failure(encode([], [json().to('memroy')], stores))
    expect([unknown.code, unknown.message]).toEqual(['UNKNOWN_STORE', expect.stringContaining('"memory"')])
    expect((await failure(encode(undefined, [json().to('memory')], stores))).code).toBe('INVALID_ARTIFACT')
    async function* rows(): AsyncGenerator<unknown, void, undefined> {
      yield 1
      yield undefined
    }
    expect((await failure(encode(rows(), [ndjson().to('memory')], stores))).code).toBe('INVALID_ARTIFACT')
  })

  test('a temporary spool goes away by commit, discard, failure and abort', async () => {
    const folder = await tempDir()
    for (const end of ['commit', 'discard'] as const) {
      const spool = await tempSpool(Readable.from([Buffer.from('ab'), Buffer.from('c')]), {}, folder)
      expect([spool.size, spool.digest]).toEqual([3, sha256(Buffer.from('abc'))])
      expect([(await collect(spool.read())).toString(), (await collect(spool.read())).toString()]).toEqual(['abc', 'abc'])
      await spool[end]()
      expect(await readdir(folder)).toEqual([])
    }
    const broken = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      yield new Uint8Array(3 * MIB)
      throw new Error('cable')
    }
    await expect(tempSpool(broken(), {}, folder)).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining('cable') })
    const stop = new AbortController()
    const stopped = tempSpool(new Readable({ read() {} }), { signal: stop.signal }, folder)
    stop.abort(new Error('stop'))
    await expect(stopped).rejects.toThrow('stop')
    expect(await readdir(folder)).toEqual([])
    await expect(tempSpool(broken(), {}, `${folder}/none`)).rejects.toMatchObject({ code: 'STORE_FAILED' })
  })
})

describe('reading', () => {
  test('whatever a row says, no byte that was not saved comes back', async () => {
    const stores = byName(memoryStore())
    const context = reading(stores)
    const small = await encode([1, 2], [json().to('memory')], stores)
    await small.write()
    const other = await encode([3, 4], [json().to('memory')], stores)
    await other.write()
    const odd = [
      { digest: '../../etc/passwd' },
      { digest: other.contentDigest, size: 4 },
      { size: 4 },
      { size: -1 },
      { size: 2 ** 60 },
      { size: '5' },
      { contentDigest: 5 },
      { contentSize: Number.NaN },
      { wrappers: 'gzip' },
      { wrappers: ['gzip'] },
      { store: '__proto__' },
      { serializer: 'nope' },
    ]
    for (const change of odd) {
      const error = await failure(
        readArtifact(
          requestOf(small, (record) => ({ ...record, ...change })),
          context,
        ),
      )
      expect([change, error.code]).toEqual([change, 'ARTIFACT_UNREADABLE'])
      expect(error.details['attempts']).toHaveLength(1)
    }
    for (const record of [null, undefined, 5, {}, []])
      expect(
        (
          await failure(
            readArtifact(
              requestOf(small, () => record),
              context,
            ),
          )
        ).code,
      ).toBe('ARTIFACT_UNREADABLE')
    expect(await readArtifact(requestOf(small), context)).toEqual([1, 2])
    expect(context.warnings).toEqual([])
  })

  test('a stream goes on only in a pattern of equal content, and never begins what it cannot end', async () => {
    const [one, two] = [memoryStore({ name: 'one' }), memoryStore({ name: 'two' })]
    const stores = byName(one, two)
    const whole = seededRandom().bytes(3 * MIB + 1)
    const mine = await encode(whole, [bytes().to('one'), bytes().to('two')], stores)
    const other = await encode(seededRandom().bytes(3 * MIB + 1), [bytes().to('two')], stores)
    await mine.write()
    await other.write()
    const damaged = whole.slice()
    damaged[2 * MIB] = (damaged[2 * MIB] as number) ^ 1
    await one.replace?.({ digest: sha256(whole), size: whole.length }, async function* () {
      yield damaged
    })
    const context = reading(stores)
    expect(Buffer.compare(await collect(streamArtifact(requestOf(mine), context)), whole)).toBe(0)
    expect(context.warnings).toHaveLength(1)
    const records = [...requestOf(mine).records.slice(0, 1), ...requestOf(other).records]
    const seen: Uint8Array[] = []
    const error = await failure(
      (async () => {
        for await (const chunk of streamArtifact({ ...requestOf(mine), records }, context)) seen.push(chunk)
      })(),
    )
    expect(error.code).toBe('ARTIFACT_UNREADABLE')
    expect(error.details['attempts']).toHaveLength(2)
    expect(Buffer.compare(Buffer.concat(seen), whole.subarray(0, 2 * MIB))).toBe(0)
  })

  test('checksums that are missing, damaged or nonsense are made anew from bytes that fit their sha256', async () => {
    const store = memoryStore()
    const stores = byName(store)
    const whole = seededRandom().bytes(2 * MIB + 7)
    const encoded = await encode(whole, [bytes().to('memory')], stores)
    await encoded.write()
    const chunks = Object.values(encoded.records)[0]?.chunks
    const odd = [
      undefined,
      5,
      { ...chunks, chunkSize: 0 },
      { ...chunks, chunkSize: 2 ** 40 },
      { ...chunks, size: 8 },
      { ...chunks, digest: 'x' },
      { ...chunks, digest: '0'.repeat(64) },
    ]
    for (const change of odd) {
      const context = reading(stores)
      const request = requestOf(encoded, (record) => ({ ...record, chunks: change }))
      expect(Buffer.compare(await collect(streamArtifact(request, context)), whole)).toBe(0)
    }
    // bytes that do not fit their sha256 give no checksums
    const damaged = whole.slice()
    damaged[5] = (damaged[5] as number) ^ 1
    await store.replace?.({ digest: sha256(whole), size: whole.length }, async function* () {
      yield damaged
    })
    const request = requestOf(encoded, ({ chunks: _, ...record }) => record)
    expect((await failure(collect(streamArtifact(request, reading(stores))))).code).toBe('ARTIFACT_UNREADABLE')
  })

  test('bytes with something behind them, or cut short, are damaged', async () => {
    const store = memoryStore()
    const stores = byName(store)
    for (const size of [10, MIB, 2 * MIB, 2 * MIB + 1]) {
      const whole = seededRandom().bytes(size)
      const encoded = await encode(whole, [bytes().to('memory')], stores)
      await encoded.write()
      for (const wrong of [Buffer.concat([whole, Buffer.from('x')]), whole.subarray(1), whole.subarray(0, -1), new Uint8Array(0)]) {
        await store.replace?.({ digest: sha256(whole), size: wrong.length }, async function* () {
          yield wrong
        })
        const seen: Uint8Array[] = []
        const streamed = (async () => {
          for await (const chunk of streamArtifact(requestOf(encoded), reading(stores))) seen.push(chunk)
        })()
        expect((await failure(streamed)).details['attempts']).toMatchObject([{ code: 'ARTIFACT_CORRUPT' }])
        const got = Buffer.concat(seen)
        expect(Buffer.compare(got, whole.subarray(0, got.length))).toBe(0)
        expect((await failure(readArtifact(requestOf(encoded), reading(stores)))).code).toBe('ARTIFACT_UNREADABLE')
      }
    }
  })

  test('decoding that fails is an attempt too, and a serializer may be passed for once', async () => {
    const stores = byName(memoryStore(), memoryStore({ name: 'second' }))
    const encoded = await encode('not json', [text().to('memory'), text().to('second')], stores)
    await encoded.write()
    const context = reading(stores)
    const [first, second] = requestOf(encoded).records as [readonly [string, PatternRecord], readonly [string, PatternRecord]]
    const mixed = { ...requestOf(encoded), records: [['memory_json', { ...first[1], serializer: 'json' }] as const, second] }
    expect(await readArtifact(mixed, context)).toBe('not json')
    expect(context.warnings).toHaveLength(1)
    expect(context.warnings[0]).toContain('memory_json')
    expect(await readArtifact({ ...requestOf(encoded), serializer: bytes() }, context)).toEqual(new Uint8Array(Buffer.from('not json')))
  })
})
