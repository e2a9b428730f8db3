import { constants } from 'node:fs'
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
}

/**
 * The bytes of a file. Throws `INVALID_ARTIFACT` when it is not the file that was found, or is written to, cut or replaced before its end was read.
 */
export async function* readUnchanged(path: string, { serializer, stamp, follow }: ReadUnchanged): AsyncGenerator<Uint8Array, void, undefined> {
  // a pipe that took the file's place must not keep us waiting for its writer
  const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (follow ? 0 : (constants.O_NOFOLLOW ?? 0))
  const fd = await fs.open(path, flags).catch((error: unknown) => {
    throw unreadablePath(serializer, path, error)
  })
  const unchanged = async (): Promise<void> => {
    if (!sameStamp(stamp, await fs.fstat(fd, { bigint: true }))) throw changedPath(serializer, path, 'it is not as it was when the save began')
  }
  try {
    await unchanged()
    for (let at = 0n; at < stamp.size; ) {
      const block = Buffer.allocUnsafeSlow(Number(stamp.size - at < BLOCK ? stamp.size - at : BigInt(BLOCK)))
      const { bytesRead } = await fs.read(fd, block, 0, block.length, Number(at))
      if (bytesRead === 0) throw changedPath(serializer, path, `it ended after ${at} of ${stamp.size} bytes`)
      at += BigInt(bytesRead)
      // what is handed on last is handed on when all of it is known to be right
      if (at === stamp.size) await unchanged()
      yield block.subarray(0, bytesRead)
    }
  } catch (error) {
    throw unreadablePath(serializer, path, error)
  } finally {
    await fs.close(fd)
  }
}
