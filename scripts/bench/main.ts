// npm run bench [-- --quick] [-- --only <part of a name>]… [-- --out <file>]: what the registry costs over what one would write by hand.
// Every figure is a ratio to a bare counterpart, measured in turn with it. Prints a table and writes its figures as JSON.
import { writeFile } from 'node:fs/promises'
import { relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { BENCHMARKS } from './cases'
import { ended, usage } from './command'
import { facts } from './facts'
import { BENCH_JSON, PART_JSON, type Run } from './results'
import { run } from './run'
import { tableOf } from './table'

const HELP = `npm run bench -- [--quick] [--only <part of a name>]… [--out <file>] [--list]

A whole run, of 20 minutes at most, writes ${relative('.', BENCH_JSON)}; with --quick (2 minutes) or --only ${relative('.', PART_JSON)}, unless --out says otherwise.

${BENCHMARKS.map(({ name, says }) => `  ${name}\n      ${says}`).join('\n')}`

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      out: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const { quick, only } = values
  if (values.list || values.help) return console.log(HELP)
  const unknown = only.find((part) => !BENCHMARKS.some(({ name }) => name.includes(part)))
  if (unknown !== undefined) throw usage(`There is no benchmark like "${unknown}".`, 'npm run bench -- --list shows all of them.')
  const chosen = BENCHMARKS.filter(({ name }) => only.length === 0 || only.some((part) => name.includes(part)))
  // What is checked in stays that of a whole run.
  const out = resolve(values.out ?? (quick || only.length > 0 ? PART_JSON : BENCH_JSON))
  const start = performance.now()
  const write = (figures: Run['figures']) => writeFile(out, `${JSON.stringify({ quick, ...facts(), figures } satisfies Run, null, 2)}\n`)
  // As it goes, so that a run that is cut off leaves what it measured; but never a part in the place of a whole run.
  const onResult = out === BENCH_JSON ? undefined : write
  const figures = await run(chosen, { quick, onProgress: (line) => console.error(line), ...(onResult && { onResult }) })
  await write(figures)
  console.log(tableOf(figures))
  console.log(`${Math.round((performance.now() - start) / 1000)} s; written to ${relative('.', out)}.`)
  if (figures.some((figure) => 'failed' in figure)) process.exitCode = 1
}

main().catch(ended)
