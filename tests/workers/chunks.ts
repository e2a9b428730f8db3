import { createHash } from 'node:crypto'
import { databaseStore, openRepository, type Store } from '../../src'
import { work } from './child'
import { bigOf } from './models'

export interface ChunksTask {
  readonly url: string
  readonly worker: number
  readonly rounds: number
  readonly size: number
  /** one blob, written and read once */
  readonly large?: boolean
}

export interface ChunksAnswer {
  readonly failed?: string
  /** reads that gave other bytes than were written */
  readonly wrong: number
  /** MB by which the peak of the process's memory grew */
  readonly growth: number
  readonly seconds: number
}

const peak = (): number => process.resourceUsage().maxRSS / 1000

work(async ({ url, worker, rounds, size, large = false }: ChunksTask, ready) => {
  await using repo = await openRepository({ url, stores: [databaseStore()] })
  const store = repo.stores.get('database') as Store
  const blobOf = async (seed: number, length: number) => {
    const hash = createHash('sha256')
    for await (const piece of bigOf(seed, length)) hash.update(piece)
    return { digest: hash.digest('hex'), size: length }
  }
  let wrong = 0
  const roundTrip = async (seed: number, length: number) => {
    const blob = await blobOf(seed, length)
    await store.put(blob, () => bigOf(seed, length))
    const hash = createHash('sha256')
    for await (const chunk of store.get(blob)) hash.update(chunk)
    if (hash.digest('hex') !== blob.digest) wrong++
    return blob
  }
  await roundTrip(0, 1000)
  await ready()
  const before = peak()
  const start = performance.now()
  for (let round = 0; round < rounds; round++) {
    // One that all workers write and replace, and one of its own.
    const shared = await roundTrip(large ? 7 : 1, size)
    if (large) continue
    if (round % 2 === worker % 2) await store.replace?.(shared, () => bigOf(1, size))
    await roundTrip(1000 + worker, size)
  }
  return { wrong, growth: peak() - before, seconds: (performance.now() - start) / 1000 } satisfies ChunksAnswer
})
