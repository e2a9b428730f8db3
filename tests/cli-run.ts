import { Writable } from 'node:stream'
import { main } from '../src/cli/program'

/** What a command answered. */
export interface Answer {
  readonly code: number
  readonly out: string
  readonly bytes: Buffer
  readonly err: string
  /** stdout as one JSON document */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it
  readonly json: () => any
  /** the error of `--json`, on the last line of stderr */
  readonly error: () => { code: string; message: string; fix: string | null; details: unknown }
}

export interface Given {
  readonly cwd: string
  readonly env?: Record<string, string>
  /** whether stdout and stderr are terminals */
  readonly tty?: boolean
  /** stdout fails as a pipe does that nobody reads, after so many bytes */
  readonly leaveAfter?: number
}

class Capture extends Writable {
  readonly chunks: Buffer[] = []
  readonly isTTY: boolean
  readonly #leaveAfter: number
  #seen = 0

  constructor({ tty = false, leaveAfter = Number.POSITIVE_INFINITY }: Partial<Given>) {
    super()
    this.isTTY = tty
    this.#leaveAfter = leaveAfter
  }

  override _write(chunk: Buffer, _: string, done: (error?: Error) => void): void {
    this.#seen += chunk.length
    const left = this.#seen > this.#leaveAfter
    if (!left) this.chunks.push(Buffer.from(chunk))
    done(left ? Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }) : undefined)
  }
}

/** Runs a command line in this process. */
export async function persistables(given: Given, ...argv: string[]): Promise<Answer> {
  const stdout = new Capture(given)
  const stderr = new Capture({ tty: given.tty ?? false })
  const code = await main(argv, { cwd: given.cwd, env: given.env ?? {}, stdout, stderr })
  const bytes = Buffer.concat(stdout.chunks)
  const err = Buffer.concat(stderr.chunks).toString()
  return {
    code,
    out: bytes.toString(),
    bytes,
    err,
    json: () => JSON.parse(bytes.toString()),
    error: () => JSON.parse(err.trim().split('\n').at(-1) ?? '').error,
  }
}
