/**
 * Memory for what is read block by block, the next one while one is looked at: new memory for each block, or the same two in turn, which is several times faster
 * on machines where new memory has to be fetched first. No block may be longer than the first one.
 */
export function blockMemory(reuse: boolean): (length: number) => Uint8Array {
  const pair: Uint8Array[] = []
  return (length) => {
    const used = reuse && pair.length === 2 ? pair.shift() : undefined
    // not pooled: who gets it may keep it or write into it
    const block = used ?? Buffer.allocUnsafeSlow(length)
    if (reuse) pair.push(block)
    return new Uint8Array(block.buffer, 0, length)
  }
}

/** Blocks as one, which of a single block is itself, unless it is a part of something larger that would stay in memory with it. */
export function joined(blocks: readonly Uint8Array[], size: number): Uint8Array {
  const [only] = blocks
  if (blocks.length === 1 && only?.length === size && only.buffer.byteLength === size) return only
  const whole = new Uint8Array(size)
  let at = 0
  for (const block of blocks) {
    whole.set(block, at)
    at += block.length
  }
  return whole
}
