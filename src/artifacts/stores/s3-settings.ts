import { types } from 'node:util'
import type { S3Client, ServerSideEncryption, StorageClass } from '@aws-sdk/client-s3'
import { PersistablesError } from '../../errors'
import { requireName } from '../name'
import type { S3Credentials, S3StoreOptions } from './s3-options'
import { MAX_PART, MIN_PART } from './s3-parts'

/** {@link S3StoreOptions}, checked, with their defaults. */
export interface S3Settings {
  readonly name: string
  readonly bucket: string
  /** `''`, or ends in `/` */
  readonly prefix: string
  readonly region: string | undefined
  readonly endpoint: string | undefined
  readonly pathStyle: boolean
  readonly credentials: S3Credentials | (() => Promise<S3Credentials>) | undefined
  readonly client: S3Client | undefined
  readonly maxAttempts: number
  readonly connectTimeout: number
  readonly idleTimeout: number
  readonly partSize: number
  readonly queue: number
  readonly checksums: 'when-supported' | 'when-required'
  /** what requests that make an object say besides */
  readonly making: { StorageClass?: StorageClass; ServerSideEncryption?: ServerSideEncryption; SSEKMSKeyId?: string }
  /** what all requests about an object's bytes say besides */
  readonly customer: { SSECustomerAlgorithm?: string; SSECustomerKey?: string; SSECustomerKeyMD5?: string }
}

type Fail = (option: string, why: string, fix: string) => PersistablesError

const BUCKET = /^(arn:[\w:/.-]+|[A-Za-z0-9][\w.-]{1,253}[A-Za-z0-9])$/
const ENCRYPTIONS = ['AES256', 'aws:kms', 'aws:kms:dsse']
const BROUGHT = ['region', 'endpoint', 'pathStyle', 'credentials', 'maxAttempts', 'timeouts'] as const

/** Checks the options of an S3 store. Throws `INVALID_NAME`, and `INVALID_OPTION` naming the option, never with a secret in it. */
export function s3Settings(options: S3StoreOptions): S3Settings {
  if (typeof options !== 'object' || options === null) {
    throw new PersistablesError('INVALID_OPTION', 'An S3 store needs options.', { fix: "Say at least which bucket: s3Store({ bucket: 'models' })." })
  }
  const name = requireName('store', options.name ?? 's3')
  const fail: Fail = (option, why, fix) =>
    new PersistablesError('INVALID_OPTION', `The option ${option} of the store "${name}" ${why}.`, { fix, details: { store: name, option } })
  const whole = (option: string, value: number | undefined, least: number, most: number, otherwise: number): number => {
    if (value === undefined) return otherwise
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value
    throw fail(option, `is ${String(value)}`, `Give a whole number from ${least} to ${most}.`)
  }

  const { bucket, client, checksums = 'when-supported' } = options
  if (typeof bucket !== 'string' || !BUCKET.test(bucket)) {
    throw fail(
      'bucket',
      `is ${JSON.stringify(bucket) ?? String(bucket)}`,
      'Give the name of a bucket, without s3:// and without a path; use prefix for that.',
    )
  }
  if (!['when-supported', 'when-required'].includes(checksums)) {
    throw fail('checksums', `is ${JSON.stringify(checksums)}`, "Give 'when-supported' or 'when-required'.")
  }
  const brought = client === undefined ? [] : BROUGHT.filter((option) => options[option] !== undefined)
  if (brought.length > 0) throw fail(brought.join(', '), 'cannot be given beside client', 'Set it on the client, or leave the client out.')
  return Object.freeze({
    name,
    bucket,
    prefix: prefixOf(options.prefix, fail),
    region: options.region,
    endpoint: endpointOf(options.endpoint, fail),
    pathStyle: options.pathStyle ?? options.endpoint !== undefined,
    credentials: credentialsOf(options.credentials, fail),
    client,
    maxAttempts: whole('maxAttempts', options.maxAttempts, 1, 100, 5),
    connectTimeout: whole('timeouts.connect', options.timeouts?.connect, 1, 2 ** 31 - 1, 10_000),
    idleTimeout: whole('timeouts.idle', options.timeouts?.idle, 1, 2 ** 31 - 1, 60_000),
    partSize: whole('partSize', options.partSize, MIN_PART, MAX_PART, 8 << 20),
    queue: whole('queue', options.queue, 1, 100, 4),
    checksums,
    making: makingOf(options, fail),
    customer: customerOf(options, fail),
  })
}

function prefixOf(prefix: string | undefined, fail: Fail): string {
  if (prefix === undefined) return ''
  const trimmed = typeof prefix === 'string' ? prefix.replace(/^\/+|\/+$/g, '') : prefix
  if (trimmed === '') return ''
  const fits =
    typeof trimmed === 'string' &&
    Buffer.byteLength(trimmed) <= 900 &&
    trimmed.isWellFormed() &&
    !/\p{Cc}/u.test(trimmed) &&
    trimmed.split('/').every((part) => !['', '.', '..'].includes(part))
  if (fits) return `${trimmed}/`
  throw fail(
    'prefix',
    `is ${JSON.stringify(prefix) ?? String(prefix)}`,
    "Give something like 'team/models': at most 900 bytes, no empty part, no . and .., no control characters.",
  )
}

function endpointOf(endpoint: string | undefined, fail: Fail): string | undefined {
  if (endpoint === undefined) return undefined
  const url = typeof endpoint === 'string' && URL.canParse(endpoint) ? new URL(endpoint) : undefined
  // not shown when it cannot be read: it may hold a password
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw fail('endpoint', 'is no http or https URL', 'Give one, such as https://s3.example.org:9000.')
  if (url.username !== '' || url.password !== '') throw fail('endpoint', 'holds a user name or a password', 'Pass them in credentials.')
  return endpoint
}

/** Whether it has the fields of a key pair. */
export function isKeyPair(value: unknown): value is S3Credentials {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = (value ?? {}) as Record<string, unknown>
  const full = [accessKeyId, secretAccessKey].every((each) => typeof each === 'string' && each !== '')
  const token = sessionToken === undefined || typeof sessionToken === 'string'
  return full && token && (expiration === undefined || (types.isDate(expiration) && !Number.isNaN(expiration.getTime())))
}

function credentialsOf(credentials: S3StoreOptions['credentials'], fail: Fail): S3StoreOptions['credentials'] {
  if (credentials === undefined || typeof credentials === 'function' || isKeyPair(credentials)) return credentials
  throw fail(
    'credentials',
    'is no key pair',
    'Give { accessKeyId, secretAccessKey }, or a function that gives them; or leave it out for those of the environment.',
  )
}

function makingOf({ storageClass, serverSideEncryption, kmsKeyId }: S3StoreOptions, fail: Fail): S3Settings['making'] {
  if (serverSideEncryption !== undefined && !ENCRYPTIONS.includes(serverSideEncryption)) {
    throw fail('serverSideEncryption', `is ${JSON.stringify(serverSideEncryption)}`, `Give one of ${ENCRYPTIONS.join(', ')}.`)
  }
  if (kmsKeyId !== undefined && !serverSideEncryption?.startsWith('aws:kms')) {
    throw fail('kmsKeyId', 'is of no use without KMS', "Set serverSideEncryption: 'aws:kms' beside it.")
  }
  return {
    ...(storageClass !== undefined && { StorageClass: storageClass as StorageClass }),
    ...(serverSideEncryption !== undefined && { ServerSideEncryption: serverSideEncryption }),
    ...(kmsKeyId !== undefined && { SSEKMSKeyId: kmsKeyId }),
  }
}

function customerOf({ customerKey, serverSideEncryption }: S3StoreOptions, fail: Fail): S3Settings['customer'] {
  if (customerKey === undefined) return {}
  if (!types.isUint8Array(customerKey) || customerKey.length !== 32) throw fail('customerKey', 'is not 32 bytes', 'Give a Uint8Array of 32 bytes.')
  if (serverSideEncryption !== undefined) throw fail('customerKey', 'cannot be given beside serverSideEncryption', 'Choose one of them.')
  // the SDK adds the key's MD5
  return { SSECustomerAlgorithm: 'AES256', SSECustomerKey: Buffer.from(customerKey).toString('base64') }
}
