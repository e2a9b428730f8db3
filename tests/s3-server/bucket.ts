import { createHash, randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { joined, type Kept } from './bytes'
import { Refusal } from './refusal'

export interface StoredObject {
  readonly bytes: Kept
  readonly etag: string
  readonly modified: Date
  /** the headers it was made with */
  readonly headers: IncomingHttpHeaders
}

export interface StoredPart {
  readonly bytes: Kept
  readonly md5: Buffer
  readonly crc32: string
  readonly modified: Date
}

export interface StoredUpload {
  readonly id: string
  readonly key: string
  /** tests set it back, to make an upload old */
  initiated: Date
  readonly headers: IncomingHttpHeaders
  readonly parts: Map<number, StoredPart>
}

/** What S3 does when a condition is set: keep it, say every other time that another write is under way, say that it does not know it, or not look at it. */
export type Conditions = 'kept' | 'conflict' | 'unsupported' | 'ignored'

const MIN_PART = 5 << 20

/** The state of one bucket, with S3's rules. */
export class Bucket {
  readonly objects: Map<string, StoredObject> = new Map()
  readonly uploads: Map<string, StoredUpload> = new Map()
  conditions: Conditions = 'kept'
  private conflicts = 0

  /** Throws what S3 answers when `headers` forbid to write over what is there. */
  checkConditions(key: string, headers: IncomingHttpHeaders): void {
    const { 'if-none-match': none, 'if-match': match } = headers
    if ((none ?? match) === undefined || this.conditions === 'ignored') return
    if (this.conditions === 'unsupported') throw new Refusal(501, 'NotImplemented')
    if (this.conditions === 'conflict' && this.conflicts++ % 2 === 0) throw new Refusal(409, 'ConditionalRequestConflict')
    const there = this.objects.get(key)
    if (none === '*' && there !== undefined) throw new Refusal(412, 'PreconditionFailed')
    if (match !== undefined && there === undefined) throw new Refusal(404, 'NoSuchKey')
    if (match !== undefined && there?.etag !== match) throw new Refusal(412, 'PreconditionFailed')
  }

  object(key: string): StoredObject {
    const object = this.objects.get(key)
    if (object === undefined) throw new Refusal(404, 'NoSuchKey')
    return object
  }

  upload(key: string, id: string): StoredUpload {
    const upload = this.uploads.get(id)
    if (upload === undefined || upload.key !== key) throw new Refusal(404, 'NoSuchUpload')
    return upload
  }

  begin(key: string, headers: IncomingHttpHeaders): StoredUpload {
    const upload = { id: randomUUID(), key, initiated: new Date(), headers, parts: new Map() }
    this.uploads.set(upload.id, upload)
    return upload
  }

  complete(
    key: string,
    id: string,
    listed: readonly { number: number; etag: string; crc32: string | undefined }[],
    headers: IncomingHttpHeaders,
  ): string {
    const upload = this.upload(key, id)
    if (listed.length === 0) throw new Refusal(400, 'MalformedXML')
    const parts = listed.map(({ number, etag, crc32 }, i) => {
      if (i > 0 && number <= (listed[i - 1]?.number ?? 0)) throw new Refusal(400, 'InvalidPartOrder')
      const part = upload.parts.get(number)
      const checked = upload.headers['x-amz-checksum-algorithm'] === undefined || part?.crc32 === crc32
      if (part === undefined || `"${part.md5.toString('hex')}"` !== etag || !checked) throw new Refusal(400, 'InvalidPart')
      if (i < listed.length - 1 && part.bytes.size < MIN_PART) throw new Refusal(400, 'EntityTooSmall')
      return part
    })
    const bytes = joined(parts.map((part) => part.bytes))
    const promised = headers['x-amz-mp-object-size']
    if (promised !== undefined && Number(promised) !== bytes.size) throw new Refusal(400, 'InvalidRequest')
    this.checkConditions(key, headers)
    const md5 = createHash('md5')
    for (const part of parts) md5.update(part.md5)
    const etag = `"${md5.digest('hex')}-${parts.length}"`
    this.objects.set(key, { bytes, etag, modified: new Date(), headers: upload.headers })
    this.uploads.delete(id)
    return etag
  }
}
