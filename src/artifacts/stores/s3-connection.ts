import { setTimeout as wait } from 'node:timers/promises'
import type {
  AbortMultipartUploadCommandInput,
  AbortMultipartUploadCommandOutput,
  CompleteMultipartUploadCommandInput,
  CompleteMultipartUploadCommandOutput,
  CreateMultipartUploadCommandInput,
  CreateMultipartUploadCommandOutput,
  DeleteObjectCommandInput,
  DeleteObjectCommandOutput,
  GetObjectCommandInput,
  GetObjectCommandOutput,
  HeadObjectCommandInput,
  HeadObjectCommandOutput,
  ListMultipartUploadsCommandInput,
  ListMultipartUploadsCommandOutput,
  ListObjectsV2CommandInput,
  ListObjectsV2CommandOutput,
  ListPartsCommandInput,
  ListPartsCommandOutput,
  PutObjectCommandInput,
  PutObjectCommandOutput,
  S3Client,
  S3ClientConfig,
  UploadPartCommandInput,
  UploadPartCommandOutput,
} from '@aws-sdk/client-s3'
import { isPersistablesError, PersistablesError } from '../../errors'
import { s3Failure, s3Fault } from './s3-failure'
import type { S3Credentials } from './s3-options'
import { isKeyPair, type S3Settings } from './s3-settings'

type Sdk = typeof import('@aws-sdk/client-s3')

interface Operations {
  AbortMultipartUpload: { input: AbortMultipartUploadCommandInput; output: AbortMultipartUploadCommandOutput }
  CompleteMultipartUpload: { input: CompleteMultipartUploadCommandInput; output: CompleteMultipartUploadCommandOutput }
  CreateMultipartUpload: { input: CreateMultipartUploadCommandInput; output: CreateMultipartUploadCommandOutput }
  DeleteObject: { input: DeleteObjectCommandInput; output: DeleteObjectCommandOutput }
  GetObject: { input: GetObjectCommandInput; output: GetObjectCommandOutput }
  HeadObject: { input: HeadObjectCommandInput; output: HeadObjectCommandOutput }
  ListMultipartUploads: { input: ListMultipartUploadsCommandInput; output: ListMultipartUploadsCommandOutput }
  ListObjectsV2: { input: ListObjectsV2CommandInput; output: ListObjectsV2CommandOutput }
  ListParts: { input: ListPartsCommandInput; output: ListPartsCommandOutput }
  PutObject: { input: PutObjectCommandInput; output: PutObjectCommandOutput }
  UploadPart: { input: UploadPartCommandInput; output: UploadPartCommandOutput }
}

/** Options of {@link S3Connection.call}. */
export interface S3CallOptions {
  /** completes "The store could not …" */
  readonly doing: string
  readonly signal?: AbortSignal | undefined
}

/** A way to one bucket. */
export interface S3Connection {
  /**
   * Sends one request about the bucket. Throws the signal's reason, `MISSING_DEPENDENCY` when the SDK is not installed, else `STORE_FAILED` with the server's
   * code, status and request id in `details`, after the tries that the settings allow.
   */
  call<N extends keyof Operations>(
    operation: N,
    input: Omit<Operations[N]['input'], 'Bucket'>,
    options: S3CallOptions,
  ): Promise<Operations[N]['output']>
  /** the time by the server's clock as far as it is known, up to a second too late; milliseconds since 1970 */
  now(): number
  /** closes idle sockets; a later call opens new ones */
  close(): void
}

const EXPIRED = new Set(['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired'])
/** Refused because what arrived was not what was sent: the bytes are still here, and are sent again. */
const MANGLED = new Set(['BadDigest', 'IncompleteBody', 'XAmzContentSHA256Mismatch', 'XAmzContentChecksumMismatch'])

/** Opens the way to a bucket: nothing is loaded or sent before the first call. */
export function s3Connection(settings: S3Settings): S3Connection {
  const { name: store, bucket, client: given } = settings
  const secrets = new Set<string>()
  for (const name of ['AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']) remember(secrets, process.env[name])
  remember(secrets, settings.customer.SSECustomerKey)
  let sdk: Promise<Sdk> | undefined
  let client: S3Client | undefined
  let handler: S3Client['config']['requestHandler'] | undefined
  let generation = 0

  const scrub = (text: string): string => {
    let scrubbed = text
    for (const secret of secrets) scrubbed = scrubbed.replaceAll(secret, '***')
    return scrubbed.replace(/\bA[KS]IA[A-Z0-9]{12,}\b/g, '***')
  }

  const keyPair = async (): Promise<S3Credentials> => {
    const pair = await keyPairOf(settings, scrub)
    for (const secret of [pair.accessKeyId, pair.secretAccessKey, pair.sessionToken]) remember(secrets, secret)
    return { ...pair }
  }

  const config = (): S3ClientConfig => ({
    // a server of one's own has no regions, as a rule, but a signature needs one
    ...((settings.region ?? settings.endpoint) !== undefined && { region: settings.region ?? 'us-east-1' }),
    ...(settings.endpoint !== undefined && { endpoint: settings.endpoint }),
    ...(settings.credentials !== undefined && { credentials: keyPair }),
    forcePathStyle: settings.pathStyle,
    followRegionRedirects: true,
    maxAttempts: settings.maxAttempts,
    retryMode: 'standard',
    requestChecksumCalculation: settings.checksums === 'when-required' ? 'WHEN_REQUIRED' : 'WHEN_SUPPORTED',
    // every byte is verified by its sha256 where it is used
    responseChecksumValidation: 'WHEN_REQUIRED',
    // would cost a new connection for every part
    expectContinueHeader: false,
    requestHandler: handler ?? { connectionTimeout: settings.connectTimeout, socketTimeout: settings.idleTimeout },
  })

  const open = async (): Promise<{ readonly module: Sdk; readonly client: S3Client; readonly generation: number }> => {
    sdk ??= import('@aws-sdk/client-s3').catch((error: unknown): never => {
      sdk = undefined
      throw missingSdk(error)
    })
    const module = await sdk
    client ??= given ?? new module.S3Client(config())
    handler ??= client.config.requestHandler
    await client.config.region().catch((error: unknown): never => {
      throw new PersistablesError('STORE_FAILED', `The store "${store}" is not told which region the bucket ${bucket} is in.`, {
        fix: 'Pass region, or set AWS_REGION.',
        details: { store, bucket },
        cause: error,
      })
    })
    return { module, client, generation }
  }

  const renew = (used: number): void => {
    // others may have met the same expired credentials, and one renewal serves all
    if (used !== generation) return
    generation++
    client = undefined
  }

  return {
    async call(operation, input, { doing, signal }) {
      const request = { store, doing, bucket, key: 'Key' in input ? String(input.Key) : settings.prefix, operation }
      let renewed = false
      for (let attempt = 1; ; attempt++) {
        signal?.throwIfAborted()
        const way = await open()
        try {
          return await send(way, operation, { ...input, Bucket: bucket }, signal)
        } catch (error) {
          if (signal?.aborted) throw signal.reason
          if (isPersistablesError(error)) throw error
          const fault = s3Fault(error, scrub)
          // an answer to HEAD has no body, so that its status is all there is to go by
          const expired = EXPIRED.has(fault.error) || (operation === 'HeadObject' && fault.status === 400)
          if (expired && !renewed && given === undefined && typeof settings.credentials !== 'object') {
            renewed = true
            renew(way.generation)
          } else if (MANGLED.has(fault.error) && attempt < settings.maxAttempts) {
            await wait(Math.random() * 50 * 2 ** attempt, undefined, signal && { signal }).catch(() => undefined)
          } else throw s3Failure(request, fault)
        }
      }
    },
    // servers tell their time in whole seconds, and the offset is reckoned from there
    now: () => Date.now() + (client?.config.systemClockOffset ?? 0) + 1000,
    close() {
      if (given === undefined) client?.destroy()
      client = undefined
      handler = undefined
    },
  }
}

async function send<N extends keyof Operations>(
  { module, client }: { readonly module: Sdk; readonly client: S3Client },
  operation: N,
  input: Operations[N]['input'],
  signal: AbortSignal | undefined,
): Promise<Operations[N]['output']> {
  const Command = module[`${operation}Command`] as unknown as new (input: object) => Parameters<S3Client['send']>[0]
  return (await client.send(new Command(input), signal === undefined ? {} : { abortSignal: signal })) as Operations[N]['output']
}

async function keyPairOf({ name, credentials }: S3Settings, scrub: (text: string) => string): Promise<S3Credentials> {
  if (typeof credentials === 'object') return credentials
  let pair: unknown
  try {
    pair = await credentials?.()
  } catch (error) {
    const { error: kind, message } = s3Fault(error, scrub)
    throw new PersistablesError('STORE_FAILED', `The credentials of the store "${name}" could not be had: ${message}.`, {
      fix: 'See why the function that was passed as credentials failed.',
      details: { store: name, error: kind },
      cause: Object.assign(new Error(message), { name: kind }),
    })
  }
  if (isKeyPair(pair)) return pair
  throw new PersistablesError('INVALID_OPTION', `The function passed as credentials of the store "${name}" gave no key pair.`, {
    fix: 'It must give { accessKeyId, secretAccessKey }, with sessionToken and expiration where they are temporary.',
    details: { store: name, option: 'credentials' },
  })
}

function remember(secrets: Set<string>, secret: string | undefined): void {
  // shorter ones would blot out common words
  if (secret !== undefined && secret.length >= 8) secrets.add(secret)
}

function missingSdk(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code !== 'MODULE_NOT_FOUND' && code !== 'ERR_MODULE_NOT_FOUND') return error
  return new PersistablesError('MISSING_DEPENDENCY', 'S3 needs a package that is not installed.', {
    fix: 'Run `npm install @aws-sdk/client-s3`.',
    details: { packages: ['@aws-sdk/client-s3'] },
    cause: error,
  })
}
