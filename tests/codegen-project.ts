import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { prismaEnvironment, ROOT } from '../scripts/prisma-cli'
import { type Answer, persistables } from './cli-run'
import { tempDir } from './support'

/** A folder of an app, with the packages of this repository beside it, this one among them. */
export interface AppFolder {
  readonly folder: string
  /** of its commands, besides what they have as a rule */
  readonly env: Record<string, string>
  write(path: string, text: string): void
  cli(...argv: string[]): Promise<Answer>
  /** The real `prisma`, with the generators that npm would put on the path. */
  prisma(...args: string[]): { readonly code: number; readonly output: string }
}

const link = (target: string, path: string): void => {
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path)
}

/** Makes it: a package.json, node_modules, and the files that are given. */
export const appFolder = async (files: Readonly<Record<string, string>>, { manifest = {} }: { manifest?: object } = {}): Promise<AppFolder> => {
  const folder = await tempDir()
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  const needed = { '@prisma/client': '7', '@prisma/adapter-better-sqlite3': '7', prisma: '7' }
  write('package.json', JSON.stringify({ name: 'app', private: true, dependencies: needed, ...manifest }))
  for (const name of readdirSync(join(ROOT, 'node_modules')))
    if (name !== '.bin') link(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name))
  link(ROOT, join(folder, 'node_modules/persistables'))
  link(join(ROOT, 'dist/src/codegen/generator.js'), join(folder, 'node_modules/.bin/persistables-generator'))
  for (const [path, text] of Object.entries(files)) write(path, text)
  const env: Record<string, string> = {}
  const prismaEnv = (): NodeJS.ProcessEnv => {
    const { DATABASE_URL: _, ...rest } = prismaEnvironment({ provider: 'sqlite' })
    return { ...rest, ...env, PATH: `${join(folder, 'node_modules/.bin')}:${process.env['PATH']}` }
  }
  return {
    folder,
    env,
    write,
    cli: (...argv) => persistables({ cwd: folder, env }, ...argv),
    prisma: (...args) => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'node_modules/prisma/build/index.js'), ...args], {
        cwd: folder,
        env: prismaEnv(),
        encoding: 'utf8',
      })
      return { code: status ?? 1, output: `${stdout}${stderr}` }
    },
  }
}

/** The schema of an app that has two models already. */
export const APP_SCHEMA = (provider: string): string => `generator client {
  provider            = "prisma-client"
  output              = "../generated/prisma"
  moduleFormat        = "cjs"
  importFileExtension = ""
}

datasource db {
  provider = "${provider}"
}

// the app's own
model User {
  id    Int    @id
  email String @unique
  posts Post[]
}

/// @deprecated for people
model Post {
  id     Int  @id
  userId Int
  user   User @relation(fields: [userId], references: [id])
}
`

export const APP_CONFIG = `import { defineConfig } from 'prisma/config'

export default defineConfig({ schema: 'prisma/schema.prisma', datasource: { url: 'file:./dev.db' } })
`
