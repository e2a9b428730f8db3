import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import type { Provider } from '../client'
import { PersistablesError } from '../errors'
import { endingOf } from './extension'
import { type Change, changesFor, isGenerated } from './files'
import { typesOf } from './model'
import { near } from './names'
import { render } from './render'
import type { Datamodel, SchemaFiles } from './schema'

/** What the generator block says, and where it stands. */
export interface GenerateOptions {
  /** absolute */
  readonly output: string
  /** folder of the user's classes, absolute, if the block names one */
  readonly classes?: string | undefined
  /** @defaultValue 'persistables' */
  readonly package?: string | undefined
  /** behind the paths of files that are imported: an ending with its dot. @defaultValue '' */
  readonly ending?: string | undefined
  readonly provider: Provider
  /** the schema: a file, or a folder */
  readonly schema: string
}

const OPTIONS = ['classes', 'package', 'output', 'provider', 'importFileExtension']

/** The options of a generator block. Throws `INVALID_TYPE` for one that means nothing. */
export function blockOptions(config: Readonly<Record<string, unknown>>, folder: string): Pick<GenerateOptions, 'classes' | 'package' | 'ending'> {
  const unknown = Object.keys(config).find((key) => !OPTIONS.includes(key))
  if (unknown !== undefined) {
    throw new PersistablesError('INVALID_TYPE', `The generator block of persistables has an option "${unknown}" that means nothing.`, {
      fix: near(unknown, OPTIONS),
    })
  }
  const { classes, package: from } = config
  return {
    ending: endingOf(config['importFileExtension']),
    ...(typeof classes === 'string' && { classes: resolve(folder, classes) }),
    ...(typeof from === 'string' && { package: from.startsWith('.') ? resolve(folder, from) : from }),
  }
}

/** The provider, if the registry runs on it. Throws `INVALID_TYPE`. */
export function supported(provider: string | undefined): Provider {
  if (provider === 'sqlite') return 'sqlite'
  if (provider === 'postgresql' || provider === 'postgres') return 'postgresql'
  throw new PersistablesError('INVALID_TYPE', `The datasource has the provider "${provider ?? 'none'}".`, {
    fix: 'persistables runs on sqlite and postgresql.',
    details: { provider: provider ?? null },
  })
}

/** What generating would change, and what is to be told. Writes nothing. Throws `INVALID_TYPE` with every fault. */
export function generation(
  datamodel: Datamodel,
  files: SchemaFiles,
  options: GenerateOptions,
): { changes: Change[]; types: string[]; warnings: readonly string[] } {
  const { types, warnings } = typesOf(datamodel, options.provider, files)
  refuseForeign(options.output)
  const slashes = (path: string): string => path.split(sep).join('/')
  const relativeTo = (path: string): string => {
    const text = slashes(relative(options.output, path))
    return text.startsWith('.') ? text : `./${text}`
  }
  const classes = new Map(classFiles(options.classes).map(([type, path]) => [type, relativeTo(path).replace(/\.ts$/, '')]))
  const from = options.package ?? 'persistables'
  const made = render(types, {
    package: from.startsWith(sep) || /^[A-Za-z]:/.test(from) ? relativeTo(from) : from,
    ending: options.ending ?? '',
    output: slashes(options.output),
    schema: slashes(folderOf(options.schema)),
    classes,
  })
  const wanted = new Map([...made].map(([name, text]) => [join(options.output, name), text]))
  return { changes: changesFor(wanted, [options.output]), types: types.map(({ type }) => type), warnings }
}

function relative(from: string, to: string): string {
  const parts = (path: string): string[] => path.split(sep)
  const [a, b] = [parts(from), parts(to)]
  let same = 0
  while (same < a.length && same < b.length && a[same] === b[same]) same++
  return [...a.slice(same).map(() => '..'), ...b.slice(same)].join(sep)
}

/** The folder that paths in a schema are relative to. */
export function folderOf(schema: string): string {
  return existsSync(schema) && statSync(schema).isDirectory() ? schema : dirname(schema)
}

// A folder where somebody writes by hand is not ours to write into.
function refuseForeign(output: string): void {
  if (!existsSync(output)) return
  const foreign = readdirSync(output, { withFileTypes: true }).filter(
    (entry) => entry.isFile() && /^(index|[A-Z]\w*)\.ts$/.test(entry.name) && !isGenerated(readFileSync(join(output, entry.name), 'utf8')),
  )
  if (foreign.length === 0) return
  throw new PersistablesError(
    'INVALID_OPTION',
    `${output} holds files that the generator did not write: ${foreign.map(({ name }) => name).join(', ')}.`,
    {
      fix: 'Give the generator a folder of its own: output = "../generated/persistables".',
      details: { output, files: foreign.map(({ name }) => name) },
    },
  )
}

/** The classes that a user wrote: type and file, where `Name.ts` exports a class of its own name. */
export function classFiles(folder: string | undefined): [string, string][] {
  if (folder === undefined || !existsSync(folder) || !statSync(folder).isDirectory()) return []
  return readdirSync(folder)
    .filter((name) => /^[A-Z]\w*\.ts$/.test(name))
    .sort()
    .map((name): [string, string] => [name.slice(0, -3), join(folder, name)])
    .filter(([type, path]) => new RegExp(`^export class ${type} extends `, 'm').test(readFileSync(path, 'utf8')))
}
