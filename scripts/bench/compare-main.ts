// npm run bench:compare -- <old.json> <new.json> [--json]: what became slower or faster between two runs, beyond noise.
import { parseArgs } from 'node:util'
import { ended, usage } from './command'
import { compare, textOf } from './compare'
import { readRun } from './results'

const main = async (): Promise<void> => {
  const { values, positionals } = parseArgs({ options: { json: { type: 'boolean', default: false } }, allowPositionals: true })
  const [before, after, ...more] = positionals
  if (before === undefined || after === undefined || more.length > 0)
    throw usage(`Two files are compared, and there are ${positionals.length}.`, 'Run npm run bench:compare -- old.json new.json.')
  const comparing = compare(readRun(before), readRun(after))
  console.log(values.json ? JSON.stringify(comparing, null, 2) : textOf(comparing))
}

main().catch(ended)
