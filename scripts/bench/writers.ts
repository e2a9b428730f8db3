import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { requireBuild } from './child'
import type { Bench } from './figure'

/** Processes that save at once. */
export const WRITERS = 8

/** What a writer is told to do: so many versions of one name. */
export interface Order {
  readonly name: string
  /** by the loop that one would write by hand, instead of save() */
  readonly loop?: boolean
  readonly saves: number
}

type Answer = { readonly took: readonly number[] } | { readonly error: string } | { readonly ready: true }

/** What a writer answers to what it was told: milliseconds of each save. */
export const answerOf = async (writer: ChildProcess): Promise<readonly number[]> => {
  const answered = new AbortController()
  const { signal } = answered
  const [answer] = (await Promise.race([
    once(writer, 'message', { signal }),
    once(writer, 'exit', { signal }).then(([code]) => [{ error: `a writer ended with ${String(code)}` }]),
  ]).finally(() => answered.abort())) as [Answer]
  if ('error' in answer) throw new Error(answer.error)
  return 'took' in answer ? answer.took : []
}

/** Starts the writers of a registry, each a process with a repository of its own; they end with the benchmark. */
export const begin = async (url: string, bench: Bench): Promise<readonly ChildProcess[]> => {
  requireBuild()
  // Without the arguments of ts-node, that run this process.
  const writers = Array.from({ length: WRITERS }, () => fork(join(__dirname, 'children', 'writer.mjs'), [url], { execArgv: [] }))
  bench.after(() =>
    Promise.all(
      writers.map(async (writer) => {
        if (writer.exitCode !== null || writer.signalCode !== null) return
        const ended = once(writer, 'exit')
        if (writer.connected) writer.disconnect()
        await ended
      }),
    ),
  )
  await Promise.all(writers.map(answerOf))
  return writers
}
