import { createHash } from 'node:crypto'
import { isPersistablesError, type PersistablesError, type Store } from '../src'
import type { Blob } from '../src/artifacts/store'
import { type S3StoreOptions, s3Store } from '../src/s3'
import { type S3Server, type ServerOptions, startS3Server } from './s3-server'

export const MIB: number = 1 << 20
export const CREDENTIALS = { accessKeyId: 'AKIATESTTESTTEST', secretAccessKey: 'secret-of-the-test', sessionToken: 'token-of-the-test' }

const open: { close?(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close?.()
})

/** A server of its own for one test, closed after it. */
export const serve = async (options?: ServerOptions): Promise<S3Server> => {
  const server = await startS3Server(options)
  open.push(server)
  return server
}

/** A store on a server: parts of 5 MiB, and little patience. */
export const storeOn = (server: Pick<S3Server, 'url'>, options: Partial<S3StoreOptions> = {}): Store => {
  const store = s3Store({
    bucket: 'models',
    prefix: 'team/a',
    partSize: 5 * MIB,
    ...(options.client === undefined && { endpoint: server.url, credentials: CREDENTIALS, timeouts: { connect: 2000, idle: 1000 } }),
    ...options,
  })
  open.unshift(store)
  return store
}

export const blobOf = (bytes: Uint8Array): Blob => ({ digest: createHash('sha256').update(bytes).digest('hex'), size: bytes.length })
export const keyOf = ({ digest }: Blob): string => `team/a/sha256/${digest.slice(0, 2)}/${digest.slice(2, 4)}/${digest.slice(4)}`

/** Bytes of which no two places are alike. */
export const patterned = (size: number): Uint8Array => {
  const words = new Uint32Array(Math.ceil(size / 4))
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i + 1, 0x9e3779b1)
  return new Uint8Array(words.buffer, 0, size)
}

export const pieces = (bytes: Uint8Array, size = 100_000): (() => AsyncIterable<Uint8Array>) =>
  async function* () {
    for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size)
  }

export const put = (store: Store, bytes: Uint8Array): Promise<void> => store.put(blobOf(bytes), pieces(bytes))

export const collect = async (source: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** The error of the package that it fails with. */
export const failure = async (work: Promise<unknown>): Promise<PersistablesError> => {
  const error = await work.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  )
  if (isPersistablesError(error)) return error
  throw error
}

/** What the server holds: keys of objects, and unfinished uploads. */
export const held = ({ bucket }: S3Server): { readonly objects: string[]; readonly uploads: number } => ({
  objects: [...bucket.objects.keys()].sort(),
  uploads: bucket.uploads.size,
})
