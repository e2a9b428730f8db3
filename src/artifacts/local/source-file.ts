import { constants } from 'node:fs'
import { blockMemory } from '../blocks'
import { changedPath, unreadablePath } from './failure'
import { fs } from './file-system'

const BLOCK = 1 << 20

/** What tells a file from another one and from itself after a change. */
export interface Stamp {
  readonly dev: bigint
  readonly ino: bigint
  readonly size: bigint
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
}

/** Whether nothing was done to a file between two looks at it. */
export function sameStamp(a: Stamp, b: Stamp): boolean {
  return a.dev === b.dev && a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs
}

/** Options of {@link readUnchanged}. */
export interface ReadUnchanged {
  /** what reads, for messages */
  readonly serializer: string
  /** what the file was when it was found */
  readonly stamp: Stamp
  /** whether the path itself may be a symbolic link */
  readonly follow: boolean
  /** whether a block's memory is used again when the one after it is asked for. @defaultValue false */
  readonly reuse?: boolean | undefined
}

/**
 * The bytes of a file; the next block is on its way while one is looked at. Throws `INVALID_ARTIFACT` when it is not the file that was found, or is written to, cut or
 * replaced before its end was read.
 */
export async function* readUnchanged(
  path: string,
  { serializer, stamp, follow, reuse = false }: ReadUnchanged,
): AsyncGenerator<Uint8Array, void, undefined> {
  // a pipe that took the file's place must not keep us waiting for its writer
  const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (follow ? 0 : (constants.O_NOFOLLOW ?? 0))
  const fd = await fs.open(path, flags).catch((error: unknown) => {
    throw unreadablePath(serializer, path, error)
  })
  const unchanged = async (): Promise<void> => {
    if (!sameStamp(stamp, await fs.fstat(fd, { bigint: true }))) throw changedPath(serializer, path, 'it is not as it was when the save began')
  }
  const size = Number(stamp.size)
  const memory = blockMemory(reuse)
  const read = (at: number): Promise<Uint8Array> | null => {
    if (at >= size) return null
    const length = Math.min(BLOCK, size - at)
    const block = memory(length)
    const filled = fs.read(fd, block, 0, length, at).then(({ bytesRead }) => block.subarray(0, bytesRead))
    filled.catch(() => undefined)
    return filled
  }
  let coming: Promise<Uint8Array> | null = null
  try {
    await unchanged()
    coming = read(0)
    for (let at = 0; coming !== null; ) {
      const block = await coming
      coming = null
      if (block.length === 0) throw changedPath(serializer, path, `it ended after ${at} of ${size} bytes`)
      at += block.length
      coming = read(at)
      // what is handed on last is handed on when all of it is known to be right
      if (coming === null) await unchanged()
      yield block
    }
  } catch (error) {
    throw unreadablePath(serializer, path, error)
  } finally {
    // the descriptor may be another file's as soon as it is closed
    await coming?.catch(() => undefined)
    await fs.close(fd)
  }
}
