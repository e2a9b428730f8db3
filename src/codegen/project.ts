import { existsSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import { up as packageUp } from 'empathic/package'
import { PersistablesError, reason } from '../errors'
import { BEGINS } from './base'
import { readSchema, type SchemaFiles } from './schema'

/** A Prisma project. */
export interface Project {
  /** folder of its package.json, or the working directory */
  readonly root: string
  /** the schema: a file or a folder, absolute; of an empty project where it is to be */
  readonly schema: string
  readonly files: SchemaFiles
  /** where the registry's models stand: the schema file, or in a folder the file that has their marks, else one of their own */
  readonly host: string
  /** `prisma.config.ts` or its kin, if there is one */
  readonly prismaConfig: string | null
  /** version of the Prisma that is installed, or null */
  readonly prisma: string | null
  /** names in package.json */
  readonly packages: ReadonlySet<string>
}

const CONFIGS = ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs'].map((ending) => `prisma.config.${ending}`)

/**
 * The Prisma project of a folder. The schema is the one that is named, else the one that prisma.config.ts names, else prisma/schema.prisma or schema.prisma.
 * Throws `INVALID_OPTION` for one that is not there, for Prisma 8 and for Prisma 6 or older.
 */
export async function projectOf(cwd: string, named: string | undefined): Promise<Project> {
  const manifest = packageUp({ cwd })
  const root = manifest === undefined ? cwd : dirname(manifest)
  const prismaConfig = [cwd, root].flatMap((folder) => CONFIGS.map((name) => join(folder, name))).find((path) => existsSync(path)) ?? null
  // Before prisma.config.ts is loaded, which imports it.
  const prisma = checkPrisma(root)
  const schema = await schemaPath(cwd, root, named, prismaConfig)
  const files = readSchema(schema)
  const folder = existsSync(schema) && statSync(schema).isDirectory()
  const marked = [...files].find(([, text]) => text.includes(BEGINS))?.[0]
  const host = folder ? (marked ?? join(schema, 'persistables.prisma')) : schema
  return { root, schema, files, host, prismaConfig, prisma, packages: packagesOf(manifest) }
}

async function schemaPath(cwd: string, root: string, named: string | undefined, config: string | null): Promise<string> {
  const given = named === undefined ? await configuredSchema(config) : resolve(cwd, named)
  if (given !== undefined) {
    if (existsSync(given) || (named === undefined && basename(given).endsWith('.prisma'))) return given
    throw new PersistablesError('INVALID_OPTION', `There is no schema ${given}.`, {
      fix: named === undefined ? `Correct the schema in ${config}, or name another with --schema.` : 'Check --schema.',
      details: { path: given },
    })
  }
  const known = ['prisma/schema.prisma', 'schema.prisma'].map((path) => join(root, path))
  return known.find((path) => existsSync(path)) ?? (readSchema(join(root, 'prisma')).size > 0 ? join(root, 'prisma') : (known[0] as string))
}

async function configuredSchema(path: string | null): Promise<string | undefined> {
  if (path === null) return undefined
  const { createJiti } = await import('jiti')
  try {
    const config = await createJiti(path, { fsCache: false }).import<{ schema?: unknown }>(path, { default: true })
    return typeof config?.schema === 'string' ? resolve(dirname(path), config.schema) : undefined
  } catch (error) {
    throw new PersistablesError('INVALID_OPTION', `${path} cannot be loaded: ${reason(error)}.`, {
      fix: 'Mend it, or name the schema with --schema.',
      details: { path },
      cause: error,
    })
  }
}

function checkPrisma(root: string): string | null {
  const found = ['prisma', '@prisma/client'].flatMap((name) => {
    const version = installed(root, name)
    return version === undefined ? [] : [{ name, version, major: Number.parseInt(version, 10) }]
  })
  const wrong = found.find(({ major }) => major !== 7)
  if (wrong === undefined) return found[0]?.version ?? null
  const newer = wrong.major > 7
  throw new PersistablesError('INVALID_OPTION', `${wrong.name} ${wrong.version} is installed, and this release works with Prisma 7.`, {
    fix: newer
      ? 'Prisma 8 has no generators and no migrations of this kind. Pin 7: npm install -D prisma@7 && npm install @prisma/client@7'
      : 'Upgrade to it: npm install -D prisma@7 && npm install @prisma/client@7 (prisma.io/docs has the guide).',
    details: { package: wrong.name, version: wrong.version },
  })
}

function installed(from: string, name: string): string | undefined {
  for (const folder of createRequire(join(from, '_')).resolve.paths(name) ?? []) {
    const path = join(folder, name, 'package.json')
    if (!existsSync(path)) continue
    const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version?: unknown }
    if (typeof version === 'string') return version
  }
  return undefined
}

function packagesOf(manifest: string | undefined): ReadonlySet<string> {
  if (manifest === undefined) return new Set()
  const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(manifest, 'utf8')) as Record<string, object | undefined>
  return new Set([...Object.keys(dependencies), ...Object.keys(devDependencies)])
}
