import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { artifact, bytes, openRepository, persistable } from '../../src'
import { s3Store } from '../../src/s3'
import { work } from './child'

export interface S3LargeTask {
  readonly folder: string
  readonly endpoint: string
  /** bytes of the artifact */
  readonly size: number
}

export interface S3LargeAnswer {
  readonly failed?: string
  /** what was saved, and what came back */
  readonly saved: string
  readonly read: string
  readonly size: number
  /** MB by which the peak of the process's memory grew, since before any save */
  readonly saveGrowth: number
  readonly growth: number
  readonly saveSeconds: number
  readonly readSeconds: number
}

class Big extends persistable('Big', { artifacts: { big: artifact(bytes().to('s3')) } }) {}

const BLOCK = 1 << 16
const peak = (): number => process.resourceUsage().maxRSS / 1000

// No two blocks are equal; each is made anew, as a stream's own would be.
function* blocks(size: number, onBlock: (block: Uint8Array) => void): Generator<Uint8Array> {
  const pattern = createHash('sha256').update('pattern').digest()
  for (let at = 0; at < size; at += BLOCK) {
    const block = Buffer.alloc(Math.min(BLOCK, size - at), pattern)
    if (block.length >= 6) block.writeUIntBE(at, 0, 6)
    onBlock(block)
    yield block
  }
}

work(async ({ folder, endpoint, size }: S3LargeTask, ready) => {
  const store = s3Store({ bucket: 'models', endpoint, credentials: { accessKeyId: 'AKIATESTTESTTEST', secretAccessKey: 'secret-of-the-test' } })
  await using repo = await openRepository({ url: `file:${folder}/registry.db`, types: [Big], stores: [store] })
  const roundTrip = async (name: string, length: number) => {
    const hash = createHash('sha256')
    let start = performance.now()
    await repo.save(new Big({ name, artifacts: { big: Readable.from(blocks(length, (block) => void hash.update(block))) } }))
    const saveSeconds = (performance.now() - start) / 1000
    const afterSave = peak()
    start = performance.now()
    const back = createHash('sha256')
    let count = 0
    for await (const chunk of (await repo.load(Big, name)).stream('big')) {
      back.update(chunk)
      count += chunk.length
    }
    return {
      saved: hash.digest('hex'),
      read: back.digest('hex'),
      size: count,
      afterSave,
      saveSeconds,
      readSeconds: (performance.now() - start) / 1000,
    }
  }
  await ready()
  // What a first save loads and compiles is not what the bytes cost.
  await roundTrip('warm-up', 1000)
  const before = peak()
  const { afterSave, ...answer } = await roundTrip('large', size)
  await store.close?.()
  return { ...answer, saveGrowth: afterSave - before, growth: peak() - before } satisfies S3LargeAnswer
})
