import { toS3InLittleMemory } from './s3-large'

test('1 GiB of bytes, and some, save to S3 and stream back in under 150 MB of memory', () => toS3InLittleMemory(2 ** 30 + 12_345), 900_000)
