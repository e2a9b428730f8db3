import type { IncomingHttpHeaders } from 'node:http'
import { receive } from './body'
import type { Bucket, StoredObject } from './bucket'
import type { Fault } from './faults'
import type { Answer, Asked } from './operation'
import { Refusal } from './refusal'

interface Context {
  readonly folder: string | undefined
  readonly page: number
  readonly fault: Fault | undefined
  readonly onBytes: (count: number) => void
}

const xml = (root: string, body: string, headers: Record<string, string> = {}): Answer => ({
  status: 200,
  headers: { 'content-type': 'application/xml', ...headers },
  body: [Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n<${root}>${body}</${root}>`)],
})
const empty = (status: number, headers: Record<string, string> = {}): Answer => ({ status, headers, body: [] })
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** Does what was asked. Throws {@link Refusal}. */
export const answerTo = async (asked: Asked, bucket: Bucket, context: Context): Promise<Answer> => {
  const { operation, key, query, request } = asked
  const { headers } = request
  const id = query.get('uploadId') ?? ''
  const body = () => receive(request, { folder: context.folder, mangled: context.fault?.do === 'mangle', onBytes: context.onBytes })
  switch (operation) {
    case 'PutObject': {
      const { bytes, md5 } = await body()
      bucket.checkConditions(key, headers)
      const etag = `"${md5.toString('hex')}"`
      bucket.objects.set(key, { bytes, etag, modified: new Date(), headers })
      return empty(200, { etag })
    }
    case 'GetObject':
      return content(bucket.object(key), headers, context.fault)
    case 'HeadObject': {
      const object = bucket.object(key)
      checkCustomer(object, headers)
      return { ...empty(200, { etag: object.etag }), length: object.bytes.size }
    }
    case 'DeleteObject':
      bucket.objects.delete(key)
      return empty(204)
    case 'CreateMultipartUpload':
      return xml('InitiateMultipartUploadResult', `<Key>${escaped(key)}</Key><UploadId>${bucket.begin(key, headers).id}</UploadId>`)
    case 'UploadPart': {
      bucket.upload(key, id)
      const { bytes, md5, crc32 } = await body()
      // it may be gone by now
      bucket.upload(key, id).parts.set(asked.part ?? 0, { bytes, md5, crc32, modified: new Date() })
      return empty(200, { etag: `"${md5.toString('hex')}"` })
    }
    case 'CompleteMultipartUpload': {
      const { bytes } = await body()
      let text = ''
      for await (const chunk of bytes.read(0, bytes.size)) text += chunk
      const etag = bucket.complete(key, id, partsOf(text), headers)
      return xml('CompleteMultipartUploadResult', `<Key>${escaped(key)}</Key><ETag>${escaped(etag)}</ETag>`)
    }
    case 'AbortMultipartUpload':
      bucket.upload(key, id)
      if (context.fault?.do !== 'revive') bucket.uploads.delete(id)
      return empty(204)
    case 'ListParts':
      return listParts(asked, bucket, context.page)
    case 'ListMultipartUploads':
      return listUploads(asked, bucket, context.page)
    case 'ListObjectsV2':
      return listObjects(asked, bucket, context.page)
  }
}

const CUSTOMER = 'x-amz-server-side-encryption-customer-key-md5'
const checkCustomer = (object: StoredObject, headers: IncomingHttpHeaders): void => {
  if (object.headers[CUSTOMER] !== headers[CUSTOMER]) throw new Refusal(400, 'InvalidRequest')
}

const content = (object: StoredObject, headers: IncomingHttpHeaders, fault: Fault | undefined): Answer => {
  const { bytes, etag } = object
  checkCustomer(object, headers)
  if (headers['if-match'] !== undefined && headers['if-match'] !== etag) throw new Refusal(412, 'PreconditionFailed')
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec((headers.range as string | undefined) ?? '') ?? []
  if (from === undefined || fault?.do === 'send all') {
    return { status: 200, headers: { etag, 'accept-ranges': 'bytes' }, length: bytes.size, body: bytes.read(0, bytes.size) }
  }
  const start = Number(from)
  const end = Math.min(to === undefined || to === '' ? bytes.size : Number(to) + 1, bytes.size)
  if (start >= bytes.size) throw new Refusal(416, 'InvalidRange')
  return {
    status: 206,
    headers: { etag, 'content-range': `bytes ${start}-${end - 1}/${bytes.size}` },
    length: end - start,
    body: bytes.read(start, end),
  }
}

const partsOf = (text: string): { number: number; etag: string; crc32: string | undefined }[] =>
  [...text.matchAll(/<Part>([\s\S]*?)<\/Part>/g)].map(([, part = '']) => {
    const element = (name: string): string | undefined => new RegExp(`<${name}>(.*?)</${name}>`).exec(part)?.[1]
    return {
      number: Number(element('PartNumber')),
      etag: (element('ETag') ?? '').replaceAll('&quot;', '"'),
      crc32: element('ChecksumCRC32'),
    }
  })

const listParts = ({ key, query }: Asked, bucket: Bucket, page: number): Answer => {
  const { id, parts } = bucket.upload(key, query.get('uploadId') ?? '')
  const after = [...parts].sort(([a], [b]) => a - b).filter(([number]) => number > Number(query.get('part-number-marker') ?? 0))
  const shown = after.slice(0, Math.min(Number(query.get('max-parts') ?? page), page))
  const more = shown.length < after.length
  const entries = shown.map(
    ([number, part]) =>
      `<Part><PartNumber>${number}</PartNumber><LastModified>${part.modified.toISOString()}</LastModified><Size>${part.bytes.size}</Size></Part>`,
  )
  const next = more ? `<NextPartNumberMarker>${shown.at(-1)?.[0]}</NextPartNumberMarker>` : ''
  return xml('ListPartsResult', `<Key>${escaped(key)}</Key><UploadId>${id}</UploadId><IsTruncated>${more}</IsTruncated>${next}${entries.join('')}`)
}

const listUploads = ({ query }: Asked, bucket: Bucket, page: number): Answer => {
  const [prefix, keyMarker, idMarker] = ['prefix', 'key-marker', 'upload-id-marker'].map((name) => query.get(name) ?? '')
  const after = [...bucket.uploads.values()]
    .filter(({ key }) => key.startsWith(prefix ?? ''))
    .sort((a, b) => (`${a.key} ${a.id}` < `${b.key} ${b.id}` ? -1 : 1))
    .filter(({ key, id }) => keyMarker === '' || key > (keyMarker as string) || (key === keyMarker && id > (idMarker as string)))
  const shown = after.slice(0, page)
  const more = shown.length < after.length
  const entries = shown.map(
    ({ key, id, initiated }) =>
      `<Upload><Key>${escaped(key)}</Key><UploadId>${id}</UploadId><Initiated>${initiated.toISOString()}</Initiated></Upload>`,
  )
  const next = more
    ? `<NextKeyMarker>${escaped(shown.at(-1)?.key ?? '')}</NextKeyMarker><NextUploadIdMarker>${shown.at(-1)?.id}</NextUploadIdMarker>`
    : ''
  return xml('ListMultipartUploadsResult', `<IsTruncated>${more}</IsTruncated>${next}${entries.join('')}`)
}

const listObjects = ({ query }: Asked, bucket: Bucket, page: number): Answer => {
  const token = query.get('continuation-token') ?? ''
  const after = [...bucket.objects].filter(([key]) => key.startsWith(query.get('prefix') ?? '') && key > token).sort(([a], [b]) => (a < b ? -1 : 1))
  const shown = after.slice(0, page)
  const more = shown.length < after.length
  const entries = shown.map(
    ([key, { bytes, etag }]) => `<Contents><Key>${escaped(key)}</Key><Size>${bytes.size}</Size><ETag>${etag}</ETag></Contents>`,
  )
  const next = more ? `<NextContinuationToken>${escaped(shown.at(-1)?.[0] ?? '')}</NextContinuationToken>` : ''
  return xml('ListBucketResult', `<IsTruncated>${more}</IsTruncated><KeyCount>${shown.length}</KeyCount>${next}${entries.join('')}`)
}
