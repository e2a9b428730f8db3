// npm run bench:readme: the README's section on performance, and its picture, from bench.json.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../prisma-cli'
import { ended, usage } from './command'
import { pictureOf } from './picture'
import { BENCH_JSON, readRun } from './results'
import { MARKS, PICTURE, sectionOf, withSection } from './section'

const main = async (): Promise<void> => {
  const run = readRun(BENCH_JSON)
  const path = join(ROOT, 'README.md')
  const readme = withSection(readFileSync(path, 'utf8'), sectionOf(run))
  if (readme === null) throw usage('README.md has no place for the figures.', `Put ${MARKS.begin} and ${MARKS.end} into it, on lines of their own.`)
  writeFileSync(path, readme)
  writeFileSync(join(ROOT, PICTURE), pictureOf(run))
}

main().catch(ended)
