import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

export const ROOT = join(__dirname, '..')
export const PROVIDERS = ['sqlite', 'postgresql'] as const
export type Provider = (typeof PROVIDERS)[number]

const WRAPPER = join(__dirname, 'schema-engine.mjs')

export interface PrismaRun {
  readonly provider: Provider
  /** The database, where the command takes one; `DATABASE_URL` by default. */
  readonly url?: string | undefined
  /** Let Prisma speak and ask on this terminal, instead of handing back what it printed. */
  readonly interactive?: boolean
}

/** True where @prisma/engines has downloaded the binary for this machine, which it lays into its own package folder. */
const hasOwnEngine = (): boolean => {
  const manifest = createRequire(require.resolve('prisma/package.json')).resolve('@prisma/engines/package.json')
  return readdirSync(dirname(manifest)).some((file) => file.startsWith('schema-engine-'))
}

/** What Prisma needs in its environment to work on one provider, offline as well. */
export const prismaEnvironment = ({ provider, url }: PrismaRun): NodeJS.ProcessEnv => ({
  // the first two would ask the network for news, and wait for it
  CHECKPOINT_DISABLE: '1',
  PRISMA_HIDE_UPDATE_MESSAGE: '1',
  ...(hasOwnEngine() ? {} : { PRISMA_SCHEMA_ENGINE_BINARY: WRAPPER }),
  ...process.env,
  PERSISTABLES_PROVIDER: provider,
  ...(url === undefined ? {} : { DATABASE_URL: url }),
})

/** Runs the real `prisma` command line on one provider's schema. Never throws on a failed command: look at `code`. */
export const runPrisma = (args: readonly string[], run: PrismaRun): Promise<{ code: number; output: string }> =>
  new Promise((resolve, reject) => {
    const cli = require.resolve('prisma/build/index.js')
    if (!existsSync(join(ROOT, 'prisma', run.provider)))
      return reject(new Error(`No schema for the provider "${run.provider}"; there are ${PROVIDERS.join(', ')}`))
    const child = spawn(process.execPath, [cli, ...args], {
      cwd: ROOT,
      env: prismaEnvironment(run),
      stdio: run.interactive ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    })
    const chunks: Buffer[] = []
    child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString() }))
  })
