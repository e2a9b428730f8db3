// npm run bench:generate [-- --types 20 --rounds 15]: what `prisma generate` takes with the generator of this package besides Prisma's own, and without, in turns.
import { rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { median } from '../bench/stats'
import { makeProject } from './project'

const BAR = 0.15

const main = async (): Promise<void> => {
  const { values } = parseArgs({ options: { types: { type: 'string' }, rounds: { type: 'string' } } })
  const [count, rounds] = [Number(values.types ?? 20), Number(values.rounds ?? 15)]
  const project = await makeProject(count)
  try {
    const [both, alone, added]: [number[], number[], number[]] = [[], [], []]
    for (let round = 0; round < rounds; round++) {
      alone.push(project.prisma('generate', '--generator', 'client'))
      both.push(project.prisma('generate', '--generator', 'client', '--generator', 'persistables'))
      added.push((both.at(-1) as number) - (alone.at(-1) as number))
    }
    const ms = (seconds: number): string => `${Math.round(seconds * 1000)} ms`
    console.log(`${count} types, ${rounds} rounds in turns; medians: ${ms(median(alone))} without, ${ms(median(both))} with`)
    console.log(`adds ${ms(median(added))} (median of the differences)  bar ${ms(BAR)}: ${median(added) < BAR ? 'met' : 'MISSED'}`)
  } finally {
    rmSync(project.folder, { recursive: true, force: true })
  }
}

void main()
