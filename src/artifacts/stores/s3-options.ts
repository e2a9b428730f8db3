import type { S3Client } from '@aws-sdk/client-s3'

/** A key pair, and until when it holds. */
export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** of temporary credentials */
  readonly sessionToken?: string
  /** when they end; a function that gave them is asked again five minutes before. @defaultValue never */
  readonly expiration?: Date
}

/** Options of {@link s3Store}. */
export interface S3StoreOptions {
  /** must be there already: the store makes none */
  readonly bucket: string
  /** what patterns call the store. @defaultValue 's3' */
  readonly name?: string
  /** comes before every key, as a folder would: `team/models`. One registry each. @defaultValue the bucket's root */
  readonly prefix?: string
  /** @defaultValue what the environment or the profile says; `us-east-1` where an endpoint is given */
  readonly region?: string
  /** URL of a server that speaks S3. @defaultValue AWS */
  readonly endpoint?: string
  /** whether the bucket goes into the path rather than into the host name. @defaultValue true where an endpoint is given */
  readonly pathStyle?: boolean
  /** a key pair, or a function that gives one, called again before it expires and when the server says it has. @defaultValue environment, profile, role */
  readonly credentials?: S3Credentials | (() => Promise<S3Credentials>)
  /** e.g. `STANDARD_IA`, `INTELLIGENT_TIERING`. @defaultValue the bucket's */
  readonly storageClass?: string
  /** @defaultValue the bucket's */
  readonly serverSideEncryption?: 'AES256' | 'aws:kms' | 'aws:kms:dsse'
  /** the key of `aws:kms`. @defaultValue the account's */
  readonly kmsKeyId?: string
  /** 32 bytes that the server encrypts with and does not keep (SSE-C, https only); whoever reads must give the same */
  readonly customerKey?: Uint8Array
  /** bytes of a part of a large object, and the size up to which an object is sent in one request: 5 MiB to 1 GiB. @defaultValue 8 MiB */
  readonly partSize?: number
  /** parts of one object under way at once; `partSize * queue` bytes of memory are used for each. @defaultValue 4 */
  readonly queue?: number
  /** `when-required` sends Content-MD5 instead of CRC32: for servers without x-amz-checksum headers. @defaultValue 'when-supported' */
  readonly checksums?: 'when-supported' | 'when-required'
  /** tries of one request, with growing pauses; and of a read that breaks off without getting further. @defaultValue 5 */
  readonly maxAttempts?: number
  /** milliseconds until a connection must be there, and for which it may be silent. @defaultValue { connect: 10_000, idle: 60_000 } */
  readonly timeouts?: { readonly connect?: number; readonly idle?: number }
  /** a client of your own, which then brings region, endpoint, credentials, tries and time limits; it is not closed */
  readonly client?: S3Client
}
