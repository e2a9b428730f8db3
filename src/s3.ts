export { s3Store } from './artifacts/stores/s3'
export type { S3Credentials, S3StoreOptions } from './artifacts/stores/s3-options'
