// npm run bench [-- --quick] [-- --only <name>] [-- --out <file>]: what the registry costs over what one would write by hand.
// Every figure is a ratio to a bare counterpart, timed in turn with it in the same process. Prints a table and writes bench.json.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT } from '../prisma-cli'
import { benchmarks as artifacts } from './artifacts'
import { benchmarks as contention } from './contention'
import { facts } from './facts'
import { type Bench, type Benchmark, CannotMeasure, type Figure, type Missing } from './figure'
import { benchmarks as hash } from './hash'
import { benchmarks as load } from './load'
import { stopServers } from './registry'
import { benchmarks as save } from './save'
import { benchmarks as saveMany } from './save-many'
import { benchmarks as scale } from './scale'
import { tableOf } from './table'

// One line per group's file.
const BENCHMARKS: readonly Benchmark[] = [...save, ...load, ...saveMany, ...hash, ...artifacts, ...contention, ...scale]

const HELP = `npm run bench -- [--quick] [--only <part of a name>]… [--out <file>] [--list]

${BENCHMARKS.map(({ name, says }) => `  ${name}\n      ${says}`).join('\n')}`

const benchOf = (quick: boolean, whole?: Bench): { readonly bench: Bench; readonly end: () => Promise<void> } => {
  const free: (() => unknown)[] = []
  const bench: Bench = {
    quick,
    get whole() {
      return whole ?? bench
    },
    after: (work) => void free.push(work),
    async folder() {
      const path = await mkdtemp(join(tmpdir(), 'persistables-bench-'))
      free.push(() => rm(path, { recursive: true, force: true }))
      return path
    },
  }
  const end = async (): Promise<void> => {
    for (const work of free.splice(0).reverse()) await work()
  }
  return { bench, end }
}

const measure = async ({ run, ...told }: Benchmark, whole: Bench): Promise<Figure | Missing> => {
  const { bench, end } = benchOf(whole.quick, whole)
  try {
    return { ...told, ...(await run(bench)) }
  } catch (error) {
    if (!(error instanceof CannotMeasure)) throw error
    return { name: told.name, says: told.says, missing: error.message }
  } finally {
    await end()
  }
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      out: { type: 'string', default: join(ROOT, 'bench.json') },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.list || values.help) {
    console.log(HELP)
    return
  }
  const chosen = BENCHMARKS.filter(({ name }) => values.only.length === 0 || values.only.some((part) => name.includes(part)))
  if (chosen.length === 0)
    throw new Error(`There is no benchmark like ${values.only.join(', ')}. There are ${BENCHMARKS.map(({ name }) => name).join(', ')}.`)

  const results: (Figure | Missing)[] = []
  const { bench: whole, end } = benchOf(values.quick)
  try {
    for (const benchmark of chosen) {
      console.error(`${benchmark.name}: ${benchmark.says}`)
      results.push(await measure(benchmark, whole))
    }
  } finally {
    await end()
    await stopServers()
  }
  await writeFile(resolve(values.out), `${JSON.stringify({ quick: values.quick, ...facts(), figures: results }, null, 2)}\n`)
  console.log(tableOf(results))
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error)
  process.exitCode = 1
})
