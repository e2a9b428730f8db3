export interface Random {
  /** A number in [0, 1). */
  (): number
  /** A whole number in [0, below). */
  int(below: number): number
  /** One of the items, of which there must be one. */
  pick<T>(items: readonly T[]): T
  bytes(length: number): Uint8Array
  /** What the sequence began with: `SEED=<seed>` repeats it. Pass it to fast-check as well. */
  readonly seed: number
}

/** Random numbers (mulberry32) that are always the same for a seed; tests that want theirs printed use `seededRandom` of tests/support.ts. */
export const seededNumbers = (seed: number): Random => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (below: number): number => Math.floor(next() * below)
  return Object.assign(next, {
    int,
    pick: <T>(items: readonly T[]): T => items[int(items.length)] as T,
    bytes: (length: number): Uint8Array =>
      new Uint8Array(Uint32Array.from({ length: Math.ceil(length / 4) }, () => next() * 2 ** 32).buffer, 0, length),
    seed,
  })
}
