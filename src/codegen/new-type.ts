import { existsSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { PersistablesError } from '../errors'
import { annotationsOf } from './annotations'
import { baseRegion, companionsIn, withRegion } from './base'
import { type Change, changesFor } from './files'
import { classFiles, generation } from './generate'
import { placesOf } from './init'
import { BASE_MEMBERS, COLUMN_TYPES, near, unfitColumn, unfitMember, unfitType } from './names'
import type { Project } from './project'
import { quote } from './render'
import { type Datamodel, datamodelOf, readSchema } from './schema'

/** A new type, as flags or answers say it. */
export interface NewType {
  readonly type: string
  /** `accuracy:Float?`, `rowCount:Int=0`, `slug:String@unique`, `stage:Stage@index` */
  readonly columns: readonly string[]
  /** `rate:number` */
  readonly config: readonly string[]
  readonly state: readonly string[]
  /** `weights:floats`, `rows:ndjson<Row>->disk,s3` */
  readonly artifacts: readonly string[]
  readonly sources: readonly string[]
  /** `dataset:Dataset`, `inputs:Dataset[]` */
  readonly parents: readonly string[]
  readonly description?: string | undefined
}

/** What a new type brings. */
export interface NewPlan {
  readonly changes: readonly Change[]
  /** whether a table comes with it, so that a migration is needed */
  readonly table: boolean
  readonly classFile: string
}

/**
 * What `persistables new` would write: the companion model where there are columns, the class, the skeleton of a test, and what is generated from them.
 * Writes nothing. Throws `INVALID_OPTION` with every fault, `INVALID_TYPE` for a schema that would not be sound.
 */
export async function newType(project: Project, wanted: NewType): Promise<NewPlan> {
  const places = await placesOf(project)
  const datamodel = await datamodelOf(project.files)
  const classFile = join(places.classes, `${wanted.type}.ts`)
  const testFile = join(places.classes, `${wanted.type}.test.ts`)
  const notes = annotationsOf(annotationLines(wanted).join('\n'))
  const faults = [
    ...clashes(wanted, datamodel, [classFile, testFile]),
    ...[...wanted.config, ...wanted.state].flatMap((one) => memberFault(one)),
    ...wanted.columns.flatMap((one) => columnFault(one, datamodel)),
    ...doubles(wanted.columns),
    ...notes.faults,
  ]
  if (faults.length > 0) {
    throw new PersistablesError('INVALID_OPTION', `The type ${wanted.type} cannot be made:\n${faults.map((one) => `  ${one}`).join('\n')}\n`, {
      fix: 'Nothing was written.',
      details: { faults },
    })
  }
  const table = wanted.columns.length > 0
  const classes = new Set(classFiles(places.classes).map(([type]) => type))
  const lone = table ? undefined : notes.parents.find((parent) => parent.many && !classes.has(parent.type))
  if (lone !== undefined) {
    throw new PersistablesError('INVALID_OPTION', `There is no class ${lone.type} in ${places.classes} for the parents "${lone.role}".`, {
      fix: `Make it first: persistables new ${lone.type}. Nothing was written.`,
    })
  }
  const slashes = (path: string): string => path.split(sep).join('/')
  const from = (path: string): string => {
    const text = slashes(relative(places.classes, path))
    return text.startsWith('.') ? text : `./${text}`
  }
  const ending = places.ending ?? ''
  const library = places.package === undefined ? 'persistables' : places.package.startsWith(sep) ? from(places.package) : places.package
  const source = table
    ? `import { ${wanted.type}Base } from '${from(places.output)}/${wanted.type}${ending}'\n\n${docstring(wanted)}export class ${wanted.type} extends ${wanted.type}Base {}\n`
    : classWithout(wanted, notes, library, classes, ending)
  const files = new Map(project.files)
  const written = new Map([
    [classFile, source],
    [testFile, testSkeleton(wanted, notes, project, ending)],
  ])
  if (table) {
    const single = project.host === project.schema
    const path = single ? project.schema : join(project.schema, `${wanted.type}.prisma`)
    if (!single && existsSync(path)) throw taken(path)
    const before = files.get(path) ?? ''
    files.set(path, `${before}${before === '' ? '' : before.endsWith('\n') ? '\n' : '\n\n'}${companionModel(wanted)}`)
    files.set(project.host, withRegion(project.host, files.get(project.host) ?? '', baseRegion(companionsIn(files))))
    for (const changed of [path, project.host]) written.set(changed, files.get(changed) as string)
  }
  const made = generation(await datamodelOf(files), files, { ...places, schema: project.schema })
  return { changes: [...changesFor(written), ...made.changes.filter(({ path }) => !path.endsWith('index.ts'))], table, classFile }
}

/** What the schema and the generated files would be, if everything that depends on the schema were brought up to date. Throws as `generation` does. */
export async function upToDate(
  project: Project,
): Promise<{ readonly changes: readonly Change[]; readonly types: readonly string[]; readonly warnings: readonly string[] }> {
  const places = await placesOf(project)
  const files = new Map(project.files)
  const host = files.get(project.host)
  if (host !== undefined) files.set(project.host, withRegion(project.host, host, baseRegion(companionsIn(files))))
  const made = generation(await datamodelOf(files), files, { ...places, schema: project.schema })
  return { ...made, changes: [...changesFor(files), ...made.changes] }
}

/** The project with its schema as it is on the disk now. */
export function reread(project: Project): Project {
  return { ...project, files: readSchema(project.schema) }
}

function taken(path: string): PersistablesError {
  return new PersistablesError('INVALID_OPTION', `${path} is there already.`, {
    fix: 'Take another name, or remove it first. Nothing was written.',
    details: { path },
  })
}

function clashes({ type }: NewType, { models, enums }: Datamodel, paths: readonly string[]): string[] {
  const unfit = unfitType(type)
  const other = [...models, ...enums].find(({ name }) => name.toLowerCase() === type.toLowerCase())
  return [
    ...(unfit === undefined ? [] : [`"${type}" ${unfit}.`]),
    ...(other === undefined ? [] : [`The schema has a model or enum ${other.name} already.`]),
    ...paths.filter((path) => existsSync(path)).map((path) => `${path} is there already.`),
  ]
}

function doubles(columns: readonly string[]): string[] {
  const names = columns.map((column) => column.split(':')[0] ?? '')
  return [...new Set(names.filter((name, i) => names.indexOf(name) !== i))].map((name) => `The column "${name}" is given twice.`)
}

const COLUMN = /^(\w+):(\w+)(\?)?(?:=([^@]+))?((?:@(?:unique|index))*)$/

function columnFault(column: string, { enums }: Datamodel): string[] {
  const [, name, type = ''] = COLUMN.exec(column) ?? []
  if (name === undefined) return [`The column ${column} cannot be read. Write accuracy:Float?, rowCount:Int=0 or slug:String@unique.`]
  const unfit = name === 'persistable' ? 'is the relation to the row that the columns belong to' : unfitColumn(name)
  const known = [...COLUMN_TYPES, ...enums.map((one) => one.name)]
  return [
    ...(unfit === undefined ? [] : [`The column "${name}" ${unfit}.`]),
    ...(known.includes(type) ? [] : [`The column "${name}" has the type "${type}", which is none. ${near(type, known)}`]),
  ]
}

function memberFault(member: string): string[] {
  const [, name, type] = /^(\w+)\??:(.+)$/.exec(member) ?? []
  if (name === undefined || type === undefined) return [`${member} cannot be read. Write rate:number or note?:string.`]
  // a config may have members that a column may not
  const unfit = BASE_MEMBERS.includes(name) ? undefined : unfitMember(name)
  return unfit === undefined ? [] : [`"${name}" ${unfit}.`]
}

function membersType(members: readonly string[]): string {
  const parts = members.map((member) => member.replace(/^(\w+\??):\s*/, '$1: '))
  return `{ ${parts.join('; ')} }`
}

function annotationLines({ config, state, artifacts, sources, parents }: NewType): string[] {
  const artifact = (given: string): string => given.replace(/^(\w+):\s*/, '$1: ').replace(/\s*->\s*/, ' -> ')
  return [
    '@persistable',
    ...(config.length > 0 ? [`@config ${membersType(config)}`] : []),
    ...(state.length > 0 ? [`@state ${membersType(state)}`] : []),
    ...sources.map((one) => `@source ${artifact(one)}`),
    ...artifacts.map((one) => `@artifact ${artifact(one)}`),
    ...parents.map((one) => `@parent ${one.replace(/^(\w+):\s*/, '$1: ')}`),
  ]
}

function companionModel(wanted: NewType): string {
  const fields = wanted.columns.map((column) => {
    const [, name, type, optional = '', given, attributes = ''] = COLUMN.exec(column) as unknown as string[]
    const literal = given === undefined ? '' : ` @default(${defaultOf(type as string, given)})`
    return [name as string, `${type}${optional}`, `${literal}${attributes.includes('@unique') ? ' @unique' : ''}`.trim()] as const
  })
  const all = [['id', 'String', '@id'] as const, ...fields]
  const [names, types] = [Math.max(...all.map(([name]) => name.length)), Math.max(...all.map(([, type]) => type.length))]
  const lines = all.map(([name, type, rest]) => `  ${name.padEnd(names)} ${type.padEnd(types)} ${rest}`.trimEnd())
  const indexes = wanted.columns.filter((column) => column.includes('@index')).map((column) => `  @@index([${column.split(':')[0]}, id])`)
  const docs = [...(wanted.description === undefined ? [] : [wanted.description]), ...annotationLines(wanted)]
  return `${docs.map((line) => `/// ${line}`).join('\n')}
model ${wanted.type} {
${lines.join('\n')}

  persistable Persistable @relation(fields: [id], references: [id], onDelete: Cascade)
${indexes.length > 0 ? `\n${indexes.join('\n')}\n` : ''}}
`
}

function defaultOf(type: string, given: string): string {
  if (type === 'String') return JSON.stringify(given)
  return type === 'Json' ? JSON.stringify(given) : given
}

function docstring({ type, description }: NewType): string {
  return description === undefined
    ? `/**\n * What a ${type} is, and what its config means: say it here, for whoever finds one in a year.\n */\n`
    : `/** ${description} */\n`
}

function classWithout(wanted: NewType, notes: ReturnType<typeof annotationsOf>, library: string, known: ReadonlySet<string>, ending: string): string {
  const functions = [
    ...(wanted.artifacts.length > 0 ? ['artifact'] : []),
    ...(wanted.sources.length > 0 ? ['source'] : []),
    ...(wanted.config.length + wanted.state.length > 0 ? ['typed'] : []),
    'persistable',
    ...notes.serializers.filter((name) => name !== 'parquet'),
  ].sort()
  const classes = [...new Set(notes.parents.map((parent) => parent.type))].filter((type) => type !== wanted.type && known.has(type)).sort()
  const list = (name: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : [`  ${name}: {`, ...lines.map((line) => `    ${line}`), '  },']
  const body = [
    ...(wanted.config.length > 0 ? [`  config: typed<${notes.config}>(),`] : []),
    ...(wanted.state.length > 0 ? [`  state: typed<${notes.state}>(),`] : []),
    ...list(
      'parents',
      notes.parents.map(({ role, type, many }) => `${role}: ${!classes.includes(type) ? quote(type) : many ? `[${type}]` : type},`),
    ),
    ...list(
      'artifacts',
      notes.artifacts.map(({ name, source, patterns }) => `${name}: ${source ? 'source' : 'artifact'}(${patterns.join(', ')}),`),
    ),
  ]
  const imports = [
    `import { ${functions.join(', ')} } from '${library}'`,
    ...(notes.serializers.includes('parquet') ? [`import { parquet } from '${library}/parquet'`] : []),
    ...classes.map((name) => `import { ${name} } from './${name}${ending}'`),
  ]
  const spec = body.length === 0 ? '' : `, {\n${body.join('\n')}\n}`
  return `${imports.join('\n')}\n\n${docstring(wanted)}export class ${wanted.type} extends persistable('${wanted.type}'${spec}) {}\n`
}

const SAMPLES: Readonly<Record<string, string>> = { number: '1', string: "'a'", boolean: 'true' }

function testSkeleton(
  { type, config, state, columns }: NewType,
  notes: ReturnType<typeof annotationsOf>,
  { packages }: Project,
  ending: string,
): string {
  const sample = (members: readonly string[]): string =>
    `{ ${members
      .map((member) => /^(\w+)\??:\s*(.+)$/.exec(member) as unknown as string[])
      .map(([, name, kind]) => `${name}: ${SAMPLES[kind as string] ?? 'undefined as never'}`)
      .join(', ')} }`
  const parents = notes.parents.map(({ role, many }) => `${role}: ${many ? '[]' : "{ id: '00000000-0000-4000-8000-000000000000' }"}`)
  const init = [
    "name: 'test'",
    ...(config.length > 0 ? [`config: ${sample(config)}`] : []),
    ...(state.length > 0 ? [`state: ${sample(state)}`] : []),
    ...(parents.length > 0 ? [`parents: { ${parents.join(', ')} }`] : []),
  ]
  const expected = config.length > 0 ? sample(config) : '{}'
  const vitest = packages.has('vitest')
  const jest = !vitest && packages.has('jest')
  const head = vitest
    ? "import { expect, test } from 'vitest'\n"
    : jest
      ? ''
      : "import assert from 'node:assert/strict'\nimport { test } from 'node:test'\n"
  const check = vitest || jest ? `expect(draft.config).toEqual(${expected})` : `assert.deepEqual({ ...draft.config }, ${expected})`
  const more =
    columns.length > 0 || notes.artifacts.length > 0
      ? '\n  // What it computes, what its artifacts hold, and which columns are set before it is saved.'
      : ''
  return `${head}import { ${type} } from './${type}${ending}'

test('a ${type} is made from its config', () => {
  const draft = new ${type}({ ${init.join(', ')} })
  ${check}${more}
})
`
}
