import { setTimeout as wait } from 'node:timers/promises'
import type { CompletedPart } from '@aws-sdk/client-s3'
import { PersistablesError } from '../../errors'
import type { S3Connection } from './s3-connection'
import type { Part } from './s3-cut'
import { isUnsupported, refusal } from './s3-failure'
import type { S3Settings } from './s3-settings'

const FOLDERS = ['sha256', 'quarantine']
const DAY = 24 * 60 * 60 * 1000
const ABORTS = 10
const SETTLE = 200
/** How long a server that does not answer is waited for when something is to be cancelled, in milliseconds. */
export const PATIENCE = 30_000

/** One unfinished upload on the server. */
export interface Upload {
  readonly key: string
  readonly id: string
}

/** The multipart uploads of one store. All methods throw what {@link S3Connection.call} throws. */
export interface S3Uploads {
  /** the signal should leave it time to answer: an upload whose id never came back cannot be taken away */
  begin(key: string, signal: AbortSignal): Promise<Upload>
  send(upload: Upload, part: Part, signal: AbortSignal): Promise<CompletedPart>
  /** makes the object visible, whole */
  complete(upload: Upload, parts: readonly CompletedPart[], size: number, condition: object, signal: AbortSignal | undefined): Promise<void>
  /**
   * Removes the upload and its parts; whether nothing is left. Never throws.
   * @param unsettled - whether requests about it were cut off, which the server may still be at
   */
  abandon(upload: Upload, unsettled: boolean): Promise<boolean>
  /** see `Store.sweep`; only keys that `ours` knows */
  sweep(olderThan: number | undefined, ours: (key: string) => boolean): Promise<number>
}

/** {@link S3Uploads} over a connection. */
export function s3Uploads({ name, prefix, checksums, making, customer }: S3Settings, connection: S3Connection): S3Uploads {
  const { call } = connection
  const live = new Set<string>()

  /** whether the server still has something of it; `null` when it cannot tell */
  const isLeft = async ({ key, id }: Upload, signal: AbortSignal): Promise<boolean | null> => {
    try {
      const { UploadId } = await call('ListParts', { Key: key, UploadId: id, MaxParts: 1 }, { doing: 'clean up after', signal })
      // a server that does not know the request takes it for another one
      return UploadId === id ? true : null
    } catch (error) {
      signal.throwIfAborted()
      return refusal(error).status === 404 ? false : null
    }
  }

  const abort = async ({ key, id }: Upload, signal: AbortSignal): Promise<'gone' | 'aborted'> => {
    try {
      await call('AbortMultipartUpload', { Key: key, UploadId: id }, { doing: 'clean up after', signal })
      return 'aborted'
    } catch (error) {
      if (refusal(error).status === 404) return 'gone'
      throw error
    }
  }

  // A part that the server was still writing may turn up after an abort: hence again, until the server knows the upload no more, and still does not a
  // little later. A server that cannot list parts is believed when it has taken the abort twice.
  const remove = async (upload: Upload, unsettled: boolean): Promise<boolean> => {
    const signal = AbortSignal.timeout(PATIENCE)
    let calm = 0
    for (let turn = 1; turn <= ABORTS; turn++) {
      const left = (await abort(upload, signal)) === 'gone' ? false : await isLeft(upload, signal)
      calm = left === true ? 0 : calm + 1
      if (calm > (left === null || unsettled ? 1 : 0)) return true
      await wait(unsettled ? SETTLE : Math.min(20 * 2 ** turn, 1000))
    }
    return false
  }

  const begun = async function* (folder: string): AsyncGenerator<Upload & { readonly since: number }, void, undefined> {
    let at: { KeyMarker?: string; UploadIdMarker?: string } = {}
    for (;;) {
      const page = await call('ListMultipartUploads', { Prefix: `${prefix}${folder}/`, ...at }, { doing: 'list unfinished uploads of' })
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        if (Key !== undefined && UploadId !== undefined) yield { key: Key, id: UploadId, since: Initiated?.getTime() ?? connection.now() }
      }
      const next = {
        ...(page.NextKeyMarker && { KeyMarker: page.NextKeyMarker }),
        ...(page.NextUploadIdMarker && { UploadIdMarker: page.NextUploadIdMarker }),
      }
      if (page.IsTruncated !== true || JSON.stringify(next) === JSON.stringify(at)) return
      at = next
    }
  }

  /** when its newest part was written, or when it was begun */
  const lastWritten = async ({ key, id, since }: Upload & { readonly since: number }): Promise<number> => {
    let newest = since
    let marker: string | undefined
    for (;;) {
      const page = await call('ListParts', { Key: key, UploadId: id, ...(marker && { PartNumberMarker: marker }) }, { doing: 'look at an upload of' })
      for (const { LastModified } of page.Parts ?? []) newest = Math.max(newest, LastModified?.getTime() ?? 0)
      if (page.IsTruncated !== true || !page.NextPartNumberMarker || page.NextPartNumberMarker === marker) return newest
      marker = page.NextPartNumberMarker
    }
  }

  return {
    abandon: (upload, unsettled) =>
      remove(upload, unsettled)
        .catch(() => false)
        .finally(() => live.delete(upload.id)),
    async begin(key, signal) {
      const algorithm = checksums === 'when-supported' ? { ChecksumAlgorithm: 'CRC32' as const } : {}
      const { UploadId } = await call('CreateMultipartUpload', { Key: key, ...making, ...customer, ...algorithm }, { doing: 'write', signal })
      if (!UploadId)
        throw new PersistablesError('STORE_FAILED', `The server of the store "${name}" began an upload and did not say which.`, {
          details: { store: name, key },
        })
      live.add(UploadId)
      return { key, id: UploadId }
    },
    async send({ key, id }, { number, bytes, sums }, signal) {
      const input = { Key: key, UploadId: id, PartNumber: number, Body: bytes, ContentLength: bytes.length, ...sums, ...customer }
      const { ETag } = await call('UploadPart', input, { doing: 'write', signal })
      return { PartNumber: number, ETag, ...(sums.ChecksumCRC32 !== undefined && { ChecksumCRC32: sums.ChecksumCRC32 }) }
    },
    async complete({ key, id }, parts, size, condition, signal) {
      const input = { Key: key, UploadId: id, MultipartUpload: { Parts: [...parts] }, MpuObjectSize: size, ...customer, ...condition }
      await call('CompleteMultipartUpload', input, { doing: 'write', signal })
      live.delete(id)
    },
    async sweep(olderThan = DAY, ours) {
      if (!(olderThan >= 0))
        throw new PersistablesError('INVALID_OPTION', `olderThan is ${String(olderThan)}.`, { fix: 'Give milliseconds, 0 or more.' })
      let count = 0
      try {
        for (const folder of FOLDERS)
          for await (const upload of begun(folder)) {
            const limit = connection.now() - olderThan
            if (!ours(upload.key) || live.has(upload.id) || upload.since > limit) continue
            try {
              if ((await lastWritten(upload)) > limit || !(await remove(upload, false))) continue
              count++
            } catch (error) {
              // completed or aborted by its writer meanwhile
              if (refusal(error).status !== 404) throw error
            }
          }
      } catch (error) {
        if (!isUnsupported(error)) throw error
      }
      return count
    },
  }
}
