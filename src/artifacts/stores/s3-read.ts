import { setTimeout as wait } from 'node:timers/promises'
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3'
import { isPersistablesError, PersistablesError } from '../../errors'
import { abortable } from '../abort'
import type { Blob, GetOptions } from '../store'
import { missing } from './key'
import type { S3Connection } from './s3-connection'
import { refusal, s3Fault } from './s3-failure'
import type { S3Settings } from './s3-settings'

/** A reader that stays away for longer, or longer than a connection may be silent, lets it time out: that is not the server's fault. Milliseconds. */
const AWAY = 5000
/** bytes after which earlier interruptions are forgotten */
const PROGRESS = 1 << 20

/** What the response says about the object and the part of it that follows. */
interface Extent {
  /** where the body ends in the object; `null` when the response does not say */
  readonly end: number | null
  readonly etag: string | undefined
}

/**
 * The bytes of an object from `start` on. A connection that breaks off is taken up again at the byte reached, on condition that the object is still the same, until
 * `maxAttempts` of them in a row got no further. Throws `ARTIFACT_MISSING` when there is no object; `STORE_FAILED` when it cannot be read, when it is replaced
 * while it is read, and when fewer or more bytes come than the server announced. An object of another size than the blob's is given out as it is.
 */
export async function* s3Read(
  settings: S3Settings,
  { call }: S3Connection,
  blob: Blob,
  key: string,
  { start = 0, signal }: GetOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { name: store, bucket, maxAttempts, idleTimeout, customer } = settings
  const place = `s3://${bucket}/${key}`
  let at = start
  let etag: string | undefined
  let failures = 0
  let remembered = start

  const broken = (what: string, fix: string, cause?: unknown): PersistablesError =>
    new PersistablesError('STORE_FAILED', `The store "${store}" could not read ${place}: ${what}.`, {
      fix,
      details: { store, place, operation: 'GetObject', digest: blob.digest, at },
      cause,
    })

  const open = async (): Promise<GetObjectCommandOutput | null> => {
    const input = { Key: key, ...(at > 0 && { Range: `bytes=${at}-` }), ...(etag !== undefined && { IfMatch: etag }), ...customer }
    try {
      return await call('GetObject', input, { doing: 'read', signal })
    } catch (error) {
      const { error: code, status } = refusal(error)
      if (status === 404 && code !== 'NoSuchBucket') throw missing(store, blob, place)
      if (status === 416) return null
      if (status === 412 && etag !== undefined) throw broken('it was replaced while it was being read', 'Read it again.', error)
      throw error
    }
  }

  for (;;) {
    const response = await open()
    // nothing lies behind `start`
    if (response === null) return
    const extent = extentOf(response, at)
    if (extent === null) {
      streamOf(response)?.destroy()
      throw broken(`it was asked for what follows byte ${at} and sent something else`, 'The server must know ranges.')
    }
    etag ??= extent.etag
    let failure: unknown
    let away = 0
    try {
      for await (const chunk of bodyOf(response, signal)) {
        if (extent.end !== null && at + chunk.length > extent.end) throw broken('more bytes came than were announced', 'Read it again.')
        at += chunk.length
        const handed = performance.now()
        yield new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length)
        away = performance.now() - handed
      }
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      if (isPersistablesError(error)) throw error
      failure = error
    }
    // a body of unknown length that ends early looks like one that ends
    if (failure === undefined && at >= (extent.end ?? blob.size)) return
    failure ??= new Error('it ended early')
    if (at - remembered >= PROGRESS || away >= Math.min(AWAY, idleTimeout)) {
      failures = 0
      remembered = at
    }
    if (++failures >= maxAttempts) {
      const { error, message } = s3Fault(failure, (text) => text)
      throw broken(
        `the connection broke off ${failures} times, last after byte ${at}: ${error === 'Error' ? message : error}`,
        'Check the network, or read another pattern of the artifact.',
        new Error(message),
      )
    }
    await wait(Math.random() * 50 * 2 ** failures, undefined, signal && { signal }).catch(() => undefined)
    signal?.throwIfAborted()
  }
}

async function* bodyOf(response: GetObjectCommandOutput, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  const body = streamOf(response)
  if (body === undefined) return
  try {
    yield* abortable(body, signal)
  } finally {
    body.destroy()
  }
}

// In Node it is the response of node:http.
function streamOf({ Body }: GetObjectCommandOutput): (AsyncIterable<Uint8Array> & { destroy(): void }) | undefined {
  return Body as (AsyncIterable<Uint8Array> & { destroy(): void }) | undefined
}

function extentOf({ ContentRange, ContentLength, ETag }: GetObjectCommandOutput, at: number): Extent | null {
  const range = /^bytes (\d+)-(\d+)\//.exec(ContentRange ?? '')
  if (range === null) return at > 0 ? null : { end: ContentLength ?? null, etag: ETag }
  return Number(range[1]) === at ? { end: Number(range[2]) + 1, etag: ETag } : null
}
