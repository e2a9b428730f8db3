import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { AnySerializer, Content } from './artifacts/serializer'
import type { Blob, Store } from './artifacts/store'
import { isPersistablesError } from './errors'

/** The test function of any runner: Jest's and Vitest's `test`, node:test's `test`. */
export type TestFunction = (name: string, body: () => Promise<void>) => unknown

/** What {@link storeContract} needs. */
export interface StoreContract {
  readonly test: TestFunction
  /** an empty store of its own for each test */
  readonly create: () => Promise<Store> | Store
  /** frees what `create` made */
  readonly destroy?: (store: Store) => Promise<void> | void
}

const blobOf = (bytes: Uint8Array): Blob => ({ digest: createHash('sha256').update(bytes).digest('hex'), size: bytes.length })
const patterned = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 255)

async function* inPieces(bytes: Uint8Array, size = 65_536): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size)
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const rejectsWith = (code: string, work: Promise<unknown>): Promise<void> =>
  assert.rejects(work, (error: unknown) => isPersistablesError(error, code as never))

/**
 * The contract of {@link Store} as tests. A store that passes can be used in patterns.
 *
 * @example
 * import { storeContract } from 'persistables/testing'
 * storeContract({ test, create: () => new MyStore(emptyBucket()) })
 */
export function storeContract({ test, create, destroy }: StoreContract): void {
  const check = (name: string, body: (store: Store) => Promise<void>): unknown =>
    test(`store contract: ${name}`, async () => {
      const store = await create()
      try {
        await body(store)
      } finally {
        await destroy?.(store)
      }
    })
  const listed = async (store: Store): Promise<string[]> => {
    const digests: string[] = []
    for await (const { digest } of store.list()) digests.push(digest)
    return digests.sort()
  }

  check('an empty store holds nothing', async (store) => {
    const blob = blobOf(patterned(10))
    assert.equal(await store.size(blob.digest), null)
    assert.equal(await store.delete(blob.digest), false)
    assert.deepEqual(await listed(store), [])
    await rejectsWith('ARTIFACT_MISSING', collect(store.get(blob)))
  })

  for (const size of [0, 1, 4095, 1 << 20, (1 << 20) + 1, 3_000_001]) {
    check(`${size} bytes come back as they were, from any place`, async (store) => {
      const bytes = patterned(size)
      const blob = blobOf(bytes)
      await store.put(blob, () => inPieces(bytes))
      assert.equal(await store.size(blob.digest), size)
      assert.equal(Buffer.compare(await collect(store.get(blob)), bytes), 0)
      for (const start of [0, 1, size >> 1, size].filter((at) => at <= size)) {
        assert.equal(Buffer.compare(await collect(store.get(blob, { start })), bytes.subarray(start)), 0)
      }
      assert.deepEqual(await listed(store), [blob.digest])
      assert.equal(await store.delete(blob.digest), true)
      assert.equal(await store.size(blob.digest), null)
      assert.deepEqual(await listed(store), [])
    })
  }

  check('chunks belong to who reads them; what asks for reused memory gets the same bytes', async (store) => {
    const bytes = patterned(4_200_001)
    const blob = blobOf(bytes)
    await store.put(blob, () => inPieces(bytes))
    for await (const chunk of store.get(blob)) chunk.fill(0)
    const seen = createHash('sha256')
    for await (const chunk of store.get(blob, { reuse: true })) seen.update(chunk)
    assert.equal(seen.digest('hex'), blob.digest)
    assert.equal(Buffer.compare(await collect(store.get(blob)), bytes), 0)
  })

  check('what is there is kept, and its source need not be read', async (store) => {
    const bytes = patterned(1000)
    const blob = blobOf(bytes)
    await store.put(blob, () => inPieces(bytes))
    await store.put(blob, () => inPieces(bytes))
    assert.equal(Buffer.compare(await collect(store.get(blob)), bytes), 0)
    assert.deepEqual(await listed(store), [blob.digest])
  })

  check('a source of the wrong length, or one that throws, leaves nothing', async (store) => {
    const bytes = patterned(200_000)
    const blob = blobOf(bytes)
    await rejectsWith(
      'STORE_FAILED',
      store.put(blob, () => inPieces(bytes.subarray(1))),
    )
    await rejectsWith(
      'STORE_FAILED',
      store.put(blob, () => inPieces(Buffer.concat([bytes, bytes]))),
    )
    const broken = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      yield bytes.slice(0, 100_000)
      throw new Error('the source broke')
    }
    await assert.rejects(store.put(blob, broken), /the source broke/)
    assert.equal(await store.size(blob.digest), null)
    assert.deepEqual(await listed(store), [])
    await store.put(blob, () => inPieces(bytes))
    assert.equal(Buffer.compare(await collect(store.get(blob)), bytes), 0)
  })

  check('many writers of the same bytes and of others, at once', async (store) => {
    const all = [patterned(70_000), patterned(70_001), patterned(5)]
    await Promise.all(all.flatMap((bytes) => Array.from({ length: 8 }, () => store.put(blobOf(bytes), () => inPieces(bytes, 1000)))))
    for (const bytes of all) assert.equal(Buffer.compare(await collect(store.get(blobOf(bytes))), bytes), 0)
    assert.deepEqual(await listed(store), all.map((bytes) => blobOf(bytes).digest).sort())
  })

  check('bytes are the caller’s own, on the way in and out', async (store) => {
    const bytes = patterned(100)
    const blob = blobOf(bytes)
    const given = bytes.slice()
    await store.put(blob, async function* () {
      yield given
    })
    given.fill(0)
    const first = await collect(store.get(blob))
    for await (const chunk of store.get(blob)) chunk.fill(0)
    assert.equal(Buffer.compare(first, bytes), 0)
    assert.equal(Buffer.compare(await collect(store.get(blob)), bytes), 0)
  })

  check('what is no digest never becomes a key', async (store) => {
    const before = await listed(store)
    for (const digest of ['', '../../etc/passwd', 'A'.repeat(64), '0'.repeat(63), `${'0'.repeat(62)}/.`, `${'0'.repeat(64)}\n`]) {
      await assert.rejects(async () => store.size(digest))
      await assert.rejects(async () => store.delete(digest))
      await assert.rejects(async () => store.put({ digest, size: 1 }, () => inPieces(new Uint8Array(1))))
      await assert.rejects(async () => collect(store.get({ digest, size: 1 })))
    }
    assert.deepEqual(await listed(store), before)
  })

  check('a reader may stop early', async (store) => {
    const bytes = patterned(3_000_000)
    await store.put(blobOf(bytes), () => inPieces(bytes))
    for await (const chunk of store.get(blobOf(bytes))) {
      assert.ok(chunk.length > 0)
      break
    }
    assert.equal((await collect(store.get(blobOf(bytes)))).length, bytes.length)
  })

  check('an aborted write leaves nothing', async (store) => {
    const bytes = patterned(300_000)
    const blob = blobOf(bytes)
    const controller = new AbortController()
    const source = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      yield bytes.slice(0, 100_000)
      controller.abort(new Error('enough'))
      yield bytes.slice(100_000)
    }
    await assert.rejects(store.put(blob, source, { signal: controller.signal }), /enough/)
    assert.equal(await store.size(blob.digest), null)
  })

  check('one owner, whoever asks', async (store) => {
    if (store.owner === undefined) return
    assert.equal(await store.owner(), null)
    const claims = await Promise.all(['a', 'b', 'c'].map((claim) => store.owner?.({ claim })))
    assert.equal(new Set(claims).size, 1)
    assert.equal(await store.owner({ claim: 'late' }), claims[0])
    assert.equal(await store.owner(), claims[0])
  })

  check('a spool is hashed on the way, can be read, and is committed or discarded', async (store) => {
    if (store.spool === undefined) return
    const bytes = patterned(2_500_000)
    const spool = await store.spool(inPieces(bytes, 7777))
    assert.deepEqual({ digest: spool.digest, size: spool.size }, blobOf(bytes))
    assert.equal(await store.size(spool.digest), null)
    assert.equal(Buffer.compare(await collect(spool.read()), bytes), 0)
    assert.equal(Buffer.compare(await collect(spool.read()), bytes), 0)
    await spool.commit()
    assert.equal(Buffer.compare(await collect(store.get(spool)), bytes), 0)
    const other = await store.spool(inPieces(patterned(10)))
    await other.discard()
    assert.deepEqual(await listed(store), [spool.digest])
    const again = await store.spool(inPieces(bytes))
    await again.commit()
    assert.deepEqual(await listed(store), [spool.digest])
  })

  check('what is put in quarantine is listed no more often, and stays where it is', async (store) => {
    if (store.quarantine === undefined) return
    const bytes = patterned(1000)
    const blob = blobOf(bytes)
    assert.equal(await store.quarantine(blob.digest), null)
    await store.put(blob, () => inPieces(bytes))
    const place = await store.quarantine(blob.digest)
    assert.ok(typeof place === 'string' && place !== store.locate(blob.digest))
    assert.equal(Buffer.compare(await collect(store.get(blob)), bytes), 0)
    assert.deepEqual(await listed(store), [blob.digest])
    await store.delete(blob.digest)
    assert.deepEqual(await listed(store), [])
    assert.equal(await store.size(blob.digest), null)
  })

  check('replace mends what is damaged', async (store) => {
    if (store.replace === undefined) return
    const bytes = patterned(1000)
    await store.put(blobOf(bytes), () => inPieces(bytes))
    await store.replace(blobOf(bytes), () => inPieces(bytes))
    assert.equal(Buffer.compare(await collect(store.get(blobOf(bytes))), bytes), 0)
  })
}

/** What {@link serializerContract} needs. */
export interface SerializerContract {
  readonly test: TestFunction
  readonly serializer: AnySerializer
  /** makes a value, afresh on each call; and what decoding it should give, where that is not the value itself */
  readonly values: readonly { readonly name: string; readonly make: () => unknown; readonly expected?: unknown }[]
  /** values that do not fit */
  readonly invalid?: readonly unknown[]
}

/**
 * The contract of a serializer as tests: what goes in comes out, equal values give equal bytes, each decode gives a value of its own, what does not fit is
 * `INVALID_ARTIFACT`.
 *
 * @example
 * serializerContract({ test, serializer: yaml(), values: [{ name: 'a list', make: () => [1, 2] }], invalid: [() => {}] })
 */
export function serializerContract({ test, serializer, values, invalid = [] }: SerializerContract): void {
  const encode = async (value: unknown): Promise<{ bytes: Uint8Array; content: Content }> => {
    const { bytes, options = {} } = await serializer.encode(value)
    const whole =
      bytes instanceof Uint8Array || ArrayBuffer.isView(bytes) ? new Uint8Array(bytes as Uint8Array) : new Uint8Array(await collect(bytes))
    return { bytes: whole, content: { size: whole.length, options, bytes: async () => whole.slice(), stream: () => inPieces(whole, 1000) } }
  }
  for (const { name, make, ...rest } of values) {
    test(`${serializer.name} contract: ${name}`, async () => {
      const expected = 'expected' in rest ? rest.expected : make()
      const { bytes, content } = await encode(make())
      const [first, second] = [await serializer.decode(content), await serializer.decode(content)]
      assert.deepEqual(first, expected)
      assert.deepEqual(second, expected)
      if (typeof first === 'object' && first !== null) assert.notEqual(first, second)
      assert.equal(Buffer.compare((await encode(make())).bytes, bytes), 0)
    })
  }
  for (const [i, value] of invalid.entries()) {
    test(`${serializer.name} contract: refuses the misfit ${i + 1}`, () => rejectsWith('INVALID_ARTIFACT', (async () => encode(value))()))
  }
}
