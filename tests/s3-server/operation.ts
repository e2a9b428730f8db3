import type { IncomingMessage } from 'node:http'
import type { Operation } from './faults'
import { Refusal } from './refusal'

/** A request, understood. */
export interface Asked {
  readonly operation: Operation
  readonly bucket: string
  readonly key: string
  readonly query: URLSearchParams
  readonly part: number | undefined
  readonly request: IncomingMessage
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** of the body; not announced when it is left out and the body is a stream */
  readonly length?: number
  readonly body: readonly Buffer[] | AsyncIterable<Buffer>
}

/** What a request in path style asks for. */
export const asked = (request: IncomingMessage): Asked => {
  const url = new URL(request.url ?? '/', 'http://localhost')
  const [, bucket = '', key = ''] = /^\/([^/]*)\/?(.*)$/.exec(decodeURIComponent(url.pathname)) ?? []
  const query = url.searchParams
  const part = query.has('partNumber') ? Number(query.get('partNumber')) : undefined
  return { operation: operationOf(request.method ?? '', key, query), bucket, key, query, part, request }
}

const operationOf = (method: string, key: string, query: URLSearchParams): Operation => {
  if (key === '') {
    if (method === 'GET' && query.get('list-type') === '2') return 'ListObjectsV2'
    if (method === 'GET' && query.has('uploads')) return 'ListMultipartUploads'
    throw new Refusal(405, 'MethodNotAllowed')
  }
  const upload = query.has('uploadId')
  switch (method) {
    case 'PUT':
      return upload ? 'UploadPart' : 'PutObject'
    case 'POST':
      return upload ? 'CompleteMultipartUpload' : 'CreateMultipartUpload'
    case 'DELETE':
      return upload ? 'AbortMultipartUpload' : 'DeleteObject'
    case 'HEAD':
      return 'HeadObject'
    default:
      return upload ? 'ListParts' : 'GetObject'
  }
}
