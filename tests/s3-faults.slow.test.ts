import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import type { Rule } from './s3-server'
import { Refusal } from './s3-server/refusal'
import { blobOf, CREDENTIALS, collect, failure, held, keyOf, MIB, patterned, pieces, put, serve, storeOn } from './s3-support'

const HELLO = new Uint8Array(Buffer.from('hello'))
const PART = 5 * MIB

describe('the test server itself', () => {
  test('takes aws-chunked bodies with their trailers, and refuses wrong ones', async () => {
    const server = await serve()
    const bytes = patterned(300_000)
    const client = new S3Client({ endpoint: server.url, region: 'us-east-1', forcePathStyle: true, credentials: { ...CREDENTIALS }, maxAttempts: 1 })
    const send = () =>
      client.send(new PutObjectCommand({ Bucket: 'models', Key: 'k', Body: Readable.from(pieces(bytes)()), ContentLength: bytes.length }))
    await send()
    expect(server.log[0]?.headers).toMatchObject({ 'x-amz-trailer': 'x-amz-checksum-crc32', 'content-encoding': 'aws-chunked' })
    expect(Buffer.compare(await collect(server.bucket.object('k').bytes.read(0, bytes.length)), bytes)).toBe(0)
    server.bucket.objects.clear()
    for (const wrong of [{ ChecksumCRC32: 'AAAAAA==' }, { ContentMD5: 'AAAAAAAAAAAAAAAAAAAAAA==' }, { ChecksumSHA256: `${'A'.repeat(43)}=` }]) {
      const sent = client.send(new PutObjectCommand({ Bucket: 'models', Key: 'k', Body: bytes, ...wrong }))
      await expect(sent).rejects.toMatchObject({ name: 'BadDigest' })
    }
    expect(held(server).objects).toEqual([])
    client.destroy()
  })
})

describe('what passes is tried again', () => {
  const rules: readonly Rule[] = [
    { on: 'PutObject', do: 'refuse', status: 503, code: 'SlowDown' },
    { on: 'PutObject', do: 'refuse', status: 500, code: 'InternalError' },
    { on: 'PutObject', do: 'reset request', at: 1 },
    { on: 'PutObject', do: 'mangle' },
    { on: 'PutObject', do: 'hang' },
    { on: 'PutObject', do: 'babble', status: 502, body: '<html>Bad gateway</html>' },
    { on: 'HeadObject', do: 'refuse', status: 503, code: 'SlowDown' },
    { on: 'HeadObject', do: 'lose answer' },
    { on: 'UploadPart', part: 2, do: 'refuse', status: 503, code: 'SlowDown' },
    { on: 'UploadPart', part: 2, do: 'reset request', at: 2_000_000 },
    { on: 'UploadPart', part: 2, do: 'mangle' },
    { on: 'UploadPart', part: 2, do: 'hang' },
    { on: 'CreateMultipartUpload', do: 'refuse', status: 500, code: 'InternalError' },
    { on: 'CompleteMultipartUpload', do: 'refuse', status: 500, code: 'InternalError' },
    { on: 'CompleteMultipartUpload', do: 'refuse', status: 200, code: 'InternalError' },
    { on: 'CompleteMultipartUpload', do: 'hang' },
    { on: 'ListObjectsV2', do: 'refuse', status: 503, code: 'SlowDown' },
    { on: 'DeleteObject', do: 'refuse', status: 503, code: 'SlowDown' },
    { on: 'GetObject', key: 'sha256', do: 'refuse', status: 503, code: 'SlowDown' },
    { on: 'GetObject', key: 'sha256', do: 'hang' },
  ]
  test.each(rules.map((rule) => [`${rule.on}: ${rule.do}${'code' in rule ? ` ${rule.status} ${rule.code}` : ''}`, rule] as const))(
    '%s',
    async (_, rule) => {
      const server = await serve()
      const store = storeOn(server)
      server.fault(rule)
      const bytes = patterned(/Upload/.test(rule.on) ? 2 * PART + 1 : 1000)
      await put(store, bytes)
      expect(Buffer.compare(await collect(store.get(blobOf(bytes))), bytes)).toBe(0)
      const listed: string[] = []
      for await (const { digest } of store.list()) listed.push(digest)
      expect(listed).toEqual([blobOf(bytes).digest])
      expect(held(server)).toEqual({ objects: [keyOf(blobOf(bytes))], uploads: 0 })
      expect(await store.delete(blobOf(bytes).digest)).toBe(true)
      expect(server.pending()).toBe(0)
    },
  )
})

describe('what does not pass is STORE_FAILED: what happened, where, and what to do', () => {
  const SECRETS = { AWSAccessKeyId: CREDENTIALS.accessKeyId, 'Token-0': CREDENTIALS.sessionToken, StringToSign: CREDENTIALS.secretAccessKey }
  const message = `No ${CREDENTIALS.accessKeyId}, ${CREDENTIALS.secretAccessKey}, ${CREDENTIALS.sessionToken}.`
  const refusals: readonly [number, string, RegExp, object?][] = [
    [400, 'ExpiredToken', /function that fetches new ones/],
    [403, 'AccessDenied', /s3:PutObject/],
    [403, 'InvalidAccessKeyId', /Check the access key/],
    [403, 'SignatureDoesNotMatch', /Check the access key/],
    [404, 'NoSuchBucket', /Make the bucket/],
    [403, 'RequestTimeTooSkewed', /clock/],
    [503, 'SlowDown', /Try again later/],
    [507, 'QuotaExceeded', /Make room/],
    [403, 'InvalidObjectState', /archived/],
    [501, 'NotImplemented', /when-required/],
    [
      400,
      'AuthorizationHeaderMalformed',
      /The bucket is in eu-west-3: pass region: 'eu-west-3'/,
      { headers: { 'x-amz-bucket-region': 'eu-west-3' } },
    ],
    [418, 'Teapot', /mend it/],
  ]
  test.each(refusals)('%i %s', async (status, code, fix, more = {}) => {
    const server = await serve()
    const store = storeOn(server, { maxAttempts: 2, queue: 1 })
    await put(store, HELLO)
    const cases = [
      ['PutObject', () => put(store, patterned(1000))],
      ['UploadPart', () => put(store, patterned(2 * PART))],
      ['GetObject', () => collect(store.get(blobOf(HELLO)))],
      ['DeleteObject', () => store.delete(blobOf(HELLO).digest)],
    ] as const
    for (const [on, work] of cases) {
      server.fault({ on, do: 'refuse', status, code, message, extra: SECRETS, times: 2, ...more })
      const error = await failure(work())
      while (server.pending() > 0) await failure(work())
      expect(error).toMatchObject({ code: 'STORE_FAILED', details: { store: 's3', bucket: 'models', operation: on, error: code, status } })
      expect(error.details['key']).toMatch(/^team\/a\/sha256\//)
      expect(error.details['requestId']).toMatch(/^TEST\d+$/)
      expect(error.message).toMatch(/^The store "s3" could not \w+ s3:\/\/models\/team\/a\/sha256\//)
      expect(error.message).toMatch(fix)
      const shown = inspect(error, { depth: 9, showHidden: true })
      for (const secret of Object.values(CREDENTIALS)) expect(shown).not.toContain(secret)
    }
  })

  test('HEAD, whose answer says nothing, is asked again in another way', async () => {
    const server = await serve()
    const store = storeOn(server)
    await put(store, HELLO)
    const { digest } = blobOf(HELLO)
    for (const on of ['HeadObject', 'GetObject'] as const) server.fault({ on, do: 'refuse', status: 403, code: 'AccessDenied' })
    expect((await failure(store.size(digest))).details['error']).toBe('AccessDenied')
    server.fault({ on: 'HeadObject', do: 'refuse', status: 403, code: 'AccessDenied' })
    expect(await store.size(digest)).toBe(5)
    // without the right to list, what is missing looks forbidden
    for (const on of ['HeadObject', 'GetObject'] as const) server.fault({ on, do: 'refuse', status: 403, code: 'AccessDenied' })
    expect((await failure(put(store, patterned(9)))).message).toContain('Without s3:ListBucket what is missing looks forbidden')
  })

  test('no bucket, no server, no keys', async () => {
    const server = await serve()
    const none = storeOn(server, { bucket: 'other' })
    for (const work of [
      () => put(none, HELLO),
      () => none.size(blobOf(HELLO).digest),
      () => collect(none.get(blobOf(HELLO))),
      () => none.owner?.({ claim: 'me' }),
    ]) {
      expect((await failure(Promise.resolve(work()))).details).toMatchObject({ error: 'NoSuchBucket', status: 404 })
    }
    await server.close()
    // in Jest the SDK does not know Node's errors for what they are
    expect(
      alone(`s3Store({ bucket: 'models', endpoint: '${server.url}', credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, maxAttempts: 1 })`),
    ).toMatchObject({
      code: 'STORE_FAILED',
      details: { error: 'ECONNREFUSED', status: null },
      message: expect.stringContaining('Check endpoint'),
    })
    expect(alone("s3Store({ bucket: 'models' })")).toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('Pass region, or set AWS_REGION'),
    })
    expect(alone("s3Store({ bucket: 'models', region: 'eu-west-3' })")).toMatchObject({
      details: { error: 'CredentialsProviderError' },
      message: expect.stringContaining('AWS_ACCESS_KEY_ID'),
    })
    const refusing = async (): Promise<never> => {
      throw new Error(`vault is sealed for ${CREDENTIALS.accessKeyId}`)
    }
    expect((await failure(put(storeOn(await serve(), { credentials: refusing }), HELLO))).message).toMatch(
      /could not be had: vault is sealed for \*\*\*/,
    )
    expect((await failure(put(storeOn(await serve(), { credentials: async () => ({}) as never }), HELLO))).code).toBe('INVALID_OPTION')
  })

  test('without the SDK: the command that installs it, and not before it is needed', () => {
    const without = `
      const { Module } = require('node:module')
      const resolve = Module._resolveFilename
      Module._resolveFilename = function (name, ...rest) {
        if (name.startsWith('@aws-sdk/')) throw Object.assign(new Error('Cannot find module ' + name), { code: 'MODULE_NOT_FOUND' })
        return resolve.call(this, name, ...rest)
      }`
    expect(alone("s3Store({ bucket: 'models' })", without)).toMatchObject({
      code: 'MISSING_DEPENDENCY',
      message: expect.stringContaining('npm install @aws-sdk/client-s3'),
      place: expect.stringMatching(/^s3:\/\/models\/sha256/),
    })
  })
})

/** How a store fails in a process of its own, with nothing in its environment. */
function alone(store: string, before = ''): object {
  const script = `${before}
    const { s3Store } = require(${JSON.stringify(join(__dirname, '..', 'src', 's3.ts'))})
    const store = ${store}
    const place = store.locate('0'.repeat(64))
    store.size('0'.repeat(64)).catch(({ code, message, details }) => console.log(JSON.stringify({ code, message, details, place })))`
  const env = { PATH: process.env['PATH'], AWS_CONFIG_FILE: '/none', AWS_SHARED_CREDENTIALS_FILE: '/none', AWS_EC2_METADATA_DISABLED: 'true' }
  const { stdout } = spawnSync(process.execPath, ['-r', join(__dirname, 'children', 'typescript.cjs'), '-e', script], { encoding: 'utf8', env })
  return JSON.parse(stdout === '' ? '{}' : stdout) as object
}

describe('credentials', () => {
  const admitting = (valid: () => string) => (_: string, token: string | undefined) =>
    token === valid() ? undefined : new Refusal(400, 'ExpiredToken', { extra: { 'Token-0': token ?? '' } })

  test('are fetched anew when the server says that they have expired, once for all requests under way', async () => {
    let current = 0
    let fetched = 0
    const server = await serve({ admit: admitting(() => `token-number-${current}`) })
    const credentials = async () => {
      fetched++
      return { ...CREDENTIALS, sessionToken: `token-number-${current}` }
    }
    const store = storeOn(server, { credentials, queue: 3 })
    await put(store, HELLO)
    expect(fetched).toBe(1)
    const bytes = patterned(6 * PART)
    let given = 0
    await store.put(blobOf(bytes), async function* () {
      for await (const piece of pieces(bytes, PART / 2)()) {
        yield piece
        if (++given === 5) current++
      }
    })
    expect(fetched).toBe(2)
    current++
    expect(await store.size(blobOf(bytes).digest)).toBe(bytes.length)
    expect(fetched).toBe(3)
    expect(Buffer.compare(await collect(store.get(blobOf(bytes))), bytes)).toBe(0)
    expect(held(server).uploads).toBe(0)
  })

  test('are fetched before they expire, and those that were given as they are cannot be', async () => {
    const server = await serve({ admit: admitting(() => 'good') })
    let fetched = 0
    const credentials = async () => {
      fetched++
      return { ...CREDENTIALS, sessionToken: 'good', expiration: new Date(Date.now() + 60_000) }
    }
    const store = storeOn(server, { credentials })
    await put(store, HELLO)
    await put(store, patterned(10))
    expect(fetched).toBeGreaterThan(1)
    const error = await failure(put(storeOn(server, { credentials: { ...CREDENTIALS, sessionToken: 'bad-bad-bad' } }), HELLO))
    expect(error).toMatchObject({ details: { error: 'ExpiredToken' }, message: expect.not.stringContaining('bad-bad-bad') })
  })

  test('a client of one’s own is used as it is, and stays open', async () => {
    const server = await serve()
    const client = new S3Client({ endpoint: server.url, region: 'us-east-1', forcePathStyle: true, credentials: { ...CREDENTIALS } })
    const store = storeOn(server, { client })
    await put(store, HELLO)
    await store.close?.()
    expect((await collect(store.get(blobOf(HELLO)))).toString()).toBe('hello')
    client.destroy()
  })
})

describe('reading', () => {
  const bytes = patterned(3 * MIB + 5)
  const blob = blobOf(bytes)
  const stocked = async (options = {}) => {
    const server = await serve()
    const store = storeOn(server, options)
    await put(store, bytes)
    server.log.length = 0
    return { server, store, gets: () => server.log.filter(({ operation }) => operation === 'GetObject') }
  }

  test.each([
    ['reset answer', 1_000_000],
    ['hang', 2_000_000],
  ] as const)('a connection that breaks off (%s) is taken up where it broke, if the object is still the same', async (kind, at) => {
    const { server, store, gets } = await stocked()
    for (let i = 0; i < 6; i++) server.fault({ on: 'GetObject', do: kind, at: i < 2 ? at : 1_100_000 })
    server.fault({ on: 'GetObject', do: kind, at: 0 })
    expect(Buffer.compare(await collect(store.get(blob)), bytes)).toBe(0)
    const [first, ...others] = gets()
    expect(first?.headers.range).toBeUndefined()
    expect(others.length).toBeGreaterThan(0)
    for (const { headers } of others) {
      expect(headers.range).toMatch(/^bytes=\d+-$/)
      expect(headers['if-match']).toBe(server.bucket.object(keyOf(blob)).etag)
    }
    expect(Buffer.compare(await collect(store.get(blob, { start: 77 })), bytes.subarray(77))).toBe(0)
  })

  test('not for ever: when it gets no further it is an error', async () => {
    const { server, store, gets } = await stocked({ maxAttempts: 3 })
    server.fault({ on: 'GetObject', do: 'reset answer', at: 0, times: 100 })
    const error = await failure(collect(store.get(blob)))
    expect(error).toMatchObject({ code: 'STORE_FAILED', message: expect.stringMatching(/broke off 3 times.*ECONNRESET/) })
    expect(gets()).toHaveLength(3)
  })

  test('an object that is replaced meanwhile is not pieced together', async () => {
    const { server, store } = await stocked()
    const seen: Uint8Array[] = []
    server.fault({ on: 'GetObject', do: 'reset answer', at: 1_000_000 })
    const reading = (async () => {
      for await (const chunk of store.get(blob)) {
        seen.push(chunk)
        const now = server.bucket.object(keyOf(blob))
        server.bucket.objects.set(keyOf(blob), { ...now, etag: '"another"' })
      }
    })()
    expect((await failure(reading)).message).toContain('replaced while it was being read')
    expect(Buffer.compare(Buffer.concat(seen), bytes.subarray(0, Buffer.concat(seen).length))).toBe(0)
  })

  test('fewer or more bytes than announced', async () => {
    const { server, store } = await stocked({ maxAttempts: 2 })
    // framed by the connection's end, which looks like a whole body
    server.fault({ on: 'GetObject', do: 'end early', at: 1_000_000 })
    expect(Buffer.compare(await collect(store.get(blob)), bytes)).toBe(0)
    server.fault({ on: 'GetObject', do: 'end early', at: 10, times: 99 })
    expect((await failure(collect(store.get(blob)))).code).toBe('STORE_FAILED')
  })

  test('more bytes than a range announces, and a range that is ignored', async () => {
    const { server, store } = await stocked()
    server.fault({ on: 'GetObject', do: 'go on' })
    expect((await failure(collect(store.get(blob, { start: 5 })))).message).toContain('more bytes came')
    server.fault({ on: 'GetObject', do: 'send all' })
    expect((await failure(collect(store.get(blob, { start: 5 })))).message).toContain('sent something else')
  })

  test('what is missing, and what has another size, which is for the reader to find out', async () => {
    const { server, store } = await stocked()
    const other = blobOf(HELLO)
    for (const start of [0, 1]) {
      await expect(collect(store.get(other, { start }))).rejects.toMatchObject({
        code: 'ARTIFACT_MISSING',
        message: expect.stringContaining(keyOf(other)),
      })
    }
    for (const wrong of [bytes.subarray(1), Buffer.concat([bytes, HELLO])]) {
      const now = server.bucket.object(keyOf(blob))
      server.bucket.objects.set(keyOf(blob), {
        ...now,
        bytes: {
          size: wrong.length,
          read: async function* (from, to) {
            yield Buffer.from(wrong.subarray(from, to))
          },
        },
      })
      expect((await collect(store.get(blob))).length).toBe(wrong.length)
      expect((await collect(store.get(blob, { start: wrong.length + 1 }))).length).toBe(0)
    }
  })

  test('a reader that lets the connection time out, again and again, is not the server’s fault', async () => {
    const { store, gets } = await stocked({ maxAttempts: 2, timeouts: { idle: 500 } })
    const seen: Uint8Array[] = []
    for await (const chunk of store.get(blob)) {
      seen.push(chunk)
      if (seen.length <= 5) await new Promise((resolve) => setTimeout(resolve, 1200))
    }
    expect(Buffer.compare(Buffer.concat(seen), bytes)).toBe(0)
    expect(gets().length).toBeGreaterThan(3)
  })

  test('readers that stop, are stopped, or take their time', async () => {
    const { server, store } = await stocked({ timeouts: { idle: 60_000 } })
    for await (const _ of store.get(blob)) break
    const stop = new AbortController()
    server.fault({ on: 'GetObject', do: 'hang', at: 100_000 })
    const reading = (async () => {
      for await (const chunk of store.get(blob, { signal: stop.signal })) if (chunk.length > 0) setTimeout(() => stop.abort(new Error('enough')), 20)
    })()
    await expect(reading).rejects.toThrow('enough')
    server.fault({ on: 'GetObject', do: 'hang' })
    const late = collect(store.get(blob, { signal: AbortSignal.timeout(50) }))
    await expect(late).rejects.toMatchObject({ name: 'TimeoutError' })
    await expect(collect(store.get(blob, { signal: AbortSignal.abort(new Error('before')) }))).rejects.toThrow('before')
  })
})
