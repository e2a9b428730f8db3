import type { Store } from './artifacts/store'
import type { RepositoryOptions } from './contract'
import { PersistablesError, suggest } from './errors'

/** What `persistables.config.ts` says: where the project's registry is. Its members are the options of `openRepository`. */
export interface PersistablesConfig {
  /** `file:<path>`, relative to the file's folder, or `postgresql://…`. @defaultValue `file:` of `registry.db` in `.persistables` beside the nearest package.json */
  readonly url?: string | undefined
  /** @defaultValue the one disk store that `openRepository` makes for the url */
  readonly stores?: readonly Store[] | undefined
  /** the commands that list, show and fetch work without them */
  readonly types?: RepositoryOptions['types'] | undefined
  /** besides json, text, bytes and ndjson */
  readonly serializers?: RepositoryOptions['serializers'] | undefined
  /** @defaultValue 'default' */
  readonly project?: string | undefined
}

/** A config, or a function that makes one, at once or later. */
export type ConfigInput = PersistablesConfig | (() => PersistablesConfig | Promise<PersistablesConfig>)

/**
 * Gives its argument back: it is there for the types. The result is the default export of `persistables.config.ts` (or .mts, .js, .mjs, .cjs), which the
 * command line finds from the working directory upwards.
 *
 * @example
 * export default defineConfig({ url: process.env.DATABASE_URL, stores: [diskStore('./files')] })
 */
export function defineConfig<const C extends ConfigInput>(config: C): C {
  return config
}

/** Where a setting came from, strongest first. */
export type Source = 'flag' | 'environment' | 'file' | 'default'

/** What {@link resolveSettings} decides between. */
export interface SettingsInput {
  readonly flags: { readonly url?: string | undefined; readonly project?: string | undefined }
  readonly env: Readonly<Record<string, string | undefined>>
  /** the config file, if there is one, with its folder */
  readonly file: { readonly path: string; readonly folder: string; readonly config: PersistablesConfig } | null
  readonly cwd: string
}

/** What a command works with. */
export interface Settings {
  /** undefined means the embedded default of `base` */
  readonly url: string | undefined
  readonly urlSource: Source
  /** absolute: where a relative url and the search for package.json begin */
  readonly base: string
  readonly project: string
  readonly projectSource: Source
  /** undefined means the default of the url */
  readonly stores: readonly Store[] | undefined
  /** of the config file */
  readonly types: PersistablesConfig['types']
  readonly serializers: PersistablesConfig['serializers']
  /** absolute path of the config file */
  readonly file: string | null
}

/**
 * Decides for each setting: flag, then `PERSISTABLES_URL` and `PERSISTABLES_PROJECT`, then the config file, then the default. `DATABASE_URL` is not read,
 * because it names an application's own database as a rule; the config file can pass it on. An empty variable counts as none.
 *
 * @example
 * resolveSettings({ flags: {}, env: { PERSISTABLES_URL: 'file:./a.db' }, file: null, cwd: '/app' }).url // 'file:./a.db'
 */
export function resolveSettings({ flags, env, file, cwd }: SettingsInput): Settings {
  const url = strongest(flags.url, env['PERSISTABLES_URL'], file?.config.url)
  const project = strongest(flags.project, env['PERSISTABLES_PROJECT'], file?.config.project)
  // Relative to where it was written: the file's own url means the same from every folder of the project.
  const base = file !== null && (url.source === 'file' || url.source === 'default') ? file.folder : cwd
  return {
    url: url.value,
    urlSource: url.source,
    base,
    project: project.value ?? 'default',
    projectSource: project.source,
    stores: file?.config.stores,
    types: file?.config.types,
    serializers: file?.config.serializers,
    file: file?.path ?? null,
  }
}

function strongest(flag: string | undefined, variable: string | undefined, file: string | undefined): { value: string | undefined; source: Source } {
  if (flag !== undefined) return { value: flag, source: 'flag' }
  if (variable !== undefined && variable !== '') return { value: variable, source: 'environment' }
  if (file !== undefined) return { value: file, source: 'file' }
  return { value: undefined, source: 'default' }
}

const MEMBERS = ['url', 'stores', 'types', 'serializers', 'project']

/** Checks what a config file gave. Throws `INVALID_OPTION`, naming the file and the member. */
export function checkConfig(value: unknown, path: string): PersistablesConfig {
  const wrong = (what: string, fix: string): PersistablesError =>
    new PersistablesError('INVALID_OPTION', `The configuration ${path} ${what}.`, { fix, details: { path } })
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrong('exports no object by default', "Write: export default defineConfig({ url: 'file:./registry.db' }).")
  }
  const config = value as Record<string, unknown>
  for (const key of Object.keys(config)) {
    if (!MEMBERS.includes(key)) throw wrong(`has a member "${key}" that means nothing`, suggest(key, MEMBERS, ''))
  }
  for (const key of ['url', 'project']) {
    const member = config[key]
    if (member !== undefined && typeof member !== 'string') throw wrong(`has a ${key} that is no text`, `Write ${key}: '…', or leave it out.`)
  }
  for (const key of ['stores', 'serializers']) {
    const member = config[key]
    const named = (each: unknown): boolean => typeof (each as { name?: unknown } | null)?.name === 'string'
    if (member === undefined || (Array.isArray(member) && member.every(named))) continue
    throw wrong(
      `has ${key} that are no list of ${key}`,
      key === 'stores' ? "Write stores: [diskStore('./files')]." : 'Write serializers: [serializer({ … })].',
    )
  }
  return config as PersistablesConfig
}
