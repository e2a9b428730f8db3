import { cp, readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { diskStore } from '../src'
import { MAX_OBJECT, MAX_PARTS, partPlan } from '../src/artifacts/stores/s3-parts'
import { s3Store } from '../src/s3'
import { joined } from './s3-server/bytes'
import { blobOf, CREDENTIALS, collect, failure, held, keyOf, MIB, patterned, pieces, put, serve, storeOn } from './s3-support'
import { tempDir } from './support'

const HELLO = new Uint8Array(Buffer.from('hello'))
const PART = 5 * MIB
const PLAN = { partSize: 8 * MIB, queue: 4 }
const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await later(5)
}
const reading = (bytes: Uint8Array) => ({
  bytes: joined([
    {
      size: bytes.length,
      async *read(start: number, end: number) {
        yield Buffer.from(bytes.subarray(start, end))
      },
    },
  ]),
  etag: '"other"',
  modified: new Date(),
  headers: {},
})

describe('how an object is cut', () => {
  test('any size up to 5 TiB takes at most 10,000 parts, of at least 5 MiB but for the last, in the memory that was asked for', () => {
    const sizes = [0, 1, PART, 8 * MIB, 8 * MIB + 1, 100 * MIB, 8 * MIB * MAX_PARTS, 8 * MIB * MAX_PARTS + 1, 2 ** 40 + 7, MAX_OBJECT - 1, MAX_OBJECT]
    for (const partSize of [PART, 8 * MIB, 64 * MIB, 1024 * MIB]) {
      for (const queue of [1, 4, 100]) {
        for (const size of sizes) {
          const plan = partPlan(size, { partSize, queue })
          expect(plan.count).toBeLessThanOrEqual(MAX_PARTS)
          expect(plan.count).toBe(Math.max(1, Math.ceil(size / plan.partSize) || 1))
          if (plan.count > 1) expect(plan.partSize).toBeGreaterThanOrEqual(partSize)
          expect(plan.held === 1 || plan.held * plan.partSize <= partSize * queue).toBe(true)
          expect(plan.held).toBeGreaterThanOrEqual(1)
        }
      }
    }
    expect(partPlan(MAX_OBJECT, PLAN)).toEqual({ count: 9987, partSize: 525 * MIB, held: 1 })
    expect(partPlan(8 * MIB * MAX_PARTS, PLAN)).toEqual({ count: MAX_PARTS, partSize: 8 * MIB, held: 4 })
    expect(partPlan(8 * MIB * MAX_PARTS + 1, PLAN)).toEqual({ count: 8889, partSize: 9 * MIB, held: 3 })
  })

  test('what no object can hold is refused before anything is sent', async () => {
    const server = await serve()
    const error = await failure(storeOn(server).put({ digest: 'a'.repeat(64), size: MAX_OBJECT + 1 }, pieces(HELLO)))
    expect([error.code, error.message]).toEqual(['STORE_FAILED', expect.stringContaining('5 TiB')])
    expect(server.log).toEqual([])
  })

  test.each([PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 1, 4 * PART + 17])(
    '%i bytes arrive as they were, in the fewest requests',
    async (size) => {
      const server = await serve()
      const store = storeOn(server, { queue: 2 })
      const bytes = patterned(size)
      await put(store, bytes)
      expect(Buffer.compare(await collect(store.get(blobOf(bytes))), bytes)).toBe(0)
      for (const start of [1, PART - 1, size - 1])
        expect(Buffer.compare(await collect(store.get(blobOf(bytes), { start })), bytes.subarray(start))).toBe(0)
      const parts = Array.from({ length: Math.ceil(size / PART) }, (_, i) => `UploadPart ${i + 1}`)
      const sent = parts.length === 1 ? ['PutObject'] : ['CreateMultipartUpload', ...parts, 'CompleteMultipartUpload']
      expect(
        server
          .asked()
          .slice(0, 2 + sent.length)
          .sort(),
      ).toEqual(['GetObject', 'HeadObject', ...sent].sort())
      expect(server.peak('UploadPart')).toBeLessThanOrEqual(2)
      expect(held(server)).toEqual({ objects: [keyOf(blobOf(bytes))], uploads: 0 })
    },
  )
})

describe('what is where', () => {
  test('the layout is the disk store’s: its folder may be copied into a bucket, and belongs to whom it did', async () => {
    const [server, root] = [await serve(), await tempDir()]
    const disk = diskStore(root)
    const bytes = patterned(1000)
    await put(disk, bytes)
    await disk.owner?.({ claim: 'registry-1' })
    await cp(root, await tempDir(), { recursive: true })
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      server.bucket.objects.set(`team/a/${relative(root, path)}`, reading(await readFile(path)))
    }
    const store = storeOn(server)
    expect(Buffer.compare(await collect(store.get(blobOf(bytes))), bytes)).toBe(0)
    expect([await store.owner?.(), await store.owner?.({ claim: 'registry-2' })]).toEqual(['registry-1', 'registry-1'])
    expect(store.locate(blobOf(bytes).digest)).toBe(`s3://models/${keyOf(blobOf(bytes))}`)
    expect([store.name, store.kind]).toEqual(['s3', 's3'])
  })

  test('lists of many pages, in which what is not a blob does not appear', async () => {
    const server = await serve({ page: 7 })
    const store = storeOn(server)
    const digests = Array.from({ length: 40 }, (_, i) => blobOf(new Uint8Array([i])).digest)
    for (const digest of digests) server.bucket.objects.set(keyOf({ digest, size: 1 }), reading(new Uint8Array(1)))
    for (const odd of [
      'team/a/sha256/aa/bb/README',
      'team/a/sha256/x',
      'team/a/sha256/aa/bb/',
      `team/ab/sha256/aa/bb/${'0'.repeat(60)}`,
      'team/a/sha256/a<&>"ä/b',
    ]) {
      server.bucket.objects.set(odd, reading(HELLO))
    }
    const listed: string[] = []
    for await (const { digest, size } of store.list()) {
      listed.push(digest)
      expect(size).toBe(1)
    }
    expect(listed.sort()).toEqual(digests.sort())
    expect(server.asked().filter((operation) => operation === 'ListObjectsV2').length).toBeGreaterThan(5)
    // a store in the bucket's root sees its own alone
    for await (const _ of storeOn(server, { prefix: '' }).list()) throw new Error('nothing is there')
  })

  test('a server whose list breaks off is not believed', async () => {
    const server = await serve()
    server.fault({ on: 'ListObjectsV2', do: 'babble', status: 200, body: '<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>' })
    const listing = (async () => {
      for await (const _ of storeOn(server).list()) throw new Error('nothing is there')
    })()
    expect((await failure(listing)).code).toBe('STORE_FAILED')
  })

  test('a newer layout is not touched; a damaged marker stops claims, not reading', async () => {
    const server = await serve()
    await put(storeOn(server), HELLO)
    server.bucket.objects.set('team/a/persistables-store.json', reading(Buffer.from('{"layout":2,"places":[]}')))
    const newer = storeOn(server)
    const digest = blobOf(HELLO).digest
    for (const work of [
      () => put(newer, HELLO),
      () => collect(newer.get(blobOf(HELLO))),
      () => newer.size(digest),
      () => newer.delete(digest),
      () => newer.owner?.(),
    ]) {
      await expect(work()).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringMatching(/layout 2.*Upgrade persistables/) })
    }
    for (const damaged of ['', '{"layout":1', '{"layout":1,"owner":7}', '[]']) {
      server.bucket.objects.set('team/a/persistables-store.json', reading(Buffer.from(damaged)))
      const store = storeOn(server)
      expect((await collect(store.get(blobOf(HELLO)))).toString()).toBe('hello')
      await expect(store.owner?.({ claim: 'me' })).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining('is damaged') })
    }
  })

  test.each(['kept', 'conflict', 'unsupported', 'ignored'] as const)(
    'one of many claims wins, also over a marker without owner, conditions %s',
    async (conditions) => {
      const server = await serve()
      server.bucket.conditions = conditions
      for (const marker of [undefined, '{"layout":1,"owner":null}']) {
        server.bucket.objects.clear()
        if (marker !== undefined) server.bucket.objects.set('team/a/persistables-store.json', reading(Buffer.from(marker)))
        const claims = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((claim) => storeOn(server).owner?.({ claim })))
        expect(new Set(claims).size).toBe(1)
        expect([await storeOn(server).owner?.(), await storeOn(server).owner?.({ claim: 'late' })]).toEqual([claims[0], claims[0]])
      }
    },
  )
})

describe('what is sent', () => {
  test('bytes that are there are not sent again, nor read', async () => {
    const server = await serve()
    const store = storeOn(server)
    const bytes = patterned(2 * PART)
    await put(store, bytes)
    server.log.length = 0
    const unread = jest.fn(pieces(bytes))
    await store.put(blobOf(bytes), unread)
    expect(server.asked()).toEqual(['HeadObject'])
    expect(unread).not.toHaveBeenCalled()
  })

  test('an object of another size is replaced; replace() replaces any', async () => {
    const server = await serve()
    const store = storeOn(server)
    for (const bytes of [patterned(1000), patterned(PART + 1)]) {
      const [blob, key] = [blobOf(bytes), keyOf(blobOf(bytes))]
      server.bucket.objects.set(key, reading(bytes.subarray(1)))
      expect(await store.size(blob.digest)).toBe(bytes.length - 1)
      await put(store, bytes)
      expect(Buffer.compare(await collect(store.get(blob)), bytes)).toBe(0)
      const damaged = bytes.slice()
      damaged[5] = 99
      server.bucket.objects.set(key, reading(damaged))
      await put(store, bytes)
      expect(Buffer.compare(await collect(store.get(blob)), damaged)).toBe(0)
      await store.replace?.(blob, pieces(bytes))
      expect(Buffer.compare(await collect(store.get(blob)), bytes)).toBe(0)
    }
  })

  test.each([
    ['when-supported', 'x-amz-checksum-crc32', 'content-md5'],
    ['when-required', 'content-md5', 'x-amz-checksum-crc32'],
  ] as const)('checksums %s: every body has one, besides its signed sha256', async (checksums, sent, unsent) => {
    const server = await serve()
    const store = storeOn(server, { checksums })
    await put(store, HELLO)
    await put(store, patterned(2 * PART + 1))
    const bodies = server.log.filter(({ operation }) => operation === 'PutObject' || operation === 'UploadPart')
    expect(bodies).toHaveLength(4)
    for (const { headers } of bodies) {
      expect(headers[sent]).toMatch(/=$/)
      expect(headers[unsent]).toBeUndefined()
      expect(headers['x-amz-content-sha256']).toMatch(/^[0-9a-f]{64}$/)
      expect(headers['x-amz-trailer']).toBeUndefined()
      expect(headers['content-length']).toBeDefined()
    }
  })

  test('storage class, encryption and a key of the customer’s go with every request that needs them', async () => {
    const server = await serve()
    const kms = storeOn(server, { storageClass: 'STANDARD_IA', serverSideEncryption: 'aws:kms', kmsKeyId: 'key-1' })
    await put(kms, HELLO)
    await put(kms, patterned(PART + 1))
    await kms.owner?.({ claim: 'me' })
    for (const { headers } of server.log.filter(({ operation }) => operation === 'PutObject' || operation === 'CreateMultipartUpload')) {
      expect(headers).toMatchObject({
        'x-amz-storage-class': 'STANDARD_IA',
        'x-amz-server-side-encryption': 'aws:kms',
        'x-amz-server-side-encryption-aws-kms-key-id': 'key-1',
      })
    }
    const customer = await serve()
    const store = storeOn(customer, { customerKey: patterned(32) })
    for (const bytes of [HELLO, patterned(PART + 1)]) {
      await put(store, bytes)
      expect(Buffer.compare(await collect(store.get(blobOf(bytes), { start: 1 })), bytes.subarray(1))).toBe(0)
      await expect(storeOn(customer).size(blobOf(bytes).digest)).rejects.toMatchObject({ code: 'STORE_FAILED' })
      await expect(collect(storeOn(customer, { customerKey: patterned(33).slice(1) }).get(blobOf(bytes)))).rejects.toMatchObject({
        code: 'STORE_FAILED',
      })
    }
  })
})

describe('what does not succeed leaves nothing', () => {
  const sizes = [PART - 7, 3 * PART + 7]

  test.each(sizes)('of %i bytes: a source that is short, long, wrong, or throws', async (size) => {
    const server = await serve()
    const store = storeOn(server, { queue: 2 })
    const bytes = patterned(size)
    const wrong = bytes.slice()
    wrong[0] = 99
    const broken = async function* () {
      yield bytes.slice(0, size - 1)
      throw new Error('cable')
    }
    const odd = async function* () {
      yield 'text' as never
    }
    for (const [source, message] of [
      [pieces(bytes.subarray(1)), /promised .* nothing was kept/],
      [pieces(Buffer.concat([bytes, HELLO])), /promised .* nothing was kept/],
      [pieces(wrong), /sha256 .* nothing was kept/],
      [broken, /cable/],
      [odd, /not a Uint8Array/],
    ] as const) {
      await expect(store.put(blobOf(bytes), source)).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringMatching(message) })
      expect(held(server)).toEqual({ objects: [], uploads: 0 })
    }
    expect(server.asked()).not.toContain('CompleteMultipartUpload')
    await put(store, bytes)
    expect(held(server)).toEqual({ objects: [keyOf(blobOf(bytes))], uploads: 0 })
  })

  test.each([
    ['a part is refused', { on: 'UploadPart', part: 2, do: 'refuse', status: 403, code: 'AccessDenied' }],
    ['the end is refused', { on: 'CompleteMultipartUpload', do: 'refuse', status: 400, code: 'InvalidPart' }],
    ['a part does not come through', { on: 'UploadPart', part: 3, do: 'reset request', at: 1000, times: 2 }],
  ] as const)('when %s', async (_, rule) => {
    const server = await serve()
    server.fault(rule)
    const error = await failure(put(storeOn(server, { maxAttempts: 2 }), patterned(4 * PART)))
    expect(error).toMatchObject({ code: 'STORE_FAILED', details: { operation: rule.on } })
    expect(held(server)).toEqual({ objects: [], uploads: 0 })
    expect(server.pending()).toBe(0)
  })

  test.each([
    ['before it begins', undefined],
    ['while the source hangs', undefined],
    ['while it looks', { on: 'HeadObject', do: 'hang' }],
    ['while one request sends all', { on: 'PutObject', do: 'hang' }],
    ['while parts are under way', { on: 'UploadPart', do: 'hang', times: 9 }],
    ['while it waits for the end', { on: 'CompleteMultipartUpload', do: 'hang' }],
  ] as const)('when it is cancelled %s; the reason is thrown', async (when, rule) => {
    const server = await serve()
    const store = storeOn(server, { timeouts: { idle: 60_000 } })
    if (rule !== undefined) server.fault(rule)
    const size = rule?.on === 'PutObject' ? 1000 : 3 * PART
    const bytes = patterned(size)
    const stop = new AbortController()
    let begun = false
    const source = async function* () {
      yield bytes.slice(0, size / 2)
      begun = true
      if (when === 'while the source hangs') await new Promise(() => undefined)
      yield bytes.slice(size / 2)
    }
    if (when === 'before it begins') stop.abort(new Error('enough'))
    const putting = store.put(blobOf(bytes), source, { signal: stop.signal })
    putting.catch(() => undefined)
    if (rule !== undefined) await until(() => server.pending() < ((rule as { times?: number }).times ?? 1))
    else if (when !== 'before it begins') await until(() => begun)
    stop.abort(new Error('enough'))
    await expect(putting).rejects.toThrow('enough')
    expect(held(server)).toEqual({ objects: [], uploads: 0 })
    await put(storeOn(server), bytes)
    expect(Buffer.compare(await collect(store.get(blobOf(bytes))), bytes)).toBe(0)
  })

  test('parts that land after the abort are taken away too, whether the server lists parts or not', async () => {
    for (const lacks of [[], ['ListParts']] as const) {
      const server = await serve({ lacks })
      server.fault({ on: 'UploadPart', part: 2, do: 'refuse', status: 403, code: 'AccessDenied' })
      if (lacks.length === 0) server.fault({ on: 'AbortMultipartUpload', do: 'revive', times: 3 })
      const error = await failure(put(storeOn(server), patterned(3 * PART)))
      expect(error.details['leftover']).toBeUndefined()
      expect(held(server)).toEqual({ objects: [], uploads: 0 })
      expect(server.pending()).toBe(0)
    }
  })

  test('what cannot be taken away is named, and swept later', async () => {
    const server = await serve()
    const store = storeOn(server, { maxAttempts: 1 })
    server.fault({ on: 'UploadPart', part: 2, do: 'refuse', status: 403, code: 'AccessDenied' })
    server.fault({ on: 'AbortMultipartUpload', do: 'refuse', status: 403, code: 'AccessDenied' })
    const bytes = patterned(3 * PART)
    const error = await failure(put(store, bytes))
    const [upload] = server.bucket.uploads.values()
    expect(error).toMatchObject({
      code: 'STORE_FAILED',
      details: { error: 'AccessDenied', leftover: { key: keyOf(blobOf(bytes)), uploadId: upload?.id } },
    })
    expect(await store.sweep?.()).toBe(0)
    server.fault({ on: 'AbortMultipartUpload', do: 'refuse', status: 403, code: 'AccessDenied' })
    await expect(store.sweep?.({ olderThan: 0 })).rejects.toMatchObject({ code: 'STORE_FAILED', details: { error: 'AccessDenied' } })
    for (const part of upload?.parts.values() ?? []) Object.assign(part, { modified: new Date(Date.now() - 26 * 3600_000) })
    ;(upload as { initiated: Date }).initiated = new Date(Date.now() - 25 * 3600_000)
    expect(await store.sweep?.()).toBe(1)
    expect(held(server)).toEqual({ objects: [], uploads: 0 })
  })

  test('sweep: old uploads of this store alone, of many pages, unless a part of them is young or this process is writing them', async () => {
    const server = await serve({ page: 2 })
    const store = storeOn(server)
    const old = new Date(Date.now() - 25 * 3600_000)
    const begin = (key: string, initiated: Date, partsAt: readonly Date[] = []): void => {
      const upload = server.bucket.begin(key, {})
      upload.initiated = initiated
      for (const [i, modified] of partsAt.entries()) upload.parts.set(i + 1, { bytes: joined([]), md5: Buffer.alloc(16), crc32: '', modified })
    }
    const key = (i: number): string => keyOf(blobOf(new Uint8Array([i])))
    for (let i = 0; i < 5; i++) begin(key(i), old, [old, old, old])
    begin(key(0), old)
    begin(key(5), new Date())
    begin(key(6), old, [old, old, new Date()])
    begin('team/a/sha256/elsewhere', old)
    begin('team/b', old)
    const bytes = patterned(2 * PART)
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const putting = store.put(blobOf(bytes), async function* () {
      yield bytes.slice(0, PART + 1)
      await held
      yield bytes.slice(PART + 1)
    })
    await until(() => server.bucket.uploads.size === 11)
    for (const upload of server.bucket.uploads.values()) if (upload.key === keyOf(blobOf(bytes))) upload.initiated = old
    expect(await store.sweep?.()).toBe(6)
    expect(server.bucket.uploads.size).toBe(5)
    release()
    await putting
    expect(await store.sweep?.({ olderThan: 0 })).toBe(2)
    expect(server.bucket.uploads.size).toBe(2)
    await expect(store.sweep?.({ olderThan: Number.NaN })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    expect(await storeOn(await serve({ lacks: ['ListMultipartUploads'] })).sweep?.({ olderThan: 0 })).toBe(0)
  })
})

test('sweep: what a quarantine left behind goes as well', async () => {
  const server = await serve()
  const store = storeOn(server)
  const bytes = patterned(2 * PART)
  await put(store, bytes)
  server.fault({ on: 'UploadPart', do: 'refuse', status: 403, code: 'AccessDenied' })
  server.fault({ on: 'AbortMultipartUpload', do: 'refuse', status: 403, code: 'AccessDenied' })
  await expect(store.quarantine?.(blobOf(bytes).digest)).rejects.toMatchObject({ code: 'STORE_FAILED' })
  expect([...server.bucket.uploads.values()].map(({ key }) => key)).toEqual([expect.stringMatching(/^team\/a\/quarantine\//)])
  expect(await storeOn(server).sweep?.()).toBe(0)
  const upload = server.bucket.begin('team/a/quarantine/elsewhere', {})
  upload.initiated = new Date(0)
  expect(await storeOn(server).sweep?.({ olderThan: 0 })).toBe(1)
  expect([...server.bucket.uploads.values()]).toEqual([upload])
})

describe('several writers', () => {
  test.each(['kept', 'conflict', 'unsupported', 'ignored'] as const)(
    'of the same bytes, in stores of their own, conditions %s',
    async (conditions) => {
      const server = await serve()
      server.bucket.conditions = conditions
      for (const bytes of [patterned(1000), patterned(2 * PART + 3)]) {
        // Patient: a request that is sent again because the machine is slow may begin an upload that nobody knows of.
        await Promise.all(Array.from({ length: 4 }, () => put(storeOn(server, { timeouts: { idle: 60_000 } }), bytes)))
        expect(Buffer.compare(await collect(storeOn(server).get(blobOf(bytes))), bytes)).toBe(0)
      }
      expect(server.bucket.uploads.size).toBe(0)
      expect(server.bucket.objects.size).toBe(2)
    },
  )

  test('in one store they send once; one that fails or is stopped takes no other with it', async () => {
    const server = await serve()
    const store = storeOn(server)
    const bytes = patterned(3 * PART)
    const stop = new AbortController()
    const broken = store.put(blobOf(bytes), async function* () {
      yield bytes.slice(0, PART + 1)
      throw new Error('cable')
    })
    const stopped = store.put(blobOf(bytes), pieces(bytes), { signal: stop.signal })
    const others = [put(store, bytes), put(store, bytes)]
    stop.abort(new Error('enough'))
    const outcomes = await Promise.allSettled([broken, stopped, ...others])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled', 'fulfilled'])
    expect(server.asked().filter((each) => each === 'CompleteMultipartUpload')).toHaveLength(1)
    expect(server.bucket.uploads.size).toBe(0)
  })

  test('a writer who comes last does not write over what is there, nor leaves an upload', async () => {
    for (const bytes of [patterned(1000), patterned(2 * PART + 3)]) {
      const server = await serve()
      let release = (): void => undefined
      const gate = new Promise<void>((resolve) => {
        release = resolve
      })
      const slow = storeOn(server).put(blobOf(bytes), async function* () {
        yield bytes.slice(0, 10)
        await gate
        yield bytes.slice(10)
      })
      await until(() => server.asked().includes('HeadObject'))
      await put(storeOn(server), bytes)
      const etag = server.bucket.objects.get(keyOf(blobOf(bytes)))
      release()
      await slow
      expect(server.bucket.objects.get(keyOf(blobOf(bytes)))).toBe(etag)
      expect(server.bucket.uploads.size).toBe(0)
    }
  })
})

test('answers that get lost on their way: what was done is not done again in vain', async () => {
  for (const [on, size] of [
    ['PutObject', 1000],
    ['UploadPart', 2 * PART],
    ['CompleteMultipartUpload', 2 * PART],
    ['AbortMultipartUpload', 2 * PART],
  ] as const) {
    const server = await serve()
    const store = storeOn(server)
    const bytes = patterned(size)
    server.fault({ on, do: 'lose answer' })
    if (on === 'AbortMultipartUpload') {
      server.fault({ on: 'UploadPart', do: 'refuse', status: 403, code: 'AccessDenied' })
      await failure(put(store, bytes))
    }
    await put(store, bytes)
    expect(server.pending()).toBe(0)
    expect(held(server)).toEqual({ objects: [keyOf(blobOf(bytes))], uploads: 0 })
  }
  // an object of the right size that was there before is no sign of success
  for (const done of [true, false]) {
    const server = await serve()
    const store = storeOn(server, { maxAttempts: 1 })
    const bytes = patterned(2 * PART)
    const damaged = bytes.slice()
    damaged[5] = 99
    server.bucket.objects.set(keyOf(blobOf(bytes)), reading(damaged))
    server.fault({ on: 'CompleteMultipartUpload', do: done ? 'lose answer' : 'hang' })
    const replacing = store.replace?.(blobOf(bytes), pieces(bytes)) ?? Promise.reject(new Error('it cannot replace'))
    if (done) await replacing
    else expect((await failure(replacing)).code).toBe('STORE_FAILED')
    expect(Buffer.compare(await collect(store.get(blobOf(bytes))), done ? bytes : damaged)).toBe(0)
    expect(server.bucket.uploads.size).toBe(0)
  }
  // the id of an upload is lost with its answer: only a sweep finds it
  const server = await serve()
  server.fault({ on: 'CreateMultipartUpload', do: 'lose answer' })
  await put(storeOn(server), patterned(2 * PART))
  expect(server.bucket.uploads.size).toBe(1)
  expect(await storeOn(server).sweep?.({ olderThan: 0 })).toBe(1)
})

test('options that cannot be used are named, and no secret is shown', () => {
  const options = { bucket: 'models' }
  const odd: readonly [object, string][] = [
    [{ bucket: '' }, 'bucket'],
    [{ bucket: 's3://models' }, 'bucket'],
    [{ bucket: 'models/team' }, 'bucket'],
    [{ bucket: undefined }, 'bucket'],
    [{ prefix: 'a//b' }, 'prefix'],
    [{ prefix: '../b' }, 'prefix'],
    [{ prefix: 'a\nb' }, 'prefix'],
    [{ prefix: 'ä'.repeat(451) }, 'prefix'],
    [{ endpoint: 'localhost:9000' }, 'endpoint'],
    [{ endpoint: 'http://me:geheim@localhost:9000' }, 'endpoint'],
    [{ endpoint: 'geheim' }, 'endpoint'],
    [{ credentials: { accessKeyId: 'geheim' } }, 'credentials'],
    [{ credentials: { accessKeyId: 'a', secretAccessKey: 'geheim', expiration: 'tomorrow' } }, 'credentials'],
    [{ serverSideEncryption: 'AES' }, 'serverSideEncryption'],
    [{ kmsKeyId: 'k' }, 'kmsKeyId'],
    [{ customerKey: new Uint8Array(31) }, 'customerKey'],
    [{ customerKey: new Uint8Array(32), serverSideEncryption: 'AES256' }, 'customerKey'],
    [{ partSize: PART - 1 }, 'partSize'],
    [{ partSize: 1025 * MIB }, 'partSize'],
    [{ queue: 0 }, 'queue'],
    [{ queue: 1.5 }, 'queue'],
    [{ checksums: 'never' }, 'checksums'],
    [{ maxAttempts: 0 }, 'maxAttempts'],
    [{ timeouts: { idle: -1 } }, 'timeouts.idle'],
    [{ client: {}, region: 'eu-west-1' }, 'region'],
  ]
  for (const [change, option] of odd) {
    const make = () => s3Store({ ...options, ...change } as never)
    expect(make).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(option) }))
    expect(make).not.toThrow(/geheim/)
  }
  for (const name of ['', 'S3', 'a_b']) expect(() => s3Store({ ...options, name })).toThrow(expect.objectContaining({ code: 'INVALID_NAME' }))
  expect(() => s3Store(undefined as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  expect(s3Store({ ...options, prefix: '/a/b/', credentials: CREDENTIALS }).locate('0'.repeat(64))).toBe(
    `s3://models/a/b/sha256/00/00/${'0'.repeat(60)}`,
  )
})
