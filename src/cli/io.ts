/** A stream that a command writes to. */
export type Out = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number }

/** The world of a command: nothing else of the process is looked at, so that tests can give their own. */
export interface Io {
  /** absolute */
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: Out
  readonly stderr: Out
  /** where answers come from; without one nothing is asked */
  readonly stdin?: NodeJS.ReadableStream & { readonly isTTY?: boolean }
}

/** Whoever read our output has stopped reading: the work is over, and nothing is wrong. */
export class ReaderGone extends Error {}

const GONE = ['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END']

/** Writes, and waits until it is written. Throws {@link ReaderGone} when nobody reads any more. */
export function write(stream: Out, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => {
      if (error === null || error === undefined) resolve()
      else reject(GONE.includes((error as NodeJS.ErrnoException).code ?? '') ? new ReaderGone() : error)
    })
  })
}
