import { randomUUID } from 'node:crypto'
import { PersistablesError } from '../../errors'
import { blobOf } from '../sha256'
import type { Blob, GetOptions, Store, TransferOptions } from '../store'
import { requireBlob, requireDigest } from './key'
import { s3Connection } from './s3-connection'
import { refusal } from './s3-failure'
import { s3Marker } from './s3-marker'
import type { S3StoreOptions } from './s3-options'
import { requireFits } from './s3-parts'
import { type Look, s3Put } from './s3-put'
import { s3Read } from './s3-read'
import { s3Settings } from './s3-settings'
import { s3Uploads } from './s3-uploads'
import { writers } from './writers'

const KEY = /^sha256\/([0-9a-f]{2})\/([0-9a-f]{2})\/([0-9a-f]{60})$/
const ASIDE = /^quarantine\/[0-9a-f]{64}\.[0-9a-f-]{36}$/
type Source = () => AsyncIterable<Uint8Array>

/**
 * Keeps bytes in a bucket of AWS S3 or of any server that speaks its language, under `<prefix>/sha256/aa/bb/<the other 60 digits>`: the layout of a disk store, so that
 * its folder can be copied there as it is. Needs `@aws-sdk/client-s3`, which is loaded at the first use.
 *
 * Small objects take one request, larger ones are sent in parts, with little memory. Checksums are sent with every request; size and sha256 are verified before
 * anything becomes visible. What is there already is not sent again. A failed or cancelled upload is taken away before `put` throws; what a killed process leaves,
 * `sweep` removes. Any number of processes may use one bucket.
 *
 * Throws `INVALID_OPTION` and `INVALID_NAME` at once; then `MISSING_DEPENDENCY`, `STORE_FAILED` with the server's code, status and request id, and
 * `ARTIFACT_MISSING`.
 *
 * @example
 * s3Store({ bucket: 'models', prefix: 'team', region: 'eu-central-1' })
 * s3Store({ bucket: 'models', endpoint: 'http://127.0.0.1:9000', credentials: { accessKeyId, secretAccessKey } })
 */
export function s3Store(options: S3StoreOptions): Store {
  const settings = s3Settings(options)
  const { name, bucket, prefix, customer } = settings
  const connection = s3Connection(settings)
  const { call } = connection
  const marker = s3Marker(settings, connection)
  const uploads = s3Uploads(settings, connection)
  const writing = writers()

  const keyOf = (digest: string): string => {
    requireDigest(name, digest)
    return `${prefix}sha256/${digest.slice(0, 2)}/${digest.slice(2, 4)}/${digest.slice(4)}`
  }
  const digestOf = (key: string): string | null => {
    const [whole, first = '', second = '', rest = ''] = KEY.exec(key.slice(prefix.length)) ?? []
    return whole !== undefined && key.startsWith(prefix) ? first + second + rest : null
  }

  const look: Look = async (key, signal) => {
    try {
      const { ContentLength, ETag } = await call('HeadObject', { Key: key, ...customer }, { doing: 'look at', signal })
      return ContentLength === undefined ? null : { size: ContentLength, etag: ETag }
    } catch (error) {
      const { status } = refusal(error)
      if (status === 404) return null
      if (status === null || ![301, 400, 403].includes(status)) throw error
      return lookCloser(key, error, signal)
    }
  }

  /** An answer to HEAD has no body that would say why; the answer to a GET of one byte has. */
  const lookCloser = async (key: string, refused: unknown, signal: AbortSignal | undefined): ReturnType<Look> => {
    try {
      const { Body, ContentRange, ETag } = await call('GetObject', { Key: key, Range: 'bytes=0-0', ...customer }, { doing: 'look at', signal })
      // a server that does not know ranges sends all of it
      ;(Body as { destroy?: () => void } | undefined)?.destroy?.()
      const total = /\/(\d+)$/.exec(ContentRange ?? '')?.[1]
      if (total === undefined) throw refused
      return { size: Number(total), etag: ETag }
    } catch (clearer) {
      const { status, error } = refusal(clearer)
      if (status === 404 && error !== 'NoSuchBucket') return null
      throw status === 416 ? refused : clearer
    }
  }

  const putObject = s3Put(settings, connection, uploads, look)

  const put = async (blob: Blob, source: Source, signal: AbortSignal | undefined, always: boolean): Promise<void> => {
    requireBlob(name, blob)
    requireFits(name, blob)
    const key = keyOf(blob.digest)
    await writing.alone(blob, { always, signal }, async () => {
      await marker.usable()
      const there = always ? undefined : await look(key, signal)
      signal?.throwIfAborted()
      if (there?.size !== blob.size) await putObject(key, blob, source(), { over: there !== null, signal })
    })
  }

  return Object.freeze({
    name,
    kind: 's3',
    locate: (digest: string) => `s3://${bucket}/${keyOf(digest)}`,
    put: (blob: Blob, source: Source, { signal }: TransferOptions = {}) => put(blob, source, signal, false),
    replace: (blob: Blob, source: Source, { signal }: TransferOptions = {}) => put(blob, source, signal, true),
    async *get(blob: Blob, options: GetOptions = {}) {
      requireBlob(name, blob)
      options.signal?.throwIfAborted()
      const key = keyOf(blob.digest)
      await marker.usable()
      yield* s3Read(settings, connection, blob, key, options)
    },
    async quarantine(digest: string) {
      const key = keyOf(digest)
      await marker.usable()
      if ((await look(key)) === null) return null
      // Not the server's own copy: not every server has one, and it ends at 5 GiB. What is put aside has another sha256 than its name says, and must be known by it.
      const read = () => s3Read(settings, connection, { digest, size: 0 }, key)
      const found = await blobOf(read(), undefined)
      const aside = `${prefix}quarantine/${digest}.${randomUUID()}`
      await putObject(aside, found, read(), { over: false })
      return `s3://${bucket}/${aside}`
    },
    async size(digest: string) {
      const key = keyOf(digest)
      await marker.usable()
      return (await look(key))?.size ?? null
    },
    async delete(digest: string) {
      const key = keyOf(digest)
      await marker.usable()
      // a server does not say whether there was something to delete
      if ((await look(key)) === null) return false
      await call('DeleteObject', { Key: key }, { doing: 'delete' })
      return true
    },
    async *list() {
      await marker.usable()
      let token: string | undefined
      for (;;) {
        const input = { Prefix: `${prefix}sha256/`, ...(token !== undefined && { ContinuationToken: token }) }
        const page = await call('ListObjectsV2', input, { doing: 'list' })
        for (const { Key = '', Size } of page.Contents ?? []) {
          const digest = digestOf(Key)
          if (digest !== null && Size !== undefined) yield Object.freeze({ digest, size: Size })
        }
        const next = page.NextContinuationToken
        if (page.IsTruncated !== true) return
        if (next === undefined || next === token) throw cutShort(name, `s3://${bucket}/${prefix}`)
        token = next
      }
    },
    owner: ({ claim }: { claim?: string } = {}) => marker.owner(claim),
    async sweep({ olderThan }: { olderThan?: number } = {}) {
      await marker.usable()
      return uploads.sweep(olderThan, (key) => digestOf(key) !== null || (key.startsWith(prefix) && ASIDE.test(key.slice(prefix.length))))
    },
    async close() {
      connection.close()
    },
  })
}

// Half a list taken for the whole would make gc believe that nothing else is there.
function cutShort(store: string, place: string): PersistablesError {
  return new PersistablesError(
    'STORE_FAILED',
    `The store "${store}" could not list ${place}: the server says that there is more, and not how to get it.`,
    {
      fix: 'The server’s ListObjectsV2 is at fault.',
      details: { store, place, operation: 'ListObjectsV2' },
    },
  )
}
