import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { any as findUp } from 'empathic/find'
import { checkConfig, type PersistablesConfig, resolveSettings, type Settings } from '../config'
import { PersistablesError, reason } from '../errors'
import { checkName } from '../ref'
import type { Io } from './io'

/** What every command can be told, besides how to answer. */
export interface SettingsFlags {
  readonly url?: string | undefined
  readonly project?: string | undefined
  readonly config?: string | undefined
}

const NAMES = ['ts', 'mts', 'js', 'mjs', 'cjs'].map((ending) => `persistables.config.${ending}`)

/**
 * The settings of a command: flags, environment, the nearest config file from the working directory upwards (`--config` or `PERSISTABLES_CONFIG` name
 * another), defaults. Throws `INVALID_OPTION` for a config file that cannot be loaded, `INVALID_NAME` for a project that cannot be.
 */
export async function settingsOf(io: Io, flags: SettingsFlags): Promise<Settings> {
  const path = configPath(io, flags)
  const file = path === null ? null : { path, folder: dirname(path), config: await load(path) }
  const settings = resolveSettings({ flags, env: io.env, file, cwd: io.cwd })
  return { ...settings, project: checkName('project', settings.project) }
}

/** Where the config file is, or null. Throws `INVALID_OPTION` when the one that is named is not there. */
export function configPath(io: Io, flags: SettingsFlags): string | null {
  const named = flags.config ?? (io.env['PERSISTABLES_CONFIG'] || undefined)
  if (named === undefined) return findUp(NAMES, { cwd: io.cwd }) ?? null
  const path = resolve(io.cwd, named)
  if (existsSync(path)) return path
  throw new PersistablesError('INVALID_OPTION', `There is no configuration ${path}.`, {
    fix: `Check ${flags.config === undefined ? 'PERSISTABLES_CONFIG' : '--config'}; without it the nearest persistables.config.ts is used.`,
    details: { path },
  })
}

async function load(path: string): Promise<PersistablesConfig> {
  const { createJiti } = await import('jiti')
  let given: unknown
  try {
    // No cache on disk: a command that only reads leaves nothing behind.
    given = await inside(dirname(path), async () => {
      const config = await createJiti(path, { fsCache: false }).import(path, { default: true })
      return typeof config === 'function' ? (config as () => unknown)() : config
    })
  } catch (error) {
    throw new PersistablesError('INVALID_OPTION', `The configuration ${path} cannot be loaded: ${reason(error)}.`, {
      fix: 'Mend it, or name another with --config.',
      details: { path },
      cause: error,
    })
  }
  return checkConfig(given, path)
}

let free: Promise<unknown> = Promise.resolve()

// A relative folder of a store means the same from every folder of the project, as the url does; and there is one working directory for all.
function inside<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const done = free.then(async () => {
    const before = process.cwd()
    process.chdir(folder)
    try {
      return await work()
    } finally {
      process.chdir(before)
    }
  })
  free = done.catch(() => {})
  return done
}
