// npm run generate:example [-- --check]: what is checked in of the example app of the tests, made from its PostgreSQL schema: the same models for SQLite, the
// typed classes, the clients, and the statements that make the tables. With --check nothing is written, and what differs is listed.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { upToDate } from '../src/codegen/new-type'
import { projectOf } from '../src/codegen/project'
import { PROVIDERS, ROOT, runPrisma } from './prisma-cli'

export const APP = join(ROOT, 'tests/examples/app')
const TRUTH = join(APP, 'prisma/postgresql')

const filesIn = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
    : []

const render = async (): Promise<{ made: Map<string, string>; stale: string[] }> => {
  const made = new Map<string, string>()
  const { changes } = await upToDate(await projectOf(APP, TRUTH))
  const stale = changes.filter(({ after }) => after === null).map(({ path }) => path)
  for (const { path, after } of changes) if (after !== null) made.set(path, after)
  const copy = mkdtempSync(join(tmpdir(), 'persistables-example-'))
  try {
    cpSync(join(APP, 'prisma'), join(copy, 'prisma'), { recursive: true })
    for (const [path, text] of made) if (path.startsWith(TRUTH)) writeFileSync(join(copy, relative(APP, path)), text)
    for (const path of filesIn(join(copy, 'prisma/postgresql')).filter((file) => file.endsWith('.prisma') && basename(file) !== 'base.prisma')) {
      const text = readFileSync(path, 'utf8')
      writeFileSync(join(copy, 'prisma/sqlite', basename(path)), text)
      made.set(join(APP, 'prisma/sqlite', basename(path)), text)
    }
    for (const provider of PROVIDERS) {
      const schema = join(copy, 'prisma', provider)
      const generated = await runPrisma(['generate', '--schema', schema, '--generator', 'client'], { provider })
      if (generated.code !== 0) throw new Error(generated.output)
      const diff = await runPrisma(['migrate', 'diff', '--from-empty', '--to-schema', schema, '--script', '-o', join(copy, `${provider}.sql`)], {
        provider,
      })
      if (diff.code !== 0) throw new Error(diff.output)
      made.set(join(APP, `prisma/${provider}/schema.sql`), readFileSync(join(copy, `${provider}.sql`), 'utf8'))
      for (const file of filesIn(join(copy, 'generated', provider))) made.set(join(APP, relative(copy, file)), readFileSync(file, 'utf8'))
    }
    return { made, stale }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

export const generateExample = async (check: boolean): Promise<number> => {
  const { made, stale } = await render()
  const changed = [...made].filter(([path, text]) => !existsSync(path) || readFileSync(path, 'utf8') !== text)
  const names = [...changed.map(([path]) => path), ...stale].map((path) => relative(ROOT, path))
  if (names.length === 0) {
    console.log('The example app is up to date.')
    return 0
  }
  if (check) {
    console.error(
      `Not what the schema of the example app would generate:\n${names.map((name) => `  ${name}\n`).join('')}Run: npm run generate:example`,
    )
    return 1
  }
  for (const [path, text] of changed) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  for (const path of stale) rmSync(path)
  console.log(`Wrote or removed:\n  ${names.join('\n  ')}`)
  return 0
}

if (require.main === module) {
  void generateExample(process.argv.includes('--check')).then((code) => {
    process.exitCode = code
  })
}
