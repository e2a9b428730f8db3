import { setTimeout as pause } from 'node:timers/promises'
import type { Store, StoreBlob } from '../src'
import type { Random } from './support'

/** What a faulty store has done so far. */
export interface Faults {
  count: number
}

/**
 * A store that fails as places do: before an operation, after it was done, in the middle of a stream; that hands on a wrong or a short chunk; and that takes its
 * time, so that others come in between. Every fault is counted, slowness is not.
 *
 * @param share - of operations that go wrong
 */
export const faulty = (store: Store, random: Random, share: number, faults: Faults): Store => {
  const fault = (what: string): never => {
    faults.count++
    throw new Error(`fault: ${what}`)
  }
  const hits = (): boolean => random() < share
  const slow = async (): Promise<void> => {
    if (random() < 0.3) await pause(random.int(8))
  }
  const around = async <T>(what: string, run: () => Promise<T>): Promise<T> => {
    await slow()
    if (hits()) fault(`${what}, before`)
    const result = await run()
    if (hits()) fault(`${what}, after`)
    await slow()
    return result
  }
  async function* cut(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    const breaks = hits()
    for await (const chunk of source) {
      if (breaks) {
        yield chunk.subarray(0, chunk.length >> 1)
        fault('a source that breaks off')
      }
      yield chunk
    }
  }
  async function* spoiled(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    const how = hits() ? random.pick(['flip', 'short', 'throw'] as const) : null
    for await (const chunk of source) {
      if (how === null || chunk.length === 0) {
        yield chunk
        continue
      }
      if (how === 'throw') fault('get, in the middle')
      faults.count++
      if (how === 'short') {
        yield chunk.subarray(1)
        continue
      }
      const wrong = new Uint8Array(chunk)
      const at = random.int(wrong.length)
      wrong[at] = (wrong[at] as number) ^ (1 << random.int(8))
      yield wrong
    }
  }
  const wrapped = (under: Store): Store => ({
    ...under,
    put: (blob, source, options) => around('put', () => under.put(blob, () => cut(source()), options)),
    ...(under.replace !== undefined && {
      replace: (blob: StoreBlob, source: () => AsyncIterable<Uint8Array>) =>
        around('replace', () => under.replace?.(blob, () => cut(source())) ?? Promise.resolve()),
    }),
    get: (blob, options) => spoiled(under.get(blob, options)),
    size: (digest) => around('size', () => under.size(digest)),
    delete: (digest) => around('delete', () => under.delete(digest)),
    ...(under.bind !== undefined && {
      bind: (database: Parameters<NonNullable<Store['bind']>>[0]) => wrapped((under.bind as NonNullable<Store['bind']>)(database)),
    }),
  })
  return wrapped(store)
}
