import { s3Store } from '../src/s3'
import { storeContract } from '../src/testing'
import { startFauxqs } from './fauxqs'
import { type Conditions, type S3Server, startS3Server } from './s3-server'

const CREDENTIALS = { accessKeyId: 'AKIATESTTESTTEST', secretAccessKey: 'secret-of-the-test' }
let prefixes = 0

describe('contract, on fauxqs', () => {
  let server: Awaited<ReturnType<typeof startFauxqs>>
  beforeAll(async () => {
    server = await startFauxqs()
  })
  afterAll(() => server.stop())
  for (const checksums of ['when-supported', 'when-required'] as const) {
    describe(checksums, () => {
      const create = () =>
        s3Store({ bucket: 'models', prefix: `p${++prefixes}`, endpoint: server.url, credentials: CREDENTIALS, checksums, partSize: 5 << 20 })
      storeContract({ test, create, destroy: (store) => store.close?.() })
    })
  }
})

describe('contract, on the strict server', () => {
  let server: S3Server
  beforeAll(async () => {
    server = await startS3Server({ page: 3 })
  })
  afterAll(() => server.close())
  const ways: readonly [Conditions, 'when-supported' | 'when-required'][] = [
    ['kept', 'when-supported'],
    ['conflict', 'when-supported'],
    ['unsupported', 'when-supported'],
    ['ignored', 'when-supported'],
    ['kept', 'when-required'],
  ]
  for (const [conditions, checksums] of ways) {
    describe(`${checksums}, conditions ${conditions}`, () => {
      const create = () => {
        server.bucket.conditions = conditions
        return s3Store({ bucket: 'models', prefix: `p${++prefixes}`, endpoint: server.url, credentials: CREDENTIALS, checksums })
      }
      storeContract({ test, create, destroy: (store) => store.close?.() })
    })
  }
})
