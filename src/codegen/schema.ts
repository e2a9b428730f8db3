import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { PersistablesError } from '../errors'
import { misspelt } from './annotations'

/** A field of a model, as much of Prisma's DMMF as is used here. */
export interface DmmfField {
  readonly name: string
  readonly dbName?: string | null
  readonly kind: string
  readonly type: string
  readonly isList: boolean
  readonly isRequired: boolean
  readonly isId: boolean
  readonly isUpdatedAt?: boolean
  readonly nativeType?: readonly [string, readonly string[]] | null
  readonly default?: unknown
  readonly relationFromFields?: readonly string[]
  readonly relationToFields?: readonly string[]
  readonly relationOnDelete?: string
  readonly documentation?: string
}

/** A model of the schema. */
export interface DmmfModel {
  readonly name: string
  readonly dbName: string | null
  readonly schema?: string | null
  readonly fields: readonly DmmfField[]
  readonly documentation?: string
}

/** An enum of the schema. */
export interface DmmfEnum {
  readonly name: string
  readonly dbName?: string | null
  readonly values: readonly { readonly name: string; readonly dbName?: string | null }[]
}

/** What is read of a whole schema. */
export interface Datamodel {
  readonly models: readonly DmmfModel[]
  readonly enums: readonly DmmfEnum[]
}

/** A generator block. */
export interface GeneratorBlock {
  readonly name: string
  readonly provider: { readonly value: string | null }
  readonly output: { readonly value: string | null } | null
  readonly config: Readonly<Record<string, unknown>>
  readonly sourceFilePath: string
}

/** What the blocks of a schema say. */
export interface SchemaConfig {
  readonly generators: readonly GeneratorBlock[]
  readonly datasources: readonly { readonly provider: string; readonly schemas: readonly unknown[] }[]
}

/** Schema files by absolute path. */
export type SchemaFiles = ReadonlyMap<string, string>

/** The `.prisma` files of a schema: itself, or all in its folder. */
export function readSchema(path: string): SchemaFiles {
  if (!existsSync(path)) return new Map()
  if (!statSync(path).isDirectory()) return new Map([[path, readFileSync(path, 'utf8')]])
  const names = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.prisma'))
    .map((entry) => join(entry.parentPath, entry.name))
    // the migrations of a project lie in the same folder, and hold no models
    .filter((file) => !relative(path, file).startsWith('migrations'))
  return new Map(names.sort().map((file) => [file, readFileSync(file, 'utf8')]))
}

type Engine = typeof import('@prisma/prisma-schema-wasm')

async function engine(): Promise<Engine> {
  const loaded = (await import('@prisma/prisma-schema-wasm')) as Engine & { default?: Engine }
  return loaded.default ?? loaded
}

/** Prisma's own reading of a schema: its models. Throws `INVALID_TYPE` with file, line and fault of all that is wrong. */
export async function datamodelOf(files: SchemaFiles): Promise<Datamodel> {
  const { get_dmmf } = await engine()
  await refuseFaults(files)
  return (JSON.parse(get_dmmf(JSON.stringify({ prismaSchema: [...files] }))) as { datamodel: Datamodel }).datamodel
}

/** Prisma's own reading of a schema: its blocks. Throws `INVALID_TYPE`. */
export async function configOf(files: SchemaFiles): Promise<SchemaConfig> {
  const { get_config } = await engine()
  const params = { prismaSchema: [...files], datasourceOverrides: {}, ignoreEnvVarErrors: true, env: {} }
  const { config, errors } = JSON.parse(get_config(JSON.stringify(params))) as {
    config: SchemaConfig
    errors: readonly { file_name: string; start: number; message: string }[]
  }
  if (errors.length > 0) throw broken(errors.map(({ file_name, start, message }) => `${placeOf(files, file_name, start)} ${message}`))
  return config
}

async function refuseFaults(files: SchemaFiles): Promise<void> {
  const { lint } = await engine()
  const found = JSON.parse(lint(JSON.stringify([...files]))) as readonly { file_name: string; start: number; text: string; is_warning: boolean }[]
  const faults = found.filter(({ is_warning }) => !is_warning)
  if (faults.length === 0) return
  // Without its annotation a companion has no relation back, which is all that Prisma would tell.
  throw broken([...nearAnnotations(files), ...faults.map(({ file_name, start, text }) => `${placeOf(files, file_name, start)} ${text}`)])
}

function nearAnnotations(files: SchemaFiles): string[] {
  return [...files].flatMap(([file, text]) =>
    text.split('\n').flatMap((line, i) => {
      const [, doc] = /^\s*\/\/\/(.*)/.exec(line) ?? []
      const tag = misspelt(doc)
      return tag === undefined ? [] : [`${file}:${i + 1} @${tag} is no annotation. Did you mean "@persistable"?`]
    }),
  )
}

function broken(faults: readonly string[]): PersistablesError {
  return new PersistablesError('INVALID_TYPE', `Prisma cannot read the schema:\n${faults.map((fault) => `  ${fault}`).join('\n')}\n`, {
    fix: 'Mend it (`prisma validate` says the same), then run this again. Nothing was written.',
    details: { faults },
  })
}

// Offsets count bytes.
function placeOf(files: SchemaFiles, file: string, start: number): string {
  const text = Buffer.from(files.get(file) ?? '').subarray(0, start)
  return `${file}:${text.toString().split('\n').length}`
}

/** Where a model, or a field of it, stands: `file:line`, or the first file. The schema is known to be sound. */
export function lineOf(files: SchemaFiles, model: string, field?: string): string {
  for (const [file, text] of files) {
    const lines = text.split('\n')
    const begins = lines.findIndex((line) => new RegExp(`^\\s*model\\s+${model}\\s*\\{`).test(line))
    if (begins === -1) continue
    const ends = lines.findIndex((line, i) => i > begins && /^\s*\}/.test(line))
    const at = field === undefined ? -1 : lines.findIndex((line, i) => i > begins && i < ends && new RegExp(`^\\s*${field}\\s`).test(line))
    return `${file}:${(at === -1 ? begins : at) + 1}`
  }
  return [...files.keys()][0] ?? 'schema.prisma'
}
