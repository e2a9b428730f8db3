import type { Condition } from '../artifacts/intact'
import type { Blob } from '../artifacts/store'

/** What a run of verify has looked at. */
export interface Memory {
  /** the condition of a blob: as it was found, or as `look` finds it; who asks for one that is being looked at waits for that */
  of(store: string, blob: Blob, look: () => Promise<Condition>): Promise<Condition>
  /** replaces what is known of a blob */
  learn(store: string, blob: Blob, condition: Condition): void
  /** forgets all blobs, but not how many they were */
  clear(): void
  /** number of blobs looked at */
  readonly looked: number
}

/** Blobs that are remembered: about 40 MB of them. */
const MOST = 400_000
const MOST_DAMAGED = 10_000
const OK: Condition = { kind: 'ok' }

/**
 * Remembers blobs, so that each is read once however many rows refer to it. What is intact takes one short string; beyond 400,000 blobs the one that
 * was found first is forgotten, and read again if a later row refers to it.
 */
export function memoryOf(): Memory {
  const intact = new Set<string>()
  const damaged = new Map<string, Condition>()
  const looking = new Map<string, Promise<Condition>>()
  const numbers = new Map<string, number>()
  let looked = 0

  // One flat string of 40 characters: made of parts it would take three times as much.
  const scratch = Buffer.alloc(40)
  const key = (store: string, { digest, size }: Blob): string => {
    const number = numbers.get(store) ?? numbers.size
    numbers.set(store, number)
    scratch.writeUInt16BE(number, 0)
    scratch.writeUIntBE(size % 2 ** 48, 2, 6)
    scratch.write(digest, 8, 'hex')
    return scratch.toString('latin1')
  }
  const forgetFirst = (keys: Iterable<string>, forget: (first: string) => void): void => {
    for (const first of keys) {
      forget(first)
      return
    }
  }
  const learn = (at: string, condition: Condition): void => {
    if (condition.kind === 'ok') {
      damaged.delete(at)
      intact.add(at)
      if (intact.size > MOST) forgetFirst(intact, (first) => intact.delete(first))
      return
    }
    intact.delete(at)
    damaged.set(at, condition)
    if (damaged.size > MOST_DAMAGED) forgetFirst(damaged.keys(), (first) => damaged.delete(first))
  }

  return {
    get looked() {
      return looked
    },
    clear() {
      intact.clear()
      damaged.clear()
    },
    learn: (store, blob, condition) => learn(key(store, blob), condition),
    async of(store, blob, look) {
      const at = key(store, blob)
      if (intact.has(at)) return OK
      const known = damaged.get(at) ?? looking.get(at)
      if (known !== undefined) return known
      looked++
      const looks = look()
      looking.set(at, looks)
      try {
        const condition = await looks
        learn(at, condition)
        return condition
      } finally {
        looking.delete(at)
      }
    },
  }
}
