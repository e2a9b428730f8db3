import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { type Check, type Checks, fail, ok, warn } from './check'

/** What {@link checkEnvironment} looks at. */
export interface Environment {
  /** e.g. `20.20.1` */
  readonly node: string
  /** the project's folder */
  readonly cwd: string
  /** whether the settings name a PostgreSQL database */
  readonly postgres: boolean
}

/** Node, Prisma, and the packages that only some need. */
export async function* checkEnvironment({ node, cwd, postgres }: Environment): Checks {
  yield checkNode(node)
  yield* checkPrisma(cwd)
  yield checkPostgresPackages(cwd, postgres)
}

function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const fits = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major >= 24
  return fits ? ok('node', version) : fail('node', `${version} is not supported.`, 'Install Node 20.19 or later, 22.12 or later, or 24.')
}

const PRISMA_MAJOR = 7
const PRISMA_PACKAGES = ['prisma', '@prisma/client', '@prisma/adapter-better-sqlite3', '@prisma/adapter-pg']

async function* checkPrisma(cwd: string): Checks {
  const found = PRISMA_PACKAGES.flatMap((name) => {
    const versions = new Set([installed(cwd, name), installed(__dirname, name)].filter((version) => version !== undefined))
    return [...versions].map((version) => ({ name, version, major: Number.parseInt(version, 10) }))
  })
  const wrong = found.filter(({ major }) => major !== PRISMA_MAJOR)
  if (wrong.length === 0) return void (yield ok('prisma', found.map(({ name, version }) => `${name} ${version}`).join(', ')))
  const names = [...new Set(wrong.map(({ name }) => name))]
  const pin = `npm install ${names.map((name) => `${name}@${PRISMA_MAJOR}`).join(' ')}`
  const list = wrong.map(({ name, version }) => `${name} ${version}`).join(', ')
  const newer = wrong.some(({ major }) => major > PRISMA_MAJOR)
  yield fail(
    'prisma',
    `${list}: this release runs on Prisma ${PRISMA_MAJOR}.`,
    newer ? `Pin Prisma ${PRISMA_MAJOR}: run \`${pin}\`.` : `Run \`${pin}\`.`,
  )
}

function checkPostgresPackages(cwd: string, needed: boolean): Check {
  const packages = ['@prisma/adapter-pg', 'pg']
  const missing = packages.filter((name) => (installed(cwd, name) ?? installed(__dirname, name)) === undefined)
  if (missing.length === 0)
    return ok('packages', `PostgreSQL: ${packages.map((name) => `${name} ${installed(__dirname, name) ?? installed(cwd, name)}`).join(', ')}`)
  const fix = 'Run `npm install @prisma/adapter-pg@7 pg`.'
  if (needed) return fail('packages', `PostgreSQL needs ${missing.join(' and ')}, not installed here.`, fix)
  return ok('packages', `${missing.join(' and ')} not installed: only PostgreSQL needs them.`)
}

// As Node would resolve it from there; read from disk, because `exports` may hide package.json.
function installed(from: string, name: string): string | undefined {
  for (const folder of createRequire(join(from, '_')).resolve.paths(name) ?? []) {
    try {
      const { version } = JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8')) as { version?: unknown }
      if (typeof version === 'string') return version
    } catch {
      // Not there: the next folder up.
    }
  }
  return undefined
}

const LITTLE = 1_000_000_000

/** Whether there is room on the file system of a path, or of the nearest folder above it that exists. */
export async function checkRoom(name: string, path: string): Promise<Check> {
  const [{ statfs }, { size }] = await Promise.all([import('node:fs/promises'), import('../render')])
  for (let at = path; ; at = dirname(at)) {
    const facts = await statfs(at).catch(() => null)
    if (facts === null && at !== dirname(at)) continue
    if (facts === null) return warn(name, `How much room there is on the disk of ${path} cannot be told.`, 'Look yourself.')
    const free = facts.bavail * facts.bsize
    return free < LITTLE
      ? warn(name, `Only ${size(free)} are free on the disk of ${at}.`, 'Free some: a save that runs out of room fails, and nothing is half-written.')
      : ok(name, `${size(free)} free for ${at}`)
  }
}
