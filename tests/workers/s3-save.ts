import { artifact, bytes, openRepository, persistable } from '../../src'
import { s3Store } from '../../src/s3'
import { describe, work } from './child'

export interface S3SaveTask {
  readonly url: string
  readonly endpoint: string
  readonly worker: number
  readonly size: number
  /** milliseconds of silence that are borne. @defaultValue 5000 */
  readonly patience?: number
}

export interface S3SaveAnswer {
  readonly failed?: string
  readonly versions: readonly number[]
}

class Remote extends persistable('Remote', { artifacts: { weights: artifact(bytes().to('s3')) } }) {}

work(async ({ url, endpoint, size, patience = 5000 }: S3SaveTask, ready) => {
  const credentials = { accessKeyId: 'AKIATESTTESTTEST', secretAccessKey: 'secret-of-the-test' }
  const store = s3Store({ bucket: 'models', prefix: 'team/a', endpoint, credentials, partSize: 5 << 20, timeouts: { idle: patience } })
  await using repo = await openRepository({ url, types: [Remote], stores: [store] })
  await ready()
  try {
    const versions: number[] = []
    for (const fill of [1, 2]) {
      const saved = await repo.save(new Remote({ name: 'shared', artifacts: { weights: new Uint8Array(size).fill(fill) } }))
      versions.push(saved.version)
    }
    return { versions }
  } catch (error) {
    return { failed: describe(error), versions: [] }
  } finally {
    await store.close?.()
  }
})
