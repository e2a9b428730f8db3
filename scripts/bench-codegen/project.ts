// A project with many types, as a user would have it: a schema with companion models, what `prisma generate` makes of it, and a class for each.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { main as persistables } from '../../src/cli/program'
import { prismaEnvironment, ROOT } from '../prisma-cli'

export interface TypesProject {
  readonly folder: string
  readonly types: readonly string[]
  write(path: string, text: string): void
  /** Runs the real `prisma`; the seconds that it took. Throws when it fails. */
  prisma(...args: string[]): number
}

const SCHEMA = `generator client {
  provider            = "prisma-client"
  output              = "../generated/prisma"
  moduleFormat        = "cjs"
  importFileExtension = ""
}

datasource db {
  provider = "sqlite"
}
`

const model = (type: string, parent: string | undefined): string => `
/// @persistable
/// @config { rate: number; layers: number[]; source: { url: string; rows: number } }
/// @state { seconds?: number }
/// @artifact weights: floats
/// @source rows: ndjson<{ species: string; mass: number }>
${parent === undefined ? '' : `/// @parent earlier: ${parent}\n`}model ${type} {
  id        String    @id
  accuracy  Float?
  rowCount  Int       @default(0)
  label     String
  seen      BigInt?
  passed    Boolean   @default(false)
  takenAt   DateTime?
  details   Json?

  persistable Persistable @relation(fields: [id], references: [id], onDelete: Cascade)

  @@index([accuracy, id])
}
`

/** Four of five types have the one before for a parent. */
export const hasParent = (type: string): boolean => (Number(type.slice('Type'.length)) - 1) % 5 !== 0

/** Makes it in a temporary folder, generated. Whoever makes it removes it. */
export const makeProject = async (count: number): Promise<TypesProject> => {
  const folder = mkdtempSync(join(tmpdir(), 'persistables-types-'))
  const types = Array.from({ length: count }, (_, i) => `Type${i + 1}`)
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  const link = (target: string, path: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    symlinkSync(join(ROOT, target), join(folder, path))
  }
  for (const name of readdirSync(join(ROOT, 'node_modules'))) if (name !== '.bin') link(`node_modules/${name}`, `node_modules/${name}`)
  for (const path of ['package.json', 'dist', 'prisma']) link(path, `node_modules/persistables/${path}`)
  link('dist/src/codegen/generator.js', 'node_modules/.bin/persistables-generator')
  write(
    'package.json',
    '{ "name": "app", "private": true, "dependencies": { "@prisma/client": "7", "@prisma/adapter-better-sqlite3": "7", "prisma": "7" } }\n',
  )
  write('prisma.config.ts', "import { defineConfig } from 'prisma/config'\n\nexport default defineConfig({ schema: 'prisma/schema.prisma' })\n")
  write('prisma/schema.prisma', `${SCHEMA}${types.map((type, i) => model(type, hasParent(type) ? types[i - 1] : undefined)).join('')}`)
  for (const type of types)
    write(
      `persistables/${type}.ts`,
      `import { ${type}Base } from '../generated/persistables/${type}'\n\nexport class ${type} extends ${type}Base {}\n`,
    )
  const io = { cwd: folder, env: process.env, stdout: process.stderr, stderr: process.stderr }
  if ((await persistables(['init'], io)) !== 0) throw new Error('persistables init failed')
  const env = { ...prismaEnvironment({ provider: 'sqlite' }), PATH: `${join(folder, 'node_modules/.bin')}:${process.env['PATH']}` }
  const prisma = (...args: string[]): number => {
    const start = performance.now()
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'node_modules/prisma/build/index.js'), ...args], {
      cwd: folder,
      env,
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`prisma ${args.join(' ')} failed:\n${stdout}${stderr}`)
    return (performance.now() - start) / 1000
  }
  prisma('generate')
  return { folder, types, write, prisma }
}
