import { existsSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import type { Provider } from '../client'
import { PersistablesError } from '../errors'
import { BEGINS, baseRegion, companionsIn, refuseOwnModels, withRegion } from './base'
import { wantedExtension } from './extension'
import { type Change, changesFor } from './files'
import { blockOptions, supported } from './generate'
import type { Project } from './project'
import { configOf, datamodelOf, type GeneratorBlock } from './schema'

/** What {@link initialize} is told. */
export interface InitOptions {
  /** of an empty project. @defaultValue 'sqlite' */
  readonly provider?: Provider | undefined
}

/** What is to be done to a project, and what comes next. */
export interface Plan {
  readonly changes: readonly Change[]
  /** commands */
  readonly next: readonly string[]
}

export const GENERATOR = 'persistables-generator'

/** What `persistables init` would change. Writes nothing. Throws `INVALID_TYPE` for a schema that would not be sound afterwards, `INVALID_OPTION`. */
export async function initialize(project: Project, options: InitOptions = {}): Promise<Plan> {
  const { root, schema, host } = project
  const empty = project.files.size === 0
  if (empty && existsSync(schema)) throw emptyFolder(schema)
  const wanted = new Map<string, string>()
  const files = new Map(project.files)
  if (empty) files.set(host, starter(options.provider ?? 'sqlite'))
  refuseOwnModels(files)
  const before = withRegion(host, files.get(host) ?? '', baseRegion(companionsIn(files)))
  files.set(host, before)
  const config = await configOf(files)
  const [datasource] = config.datasources
  const provider = supported(datasource?.provider)
  if (options.provider !== undefined && options.provider !== provider) {
    throw new PersistablesError('INVALID_OPTION', `The schema is for ${provider}, and ${options.provider} was asked for.`, {
      fix: 'Leave --provider out.',
    })
  }
  if ((datasource?.schemas.length ?? 0) > 0) {
    throw new PersistablesError('INVALID_TYPE', 'The datasource names several schemas, so every model would need @@schema.', {
      fix: 'Give the registry a Prisma schema of its own, or use openRepository({ url }) with ?schema=….',
    })
  }
  if (generatorIn(config.generators) === undefined) files.set(host, withGenerator(before, generatorBlock(project, wantedExtension(root, config))))
  // Prisma's own reading decides whether the result is sound, before anything is written.
  await datamodelOf(files)
  wanted.set(host, files.get(host) as string)
  const settings = join(root, 'persistables.config.ts')
  if (!['ts', 'mts', 'js', 'mjs', 'cjs'].some((ending) => existsSync(join(root, `persistables.config.${ending}`))))
    wanted.set(settings, settingsFile(provider))
  if (empty && project.prismaConfig === null) wanted.set(join(root, 'prisma.config.ts'), prismaConfig(relative(root, schema), provider))
  return { changes: changesFor(wanted), next: nextSteps(project, provider, project.files.get(host)?.includes(BEGINS) ?? false) }
}

/** The generator block of this package, if the schema has one. */
export function generatorIn(generators: readonly GeneratorBlock[]): GeneratorBlock | undefined {
  return generators.find(
    ({ provider }) => provider.value !== null && /(^|[/\\ ])persistables-generator$|persistables.*[/\\]generator\.[cm]?js$/.test(provider.value),
  )
}

/** Where the classes of a project go, and what is generated. Throws `INVALID_TYPE` without a generator block. */
export async function placesOf(project: Project): Promise<{
  readonly output: string
  readonly classes: string
  readonly package: string | undefined
  readonly ending: string | undefined
  readonly provider: Provider
}> {
  const config = await configOf(project.files)
  const block = generatorIn(config.generators)
  if (block === undefined || block.output?.value == null) {
    throw new PersistablesError('INVALID_TYPE', `The schema ${project.schema} has no generator block of persistables with an output.`, {
      fix: 'Run `npx persistables init` first.',
      details: { schema: project.schema },
    })
  }
  const folder = dirname(block.sourceFilePath)
  const given = blockOptions(block.config, folder)
  return {
    output: join(folder, block.output.value),
    classes: given.classes ?? join(project.root, sourceFolder(project), 'persistables'),
    package: given.package,
    ending: given.ending,
    provider: supported(config.datasources[0]?.provider),
  }
}

function sourceFolder({ root }: Project): string {
  return existsSync(join(root, 'src')) ? 'src' : '.'
}

function generatorBlock(project: Project, extension: string): string {
  const place = (...parts: string[]): string => {
    const path = relative(dirname(project.host), join(project.root, sourceFolder(project), ...parts))
      .split(sep)
      .join('/')
    return path.startsWith('.') ? path : `./${path}`
  }
  const imports = extension === '' ? '' : `  // as the imports of Prisma's client end\n  importFileExtension = "${extension}"\n`
  return `generator persistables {
  provider = "${GENERATOR}"
  // what is generated, and where the classes are that you write
  output   = "${place('generated', 'persistables')}"
  classes  = "${place('persistables')}"
${imports}}
`
}

function withGenerator(text: string, block: string): string {
  const at = text.indexOf(BEGINS)
  return `${text.slice(0, at)}${block}\n${text.slice(at)}`
}

function starter(provider: Provider): string {
  return `generator client {
  provider = "prisma-client"
  output   = "../generated/prisma"
}

datasource db {
  provider = "${provider}"
}
`
}

function url(provider: Provider): string {
  return provider === 'sqlite' ? 'file:./dev.db' : 'postgresql://localhost:5432/app'
}

function prismaConfig(schema: string, provider: Provider): string {
  return `import { defineConfig } from 'prisma/config'

export default defineConfig({
  schema: '${schema.split(sep).join('/')}',
  datasource: { url: process.env['DATABASE_URL'] ?? '${url(provider)}' },
})
`
}

function settingsFile(provider: Provider): string {
  return `import { defineConfig, diskStore } from 'persistables'

// For the command line: where the registry's database and files are.
export default defineConfig({
  url: process.env['DATABASE_URL'] ?? '${url(provider)}',
  stores: [diskStore('./.persistables/files')],
})
`
}

function nextSteps({ prisma, packages }: Project, provider: Provider, again: boolean): string[] {
  const adapter = provider === 'sqlite' ? '@prisma/adapter-better-sqlite3' : '@prisma/adapter-pg'
  const install = ['@prisma/client', adapter].filter((name) => !packages.has(name)).map((name) => `${name}@7`)
  return [
    ...(prisma === null || !packages.has('prisma') ? ['npm install -D prisma@7'] : []),
    ...(install.length > 0 ? [`npm install ${install.join(' ')}`] : []),
    ...(again ? [] : ['npx persistables new Classifier --column accuracy:Float? --config rate:number --artifact weights:floats']),
    'npx prisma migrate dev --name persistables',
    // `new` generates by itself
    ...(again ? ['npx prisma generate'] : []),
  ]
}

function emptyFolder(schema: string): PersistablesError {
  return new PersistablesError('INVALID_OPTION', `The schema folder ${schema} holds no .prisma file.`, {
    fix: 'Put your schema there, or name it with --schema.',
    details: { schema },
  })
}
