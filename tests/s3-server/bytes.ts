import { randomUUID } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'

/** Bytes that the server keeps: in memory, or in files of a folder. */
export interface Kept {
  readonly size: number
  read(start: number, end: number): AsyncIterable<Buffer>
}

/** Takes bytes as they come. */
export interface Sink {
  write(chunk: Buffer): Promise<void>
  end(): Promise<Kept>
}

const memorySink = (): Sink => {
  const chunks: Buffer[] = []
  return {
    write: async (chunk) => void chunks.push(chunk),
    end: async () => {
      const whole = Buffer.concat(chunks)
      return {
        size: whole.length,
        async *read(start, end) {
          for (let at = start; at < end; at += 65_536) yield whole.subarray(at, Math.min(at + 65_536, end))
        },
      }
    },
  }
}

const fileSink = async (folder: string): Promise<Sink> => {
  const path = join(folder, randomUUID())
  const file = await open(path, 'wx')
  let size = 0
  return {
    write: async (chunk) => {
      await file.write(chunk, 0, chunk.length, size)
      size += chunk.length
    },
    end: async () => {
      await file.close()
      return {
        size,
        async *read(start, end) {
          const reading = await open(path)
          try {
            for (let at = start; at < end; ) {
              const { bytesRead, buffer } = await reading.read(Buffer.alloc(Math.min(262_144, end - at)), 0, Math.min(262_144, end - at), at)
              if (bytesRead === 0) throw new Error(`${path} ends at ${at}`)
              at += bytesRead
              yield buffer.subarray(0, bytesRead)
            }
          } finally {
            await reading.close()
          }
        },
      }
    },
  }
}

/** A sink in a folder, or in memory. */
export const sinkOf = (folder: string | undefined): Promise<Sink> => (folder === undefined ? Promise.resolve(memorySink()) : fileSink(folder))

/** One after the other. */
export const joined = (pieces: readonly Kept[]): Kept => ({
  size: pieces.reduce((sum, { size }) => sum + size, 0),
  async *read(start, end) {
    let begins = 0
    for (const piece of pieces) {
      const [from, to] = [Math.max(start - begins, 0), Math.min(end - begins, piece.size)]
      if (from < to) yield* piece.read(from, to)
      begins += piece.size
    }
  },
})
