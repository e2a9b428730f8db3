// npm run bench:generate [-- --types 20 --rounds 9]: what `prisma generate` takes with Prisma's own generator alone, with one besides that does nothing, and with
// the one of this package, in turns. The second is what Prisma itself adds for any generator that is a process of its own: starting Node, handing it the whole
// schema, and looking every 200 ms whether it has ended.
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { median } from '../bench/stats'
import { makeProject, type TypesProject } from './project'

const BAR = 0.15

const addEmptyGenerator = ({ folder, write }: TypesProject): void => {
  const path = 'node_modules/.bin/empty-generator'
  write(
    path,
    `#!/usr/bin/env node
const { generatorHandler } = require(${JSON.stringify(join(folder, 'node_modules/@prisma/generator-helper'))})
generatorHandler({ onManifest: () => ({ prettyName: 'empty', defaultOutput: '../empty' }), onGenerate: async () => {} })
`,
  )
  chmodSync(join(folder, path), 0o755)
  const schema = join(folder, 'prisma/schema.prisma')
  writeFileSync(schema, `${readFileSync(schema, 'utf8')}\ngenerator empty {\n  provider = "empty-generator"\n  output   = "../empty"\n}\n`)
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({ options: { types: { type: 'string' }, rounds: { type: 'string' } } })
  const [count, rounds] = [Number(values.types ?? 20), Number(values.rounds ?? 9)]
  const project = await makeProject(count)
  try {
    addEmptyGenerator(project)
    const [alone, empty, ours]: [number[], number[], number[]] = [[], [], []]
    for (let round = 0; round < rounds; round++) {
      alone.push(project.prisma('generate', '--generator', 'client'))
      empty.push(project.prisma('generate', '--generator', 'client', '--generator', 'empty'))
      ours.push(project.prisma('generate', '--generator', 'client', '--generator', 'persistables'))
    }
    const ms = (seconds: number): string => `${Math.round(seconds * 1000)} ms`
    const added = (to: readonly number[], by: readonly number[]): number => median(by.map((seconds, i) => seconds - (to[i] as number)))
    const bar = (seconds: number): string => `bar ${ms(BAR)}: ${seconds < BAR ? 'met' : 'MISSED'}`
    console.log(`${count} types, ${rounds} rounds in turns; medians. prisma generate without: ${ms(median(alone))}`)
    console.log(`an empty generator adds ${ms(added(alone, empty))}`)
    console.log(
      `this one adds ${ms(added(alone, ours))} (${bar(added(alone, ours))}), ${ms(added(empty, ours))} more than the empty one (${bar(added(empty, ours))})`,
    )
  } finally {
    rmSync(project.folder, { recursive: true, force: true })
  }
}

void main()
