import { setTimeout as wait } from 'node:timers/promises'
import type { CompletedPart } from '@aws-sdk/client-s3'
import { isPersistablesError, PersistablesError } from '../../errors'
import type { Blob, TransferOptions } from '../store'
import type { S3Connection } from './s3-connection'
import { type CutOptions, cut, type Part } from './s3-cut'
import { isUnsupported, refusal } from './s3-failure'
import { partPlan } from './s3-parts'
import type { S3Settings } from './s3-settings'
import { PATIENCE, type S3Uploads, type Upload } from './s3-uploads'

/** Writes one object. Gives back when it is durable; else nothing new is visible, but for an object that the server finished after it was told to stop. */
export type PutObject = (key: string, blob: Blob, source: AsyncIterable<Uint8Array>, options: PutOptions) => Promise<void>

/** Options of {@link PutObject}. */
export interface PutOptions extends TransferOptions {
  /** whether an object that is there already is written over */
  readonly over: boolean
}

type Condition = { readonly IfNoneMatch?: '*' }
/** the server's answer to a condition: written, or kept from it by an object of the right size */
type Written = boolean

/** What a HEAD tells of an object; `null` when there is none. */
export type Look = (key: string, signal?: AbortSignal) => Promise<{ readonly size: number; readonly etag: string | undefined } | null>

/**
 * Writes objects: those that fit one part in one request, larger ones in parts, at most `queue` of them in memory. Size and sha256 are verified before anything
 * becomes visible. Throws `STORE_FAILED`, or the signal's reason, after what was sent has been taken away again.
 */
export function s3Put(settings: S3Settings, { call }: S3Connection, uploads: S3Uploads, look: Look): PutObject {
  const { name, checksums, making, customer } = settings
  let conditions = true

  /**
   * Runs `write` with the condition that nothing is there, where the server knows conditions: it spares versioned buckets a copy, and readers a change under
   * their hands. Nothing depends on it: what others may have written has the same bytes.
   */
  const unlessThere = async (key: string, size: number, write: (condition: Condition) => Promise<unknown>): Promise<Written> => {
    for (let turn = 1; ; turn++) {
      const conditional = conditions && turn < 4
      try {
        await write(conditional ? { IfNoneMatch: '*' } : {})
        return true
      } catch (error) {
        if (!conditional) throw error
        const { status } = refusal(error)
        if (isUnsupported(error)) conditions = false
        else if (status !== 412 && status !== 409) throw error
        else if ((await look(key))?.size === size) return false
        // in conflict with a writer or deleter who is not done yet; and one of the wrong size is written over
        else if (status === 409) await wait(Math.random() * 100 * 2 ** turn)
        else turn = 3
      }
    }
  }

  const whole = async (key: string, blob: Blob, source: AsyncIterable<Uint8Array>, options: PutOptions & CutOptions): Promise<void> => {
    for await (const { bytes, sums } of cut(blob, source, name, options)) {
      const input = { Key: key, Body: bytes, ContentLength: bytes.length, ...sums, ...making, ...customer }
      const write = (condition: Condition) => call('PutObject', { ...input, ...condition }, { doing: 'write', signal: options.signal })
      await (options.over ? write({}) : unlessThere(key, blob.size, write))
    }
  }

  /** What was sent has the right size and digest. The answer may still get lost on its way: then what is there now, and was not before, tells. */
  const finish = async (upload: Upload, blob: Blob, parts: readonly CompletedPart[], { over, signal }: PutOptions): Promise<Written> => {
    const before = over ? await look(upload.key, signal) : null
    const write = async (condition: Condition): Promise<void> => {
      try {
        await uploads.complete(upload, parts, blob.size, condition, signal)
      } catch (error) {
        const { error: code, status } = refusal(error)
        const lost = code === 'NoSuchUpload' || (status === null && isPersistablesError(error, 'STORE_FAILED'))
        if (signal?.aborted || !lost) throw error
        const now = await look(upload.key)
        if (now?.size !== blob.size || now.etag === before?.etag) throw error
      }
    }
    if (!over) return unlessThere(upload.key, blob.size, write)
    await write({})
    return true
  }

  const inParts = async (key: string, blob: Blob, source: AsyncIterable<Uint8Array>, options: PutOptions & CutOptions): Promise<void> => {
    options.signal?.throwIfAborted()
    const upload = await patiently(options.signal, (signal) => uploads.begin(key, signal))
    const stop = new AbortController()
    const onAbort = (): void => stop.abort(options.signal?.reason)
    options.signal?.addEventListener('abort', onAbort, { once: true })
    if (options.signal?.aborted) onAbort()
    const parts: CompletedPart[] = []
    const sending = new Set<Promise<void>>()

    const send = async (part: Part): Promise<void> => {
      try {
        parts[part.number - 1] = await uploads.send(upload, part, stop.signal)
      } catch (error) {
        // the first one counts, and stops the others
        stop.abort(error)
      } finally {
        part.release()
      }
    }

    try {
      for await (const part of cut(blob, source, name, { ...options, signal: stop.signal })) {
        const sent = send(part).finally(() => sending.delete(sent))
        sending.add(sent)
      }
      await Promise.all(sending)
      stop.signal.throwIfAborted()
      if (!(await finish(upload, blob, parts, { ...options, signal: stop.signal }))) await uploads.abandon(upload, false)
    } catch (error) {
      const unsettled = stop.signal.aborted || sending.size > 0
      stop.abort(error)
      await Promise.all(sending)
      const clean = await uploads.abandon(upload, unsettled)
      if (options.signal?.aborted) throw options.signal.reason
      throw clean ? error : withLeftover(error, upload)
    } finally {
      options.signal?.removeEventListener('abort', onAbort)
    }
  }

  return async (key, blob, source, options) => {
    const plan = partPlan(blob.size, settings)
    await (plan.count === 1 ? whole : inParts)(key, blob, source, { ...options, plan, checksums })
  }
}

/** Runs `work` with a signal that follows the given one by {@link PATIENCE}. */
async function patiently<T>(signal: AbortSignal | undefined, work: (late: AbortSignal) => Promise<T>): Promise<T> {
  const late = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const onAbort = (): void => {
    timer = setTimeout(() => late.abort(signal?.reason), PATIENCE)
  }
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await work(late.signal)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

function withLeftover(error: unknown, { key, id }: Upload): unknown {
  if (!isPersistablesError(error)) return error
  return new PersistablesError(error.code, `${error.message} The unfinished upload could not be removed either.`, {
    fix: 'The store’s sweep() removes it later; a lifecycle rule of the bucket does so too.',
    details: { ...error.details, leftover: { key, uploadId: id } },
    cause: error.cause,
  })
}
