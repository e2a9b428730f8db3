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
