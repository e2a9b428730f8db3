// npm run bench:profile -- <save | load | write | read | verify> [--postgresql] [--times <number>]: where the time goes, by node's own profiler.
// Prints the functions with the most time of their own, and keeps the profile for a flame graph: Chrome's DevTools (Performance, load profile) and speedscope show it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { migrate } from '../../src/migrate'
import { ROOT } from '../prisma-cli'
import { requireBuild } from './child'
import { ended, usage } from './command'
import { createDatabase, stopServers } from './registry'

const TIMES = { save: 3000, load: 5000, write: 500, read: 1000, verify: 3 }
const SHOWN = 25

interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { functionName: string; url: string; lineNumber: number } }[]
  readonly samples: readonly number[]
  /** microseconds before each sample */
  readonly timeDeltas: readonly number[]
}

const main = async (): Promise<void> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { postgresql: { type: 'boolean', default: false }, times: { type: 'string' } },
  })
  const [work = ''] = positionals
  if (!Object.hasOwn(TIMES, work)) throw usage(`There is no work "${work}".`, `npm run bench:profile -- ${Object.keys(TIMES).join(' | ')}`)
  requireBuild()
  const folder = await mkdtemp(join(tmpdir(), 'persistables-profile-'))
  const file = join(ROOT, `${work}.cpuprofile`)
  try {
    const url = values.postgresql ? await createDatabase() : `file:${join(folder, 'registry.db')}`
    if (values.postgresql) await migrate(url, { logger: { warn: () => {} } })
    const times = values.times ?? String(TIMES[work as keyof typeof TIMES])
    const args = [
      '--cpu-prof',
      '--cpu-prof-dir',
      ROOT,
      '--cpu-prof-name',
      `${work}.cpuprofile`,
      join(__dirname, 'children', 'profile.mjs'),
      work,
      times,
      url,
    ]
    const [code] = (await once(spawn(process.execPath, [...args, join(folder, 'files')], { stdio: 'inherit' }), 'close')) as [number | null]
    if (code !== 0) throw new Error(`the profiled process ended with ${String(code)}`)
    for (const line of longest(JSON.parse(await readFile(file, 'utf8')) as Profile)) console.log(line)
    console.log(`${relative('.', file)} is for a flame graph: Chrome's DevTools and speedscope open it.`)
  } finally {
    await stopServers()
    await rm(folder, { recursive: true, force: true })
  }
}

const longest = ({ nodes, samples, timeDeltas }: Profile): string[] => {
  const names = new Map(
    nodes.map(({ id, callFrame: at }) => [id, `${at.functionName || '(anonymous)'} ${at.url.replace(/^file:\/\//, '').replace(ROOT, '')}`]),
  )
  const own = new Map<string, number>()
  for (const [i, id] of samples.entries()) own.set(names.get(id) ?? '', (own.get(names.get(id) ?? '') ?? 0) + (timeDeltas[i] ?? 0))
  const total = [...own.values()].reduce((sum, time) => sum + time, 0)
  const shown = [...own].sort(([, a], [, b]) => b - a).slice(0, SHOWN)
  return shown.map(([name, time]) => `${((100 * time) / total).toFixed(1).padStart(5)} %  ${(time / 1000).toFixed(0).padStart(6)} ms  ${name}`)
}

main().catch(ended)
