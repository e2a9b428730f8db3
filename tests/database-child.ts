import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Migration } from '../src/migrate'

export interface ChildTask {
  readonly verb: 'open' | 'read' | 'migrate'
  readonly url: string
  /** a migration after the real ones */
  readonly extra?: Migration
  /** the step of the migration at which the child kills itself */
  readonly killAt?: string
  /** run as this unprivileged user */
  readonly user?: number
  /** the child's folder for temporary files */
  readonly temporary?: string
}

export interface ChildAnswer {
  readonly applied?: readonly string[]
  readonly rows?: number
  readonly blobs?: number
  readonly readOnly?: boolean
  readonly code?: string
  readonly error?: string
  readonly message?: string
  readonly warnings: readonly string[]
}

const start = ({ verb, user, ...task }: ChildTask, wait: boolean): ChildProcess =>
  spawn(process.execPath, [join(__dirname, 'children', 'database.cjs'), verb, JSON.stringify({ ...task, wait })], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // Not the whole environment: an unprivileged child must not meet folders of the caller.
    env: { PATH: process.env['PATH'] },
    ...(user !== undefined && { uid: user, gid: user }),
  })

const finish = async (child: ChildProcess, lines: readonly string[]): Promise<ChildAnswer | NodeJS.Signals> => {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
  return child.signalCode ?? (JSON.parse(lines.at(-1) ?? 'null') as ChildAnswer)
}

const linesOf = (child: ChildProcess): string[] => {
  const lines: string[] = []
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => lines.push(line))
  return lines
}

/** Runs one child: what it answered, or the signal that ended it. */
export const runChild = async (task: ChildTask): Promise<ChildAnswer | NodeJS.Signals> => {
  const child = start(task, false)
  const lines = linesOf(child)
  await once(child, 'close')
  return finish(child, lines)
}

/** Runs children that all begin when the last of them is ready. */
export const runTogether = async (tasks: readonly ChildTask[]): Promise<(ChildAnswer | NodeJS.Signals)[]> => {
  const children = tasks.map((task) => start(task, true))
  const closed = children.map((child) => once(child, 'close'))
  const lines = children.map(linesOf)
  await Promise.all(children.map((child, i) => Promise.race([once(child.stdout as NodeJS.ReadableStream, 'data'), closed[i]])))
  for (const child of children) child.stdin?.end()
  await Promise.all(closed)
  return Promise.all(children.map((child, i) => finish(child, lines[i] ?? [])))
}
