import { isPersistablesError } from '../src'
import type { Fault, Operation } from './s3-server'
import { blobOf, collect, held, keyOf, MIB, patterned, pieces, serve, storeOn } from './s3-support'
import { seededRandom } from './support'

const PART = 5 * MIB
const WRITES: readonly Operation[] = [
  'HeadObject',
  'PutObject',
  'CreateMultipartUpload',
  'UploadPart',
  'CompleteMultipartUpload',
  'AbortMultipartUpload',
  'ListParts',
]

/** Puts and gets, while so many faults befall them at random: what was put is there, what comes back is what was put, no upload is left that is not told of. */
export const s3Campaign = async (count: number): Promise<void> => {
  const random = seededRandom()
  const server = await serve()
  const contents = [1, 70_000, 1_000_000, PART, 2 * PART + 9].map((size, i) => patterned(size + i).map((byte) => byte ^ i))
  const store = storeOn(server, { maxAttempts: 2, queue: 2, timeouts: { connect: 1000, idle: 150 } })
  const faultOn = (on: Operation): Fault =>
    random.pick<() => Fault>([
      () => ({ do: 'refuse', status: random.pick([403, 500, 503]), code: random.pick(['AccessDenied', 'InternalError', 'SlowDown']) }),
      () => ({ do: 'babble', status: 502, body: '<html>Bad gateway</html>' }),
      () => ({ do: 'lose answer' }),
      () => ({ do: 'hang' }),
      () => (/Put|Part/.test(on) ? { do: 'mangle' } : { do: 'lose answer' }),
      () => (/Put|Part/.test(on) ? { do: 'reset request', at: random.int(70_000) } : { do: 'hang' }),
    ])()
  let [faults, puts, refused, gets, unread] = [0, 0, 0, 0, 0]
  const told = new Set<string>()
  while (faults < count) {
    const bytes = random.pick(contents)
    const blob = blobOf(bytes)
    for (let i = random.int(3); i > 0; i--, faults++) {
      const on = random.pick(WRITES)
      server.fault({ on, ...faultOn(on), times: 1 + random.int(3) })
    }
    const at = random.int(bytes.length)
    server.fault({
      on: 'GetObject',
      key: keyOf(blob),
      ...random.pick<Fault>([
        { do: 'reset answer', at },
        { do: 'hang', at },
        { do: 'end early', at },
        { do: 'refuse', status: 503, code: 'SlowDown' },
      ]),
    })
    faults++
    try {
      await (random.int(4) === 0 ? store.replace?.(blob, pieces(bytes)) : store.put(blob, pieces(bytes)))
      puts++
      expect(server.bucket.object(keyOf(blob)).bytes.size).toBe(blob.size)
    } catch (error) {
      if (!isPersistablesError(error, 'STORE_FAILED')) throw error
      refused++
      const leftover = error.details['leftover'] as { uploadId: string } | undefined
      if (leftover !== undefined) told.add(leftover.uploadId)
    }
    try {
      const start = random.int(blob.size)
      const got = await collect(store.get(blob, { start }))
      expect(Buffer.compare(got, bytes.subarray(start))).toBe(0)
      gets++
    } catch (error) {
      if (!isPersistablesError(error)) throw error
      expect(['STORE_FAILED', 'ARTIFACT_MISSING']).toContain(error.code)
      unread++
    }
    if (random.int(5) === 0) server.bucket.objects.delete(keyOf(blob))
  }
  for (const outcomes of [puts, refused, gets, unread]) expect(outcomes).toBeGreaterThan(0)
  // what is there is whole: no half of an object was ever made
  for (const bytes of contents) {
    const object = server.bucket.objects.get(keyOf(blobOf(bytes)))
    if (object !== undefined) expect(Buffer.compare(await collect(object.bytes.read(0, bytes.length)), bytes)).toBe(0)
  }
  // nor is there an upload but those that were told of, and those whose id got lost on its way
  const lost = server.log.filter(({ operation, status }) => operation === 'CreateMultipartUpload' && status !== 200).length
  expect([...server.bucket.uploads.keys()].filter((id) => !told.has(id)).length).toBeLessThanOrEqual(lost)
  server.calm()
  await storeOn(server).sweep?.({ olderThan: 0 })
  expect(held(server).uploads).toBe(0)
}
