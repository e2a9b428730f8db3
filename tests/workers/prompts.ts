import { PassThrough, Writable } from 'node:stream'
import { main } from '../../src/cli/program'
import { work } from './child'

export interface PromptsTask {
  readonly cwd: string
  readonly argv: readonly string[]
  /** what is typed when a text is on the screen, one after the other */
  readonly answers: readonly (readonly [text: string, keys: string])[]
  /** whether the two sides are terminals */
  readonly stdin: boolean
  readonly stdout: boolean
}

export interface PromptsAnswer {
  readonly failed?: string
  readonly code: number
  readonly out: string
  readonly err: string
  readonly left: number
}

work(async ({ cwd, argv, answers, stdin, stdout }: PromptsTask) => {
  const keys = Object.assign(new PassThrough(), { isTTY: stdin, setRawMode: () => {} })
  const left = [...answers]
  const screen = (isTTY: boolean, onText: (text: string) => void) =>
    Object.assign(
      new Writable({
        write(chunk: Buffer, _, done) {
          onText(chunk.toString())
          done()
        },
      }),
      { isTTY },
    )
  let [out, err] = ['', '']
  const user = (text: string): void => {
    out += text
    const [next] = left
    if (next === undefined || !text.includes(next[0])) return
    left.shift()
    // When whoever asks has done what it does in this turn.
    setImmediate(() => keys.write(next[1]))
  }
  const code = await main([...argv], { cwd, env: {}, stdin: keys, stdout: screen(stdout, user), stderr: screen(false, (text) => void (err += text)) })
  return { code, out, err, left: left.length } satisfies PromptsAnswer
})
