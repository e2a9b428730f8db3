import { isPersistablesError, PersistablesError } from '../../errors'

/** What a refused or failed request tells, as far as it may be shown. */
export interface S3Fault {
  /** the server's error code, such as `NoSuchKey`, or the system's, such as `ECONNREFUSED` */
  readonly error: string
  /** HTTP status; `null` when there was no answer */
  readonly status: number | null
  readonly requestId: string | null
  /** where the bucket is, when the server says so */
  readonly region: string | null
  readonly message: string
}

const RIGHTS =
  'Allow this identity s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload and s3:ListMultipartUploadParts on the objects, s3:ListBucket and ' +
  's3:ListBucketMultipartUploads on the bucket. Without s3:ListBucket what is missing looks forbidden.'
const KEYS = 'Check the access key, the secret and, for temporary ones, the session token.'
const EXPIRED = 'Pass credentials as a function that fetches new ones, with their expiration.'
const BUSY = 'Try again later, with a smaller queue, or raise maxAttempts.'
const SILENT = 'Check the network and the endpoint, or raise timeouts.'
const UNREACHED = 'Check endpoint, region and network.'
const CERTIFICATE = 'Trust its certificate: set NODE_EXTRA_CA_CERTS to a file with the one that signed it.'
const DAMAGED = "The bytes changed on their way, or the server reckons its checksums otherwise: try again, or pass checksums: 'when-required'."
const FULL = 'Make room there, or give the store another place.'

const FIXES: Readonly<Record<string, string>> = {
  ExpiredToken: EXPIRED,
  ExpiredTokenException: EXPIRED,
  TokenRefreshRequired: EXPIRED,
  InvalidAccessKeyId: KEYS,
  InvalidToken: KEYS,
  SignatureDoesNotMatch: KEYS,
  InvalidSignatureException: KEYS,
  UnrecognizedClientException: KEYS,
  CredentialsProviderError: 'Pass credentials, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.',
  AccessDenied: RIGHTS,
  Forbidden: RIGHTS,
  AllAccessDisabled: RIGHTS,
  NoSuchBucket: 'Make the bucket, or check its name, the region and the endpoint.',
  RequestTimeTooSkewed: 'Set the clock of this machine right.',
  RequestInTheFuture: 'Set the clock of this machine right.',
  SlowDown: BUSY,
  TooManyRequests: BUSY,
  ServiceUnavailable: BUSY,
  TimeoutError: SILENT,
  ETIMEDOUT: SILENT,
  RequestTimeout: SILENT,
  ECONNRESET: SILENT,
  EPIPE: SILENT,
  ECONNREFUSED: UNREACHED,
  ENOTFOUND: UNREACHED,
  EAI_AGAIN: UNREACHED,
  EHOSTUNREACH: UNREACHED,
  ENETUNREACH: UNREACHED,
  SELF_SIGNED_CERT_IN_CHAIN: CERTIFICATE,
  DEPTH_ZERO_SELF_SIGNED_CERT: CERTIFICATE,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: CERTIFICATE,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: CERTIFICATE,
  CERT_HAS_EXPIRED: 'Its certificate has expired: have it renewed.',
  ERR_TLS_CERT_ALTNAME_INVALID: 'Its certificate is for another host: check the endpoint, or pass pathStyle: true for bucket names with dots.',
  BadDigest: DAMAGED,
  InvalidDigest: DAMAGED,
  XAmzContentSHA256Mismatch: DAMAGED,
  XAmzContentChecksumMismatch: DAMAGED,
  NotImplemented: "The server lacks something that was asked for; checksums: 'when-required' asks for least.",
  InvalidObjectState: 'The object is archived: restore it first, and choose a storageClass that can be read at once.',
  InvalidStorageClass: 'Pass a storageClass that the server has, or none.',
  QuotaExceeded: FULL,
  XMinioStorageFull: FULL,
  InsufficientCapacity: FULL,
}
const BY_STATUS: Readonly<Record<number, string>> = { 401: KEYS, 403: RIGHTS, 429: BUSY, 500: BUSY, 502: BUSY, 503: BUSY, 504: BUSY, 507: FULL }
const ELSEWHERE = new Set(['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException'])

/** The facts of what the SDK threw. Nothing else of it is kept: its errors carry requests, with their headers. */
export function s3Fault(thrown: unknown, scrub: (text: string) => string): S3Fault {
  const error = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as Record<string, unknown>
  const metadata = (error['$metadata'] ?? {}) as Record<string, unknown>
  const response = (error['$response'] ?? {}) as { statusCode?: unknown; headers?: Record<string, unknown> }
  const text = (value: unknown): string | null => (typeof value === 'string' && /^[\w.:/+=-]{1,200}$/.test(value) ? value : null)
  const status = [metadata['httpStatusCode'], response.statusCode].find((each) => typeof each === 'number') as number | undefined
  // a system error's name says nothing, its code does
  const code = status === undefined ? text(error['code']) : null
  const message = typeof error['message'] === 'string' ? error['message'] : String(thrown)
  return {
    error: scrub(code ?? text(error['name']) ?? 'UnknownError'),
    status: status ?? null,
    requestId: text(metadata['requestId'] ?? response.headers?.['x-amz-request-id']),
    region: text(response.headers?.['x-amz-bucket-region'] ?? error['Region']),
    message: scrub(message.replace(/\p{Cc}+/gu, ' ').slice(0, 500)),
  }
}

/** What was asked for. */
export interface S3Request {
  readonly store: string
  /** completes "The store could not …" */
  readonly doing: string
  readonly bucket: string
  /** or the prefix, where it is about several */
  readonly key: string
  readonly operation: string
}

/** A {@link S3Fault} as `STORE_FAILED`, with what to do about it. */
export function s3Failure(request: S3Request, fault: S3Fault): PersistablesError {
  const { store, doing, bucket, key, operation } = request
  const place = `s3://${bucket}/${key}`
  const { error, status, requestId, region, message } = fault
  const elsewhere = region !== null && (ELSEWHERE.has(error) || status === 301 || status === 400)
  const answer = [status === null ? '' : String(status), requestId === null ? '' : `request ${requestId}`].filter((each) => each !== '')
  return new PersistablesError(
    'STORE_FAILED',
    `The store "${store}" could not ${doing} ${place}: ${error}${answer.length > 0 ? ` (${answer.join(', ')})` : ''}${message === error ? '' : `: ${message.replace(/[.\s]+$/, '')}`}.`,
    {
      fix: elsewhere
        ? `The bucket is in ${region}: pass region: '${region}'.`
        : (FIXES[error] ?? BY_STATUS[status ?? 0] ?? 'See the cause, mend it, then try again.'),
      details: { store, bucket, key, operation, error, status, requestId, ...(region !== null && { region }) },
      cause: Object.assign(new Error(message), { name: error }),
    },
  )
}

/** What an error of {@link s3Failure} says about the server's answer; nothing of other errors. */
export function refusal(error: unknown): { readonly error: string | null; readonly status: number | null } {
  const { error: name, status } = isPersistablesError(error, 'STORE_FAILED') ? error.details : {}
  return { error: typeof name === 'string' ? name : null, status: typeof status === 'number' ? status : null }
}

/** Whether the server says that it cannot do what was asked, whoever asks. */
export function isUnsupported(error: unknown): boolean {
  const { error: name, status } = refusal(error)
  return status === 501 || status === 405 || name === 'NotImplemented' || name === 'MethodNotAllowed'
}
