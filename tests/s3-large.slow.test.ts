import { toS3InLittleMemory } from './s3-large'

test('64 MiB of bytes, and some, save to S3 and stream back in under 150 MB of memory', () => toS3InLittleMemory(64 * 2 ** 20 + 12_345))
