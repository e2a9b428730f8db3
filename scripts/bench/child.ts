import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../prisma-cli'
import { paired } from './alternate'
import { CannotMeasure, type Comparison } from './figure'
import { median } from './stats'

/** What a process of `children/` says of itself. */
export interface Told {
  /** milliseconds that its work took */
  readonly ms: number
  /** the most memory that it ever held, the runtime's own included */
  readonly MiB: number
  /** by how much that rose during its work */
  readonly grown: number
}

/** Throws {@link CannotMeasure} where nothing is built. */
export const requireBuild = (): void => {
  if (!existsSync(join(ROOT, 'dist', 'index.mjs'))) throw new CannotMeasure('it runs the built package, and there is none: npm run build')
}

/** Runs one of `children/` on the built package, and gives what it says. Throws {@link CannotMeasure} where nothing is built. */
export const runChild = async (script: string, ...args: readonly string[]): Promise<Told> => {
  requireBuild()
  const child = spawn(process.execPath, [join(__dirname, 'children', script), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, error] = [collect(child.stdout), collect(child.stderr)]
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${script} ended with ${String(code)}: ${await error}`)
  return JSON.parse(await out) as Told
}

const collect = async (stream: NodeJS.ReadableStream): Promise<string> => {
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  return text
}

/** What processes of ours and of the bare counterpart told, round by round. */
export type Rounds = readonly { readonly ours: Told; readonly bare: Told }[]

/** Runs processes in turn, as `alternate` does; what the first `warmup` rounds say is thrown away. */
export const childRounds = async (
  count: { readonly rounds: number; readonly warmup: number },
  ours: () => Promise<Told>,
  bare: () => Promise<Told>,
): Promise<Rounds> => {
  const rounds: { ours: Told; bare: Told }[] = []
  for (let round = 0; round < count.warmup + count.rounds; round++) {
    if (round % 2 === 0) rounds.push({ ours: await ours(), bare: await bare() })
    else {
      const first = await bare()
      rounds.push({ ours: await ours(), bare: first })
    }
  }
  return rounds.slice(count.warmup)
}

/** What they say of time, or of memory. */
export const told = (unit: 'ms' | 'MiB', ours: string, bare: string, rounds: Rounds): Comparison => {
  const notes = {
    'ours grew by MiB': median(rounds.map((round) => round.ours.grown)),
    'bare grew by MiB': median(rounds.map((round) => round.bare.grown)),
  }
  const values = (of: 'ours' | 'bare'): number[] => rounds.map((round) => round[of][unit])
  return { ...paired(unit, { what: ours, values: values('ours') }, { what: bare, values: values('bare') }), ...(unit === 'MiB' && { notes }) }
}
