import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { artifact, bytes, diskStore, openRepository, persistable } from '../../src'
import { work } from './child'

export interface LargeTask {
  readonly folder: string
  /** bytes of the artifact */
  readonly size: number
  /** keep it in a second store too, which takes it out of the first */
  readonly twice?: boolean
}

export interface LargeAnswer {
  readonly failed?: string
  /** what was saved, and what came back */
  readonly saved: string
  readonly read: string
  readonly recorded: string | undefined
  readonly size: number
  /** MB by which the peak of the process's memory grew, since before any save */
  readonly saveGrowth: number
  readonly growth: number
  readonly saveSeconds: number
  readonly readSeconds: number
}

class Once extends persistable('Once', { artifacts: { big: artifact(bytes().to('disk')) } }) {}
class Twice extends persistable('Twice', { artifacts: { big: artifact(bytes().to('disk'), bytes().to('backup')) } }) {}

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

work(async ({ folder, size, twice = false }: LargeTask, ready) => {
  const Type = twice ? Twice : Once
  const stores = [diskStore(`${folder}/disk`), diskStore(`${folder}/backup`, { name: 'backup' })]
  await using repo = await openRepository({ url: `file:${folder}/registry.db`, types: [Once, Twice], stores })
  const roundTrip = async (name: string, length: number) => {
    const hash = createHash('sha256')
    let start = performance.now()
    const source = Readable.from(blocks(length, (block) => void hash.update(block)))
    const saved = await repo.save(new Type({ name, artifacts: { big: source } }))
    const saveSeconds = (performance.now() - start) / 1000
    const afterSave = peak()
    start = performance.now()
    const back = createHash('sha256')
    let count = 0
    for await (const chunk of (await repo.load(Type, name)).stream('big')) {
      back.update(chunk)
      count += chunk.length
    }
    const recorded = saved.filepaths['big']?.['disk_bytes']?.digest
    return {
      saved: hash.digest('hex'),
      read: back.digest('hex'),
      recorded,
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
  return { ...answer, saveGrowth: afterSave - before, growth: peak() - before } satisfies LargeAnswer
})
