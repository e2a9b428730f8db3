// npm run bench:types [-- --types 50 --usages 500 --rounds 5 --keep]: what type checking costs. A project of types with typed columns and usages of them, and
// the same project with plain Prisma calls on the same schema, are checked by tsc in turns; counts of instantiations do not depend on the machine, times do.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { median } from '../bench/stats'
import { ROOT } from '../prisma-cli'
import { hasParent, makeProject, type TypesProject } from './project'

const BAR = 2

/** Five usages of a type: made and saved, found by columns, loaded, updated, counted. */
const OURS = (type: string, i: number): string[] => [
  `  const made${i} = await repo.save(new ${type}({ name: 'a${i}', config: { rate: 0.1, layers: [1], source: { url: 'u', rows: ${i} } }, artifacts: { weights: Float32Array.of(1), rows: [] },${hasParent(type) ? " parents: { earlier: 'a' }," : ''} columns: { label: 'x', accuracy: 0.5 } }))`,
  `  const [found${i}] = await repo.find(${type}, { where: { accuracy: { gt: 0.5 }, passed: true, label: { startsWith: 'a' } }, orderBy: { accuracy: 'desc' }, take: ${i + 1} })\n  seen.push(found${i}?.accuracy ?? null)`,
  `  const loaded${i} = await repo.load(${type}, 'a${i}')\n  seen.push(loaded${i}.rowCount)`,
  `  await made${i}.update({ columns: { accuracy: 0.${i + 1}, takenAt: new Date() } })`,
  `  seen.push(await repo.count(${type}, { where: { rowCount: { gte: ${i} } } }))`,
]
const PLAIN = (type: string, i: number): string[] => {
  const model = `prisma.${type[0]?.toLowerCase()}${type.slice(1)}`
  const row = `{ type: '${type}', registeredName: '${type}', name: 'a${i}', version: ${i + 1}, hash: 'h', filepaths: {}, metadata: { config: { rate: 0.1, layers: [1], source: { url: 'u', rows: ${i} } } } }`
  return [
    `  const made${i} = await ${model}.create({ data: { label: 'x', accuracy: 0.5, persistable: { create: ${row} } } })`,
    `  const [found${i}] = await ${model}.findMany({ where: { accuracy: { gt: 0.5 }, passed: true, label: { startsWith: 'a' } }, orderBy: { accuracy: 'desc' }, take: ${i + 1} })\n  seen.push(found${i}?.accuracy ?? null)`,
    `  const loaded${i} = await ${model}.findFirstOrThrow({ where: { persistable: { name: 'a${i}' } }, include: { persistable: true } })\n  seen.push(loaded${i}.rowCount)`,
    `  await ${model}.update({ where: { id: made${i}.id }, data: { accuracy: 0.${i + 1}, takenAt: new Date() } })`,
    `  seen.push(await ${model}.count({ where: { rowCount: { gte: ${i} } } }))`,
  ]
}

const CONNECT = `import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3'
import { PrismaClient } from '../generated/prisma/client'

export const prisma = new PrismaClient({ adapter: new PrismaBetterSqlite3({ url: 'file:./dev.db' }) })
`
const REPO = `import { createRepository, diskStore } from 'persistables'
import { types } from '../generated/persistables'
import { prisma } from './prisma'

export const repo = createRepository({ client: prisma, types, stores: [diskStore('./files')] })
`

/** Writes usages, spread over the types, fifty in a file, and a tsconfig for each of the two. */
const writeUsages = ({ types, write }: TypesProject, usages: number): void => {
  write('src/prisma.ts', CONNECT)
  write('src/repo.ts', REPO)
  const blocks = Array.from({ length: Math.ceil(usages / 5) }, (_, i) => ({
    type: types[i % types.length] as string,
    i: Math.floor(i / types.length),
  }))
  for (let at = 0; at < blocks.length; at += 10) {
    const some = blocks.slice(at, at + 10)
    const names = [...new Set(some.map(({ type }) => type))]
    const body = (lines: typeof OURS): string =>
      `export const run = async (): Promise<unknown[]> => {\n  const seen: unknown[] = []\n${some.map(({ type, i }, n) => lines(type, i * 100 + n).join('\n')).join('\n')}\n  return seen\n}\n`
    write(
      `src/ours/${at}.ts`,
      `${names.map((type) => `import { ${type} } from '../../persistables/${type}'\n`).join('')}import { repo } from '../repo'\n\n${body(OURS)}`,
    )
    write(`src/plain/${at}.ts`, `import { prisma } from '../prisma'\n\n${body(PLAIN)}`)
  }
  const compilerOptions = {
    target: 'ES2023',
    module: 'commonjs',
    moduleResolution: 'bundler',
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
    noEmit: true,
    preserveSymlinks: true,
    types: ['node'],
  } // prettier-ignore
  for (const side of ['ours', 'plain']) write(`tsconfig.${side}.json`, JSON.stringify({ compilerOptions, include: [`src/${side}`] }))
}

type Diagnostics = Readonly<Record<'Instantiations' | 'Types' | 'Check time' | 'Total time' | 'Memory used', number>>

const check = ({ folder }: TypesProject, side: string): Diagnostics => {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', `tsconfig.${side}.json`, '--extendedDiagnostics'], {
    cwd: folder,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`${side} does not compile:\n${stdout.slice(0, 3000)}`)
  return Object.fromEntries([...stdout.matchAll(/^([A-Z][\w ]+): +([\d.]+)[sK]?$/gm)].map(([, name, value]) => [name, Number(value)])) as Diagnostics
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: { types: { type: 'string' }, usages: { type: 'string' }, rounds: { type: 'string' }, keep: { type: 'boolean' } },
  })
  const [count, usages, rounds] = [Number(values.types ?? 50), Number(values.usages ?? 500), Number(values.rounds ?? 5)]
  const project = await makeProject(count)
  try {
    writeUsages(project, usages)
    const seen: Record<'ours' | 'plain', Diagnostics[]> = { ours: [], plain: [] }
    for (let round = 0; round < rounds; round++) for (const side of ['plain', 'ours'] as const) seen[side].push(check(project, side))
    console.log(`${count} types, ${usages} usages, ${rounds} rounds in turns; medians`)
    for (const name of ['Instantiations', 'Types', 'Check time', 'Total time', 'Memory used'] as const) {
      const [ours, plain] = (['ours', 'plain'] as const).map((side) => median(seen[side].map((one) => one[name]))) as [number, number]
      const bar = name === 'Instantiations' || name === 'Check time' ? `  bar ${BAR}x: ${ours / plain < BAR ? 'met' : 'MISSED'}` : ''
      console.log(`${name.padEnd(15)} ours ${String(ours).padStart(9)}  plain ${String(plain).padStart(9)}  ${(ours / plain).toFixed(2)}x${bar}`)
    }
  } finally {
    if (values.keep) console.log(project.folder)
    else rmSync(project.folder, { recursive: true, force: true })
  }
}

void main()
