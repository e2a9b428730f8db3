import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** What a worker came to: the answer of its `work`, or the signal that ended it, with all that it said before. */
export interface Outcome<A> {
  readonly answer: A | undefined
  readonly signal: NodeJS.Signals | null
  readonly said: readonly unknown[]
}

/** A process of its own that runs `tests/workers/<name>.ts`. */
export interface Worker<A> {
  /** resolves when it has loaded everything and waits, or has ended */
  readonly ready: Promise<unknown>
  readonly done: Promise<Outcome<A>>
  /** lets it begin; whoever is not told waits for ever */
  go(): void
  kill(): void
}

const alive = new Set<ChildProcess>()
afterAll(() => {
  for (const child of alive) child.kill('SIGKILL')
})

/** Starts a worker; it begins its work at `go()`. */
export const startWorker = <A>(
  name: string,
  task: object,
  options: { readonly node?: readonly string[]; readonly onSaid?: (fact: unknown) => void } = {},
): Worker<A> => {
  const loader = join(__dirname, 'children', 'typescript.cjs')
  const script = join(__dirname, 'workers', `${name}.ts`)
  const child = spawn(process.execPath, [...(options.node ?? []), '-r', loader, script, JSON.stringify(task)], { stdio: ['pipe', 'pipe', 'inherit'] })
  alive.add(child)
  const closed = once(child, 'close')
  const said: { readonly ready?: true; readonly answer?: A }[] = []
  let began = (): void => {}
  const ready = new Promise<void>((resolve) => {
    began = resolve
  })
  createInterface({ input: child.stdout }).on('line', (line) => {
    // A line that a SIGKILL cut in half says nothing.
    if (!line.endsWith('}')) return
    said.push(JSON.parse(line) as object)
    if (said.at(-1)?.ready) began()
    options.onSaid?.(said.at(-1))
  })
  // A killed child's end of the pipe is gone.
  child.stdin.on('error', () => {})
  return {
    ready: Promise.race([ready, closed]),
    done: closed.then(() => {
      alive.delete(child)
      return { answer: said.find(({ answer }) => answer !== undefined)?.answer, signal: child.signalCode, said }
    }),
    go: () => child.stdin.end(),
    kill: () => child.kill('SIGKILL'),
  }
}

/** Runs one worker to its end. */
export const runWorker = async <A>(name: string, task: object, options: { readonly node?: readonly string[] } = {}): Promise<Outcome<A>> => {
  const worker = startWorker<A>(name, task, options)
  worker.go()
  return worker.done
}

/** Runs workers that all begin when the last of them is ready; every one must answer. */
export const runTogether = async <A>(
  name: string,
  tasks: readonly object[],
): Promise<{ readonly answers: readonly A[]; readonly seconds: number }> => {
  const workers = tasks.map((task) => startWorker<A>(name, task))
  await Promise.all(workers.map(({ ready }) => ready))
  const start = performance.now()
  for (const worker of workers) worker.go()
  const outcomes = await Promise.all(workers.map(({ done }) => done))
  const seconds = (performance.now() - start) / 1000
  return {
    answers: outcomes.map(({ answer, signal }, i) => {
      if (answer === undefined) throw new Error(`worker ${i} of ${name} ended without an answer (${String(signal)})`)
      return answer
    }),
    seconds,
  }
}

/** The value below which `share` of the numbers lie. */
export const quantile = (numbers: readonly number[], share: number): number => {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
