import type { Provider } from '../client'
import type { Column } from '../companion'
import { PersistablesError } from '../errors'
import { type Annotations, annotationsOf, isAnnotated, misspelt } from './annotations'
import { COLUMN_TYPES, unfitColumn, unfitType } from './names'
import { type Datamodel, type DmmfField, type DmmfModel, lineOf, type SchemaFiles } from './schema'

/** A column with what the generated file says of it. */
export interface ColumnModel extends Column {
  readonly field: string
  readonly doc: readonly string[]
  /** TypeScript's type of it, without null */
  readonly out: string
  readonly in: string
}

/** A type to write a class for. */
export interface TypeModel extends Annotations {
  readonly type: string
  readonly model: string
  readonly table: string
  readonly schema: string | undefined
  readonly id: string | undefined
  readonly columns: readonly ColumnModel[]
}

/** What is read from a schema. */
export interface TypesRead {
  readonly types: readonly TypeModel[]
  /** what is lossy or slow, for people */
  readonly warnings: readonly string[]
}

/** The types that the models of a schema declare. Throws `INVALID_TYPE` with every fault: file, line, model, field and fix. */
export function typesOf(datamodel: Datamodel, provider: Provider, files: SchemaFiles): TypesRead {
  const faults: string[] = []
  const warnings: string[] = []
  const types: TypeModel[] = []
  const models = datamodel.models.filter(({ documentation }) => isAnnotated(documentation))
  for (const model of datamodel.models) {
    const tag = isAnnotated(model.documentation) ? undefined : misspelt(model.documentation)
    if (tag !== undefined) faults.push(`${lineOf(files, model.name)} ${model.name}: @${tag} is no annotation. Did you mean "@persistable"?`)
  }
  for (const model of models) {
    const fault = (what: string, field?: string): void =>
      void faults.push(`${lineOf(files, model.name, field)} ${model.name}${field === undefined ? '' : `.${field}`}: ${what}`)
    const notes = annotationsOf(model.documentation ?? '')
    for (const what of notes.faults) fault(what)
    const type = notes.type ?? model.name
    const unfit = unfitType(type)
    if (unfit !== undefined) fault(`"${type}" ${unfit}.`)
    const other = types.find((one) => one.type === type)
    if (other !== undefined) fault(`it and ${other.model} are both companions of the type ${type}. Give one another name: @persistable ${type}V2`)
    checkIdentity(model, fault)
    const columns = model.fields.flatMap((field) => columnOf(field) ?? [])
    const id = model.fields.find(({ name }) => name === 'id')
    types.push({
      ...notes,
      type,
      model: model.name,
      table: model.dbName ?? model.name,
      schema: model.schema ?? undefined,
      id: id?.dbName ?? undefined,
      columns,
    })

    function columnOf(field: DmmfField): ColumnModel | undefined {
      if (field.kind === 'object' || field.name === 'id') return undefined
      const name = unfitColumn(field.name)
      if (name !== undefined) fault(`the column ${name}. Call it something else, and keep its place with @map("${field.name}").`, field.name)
      if (field.isList) return void fault('lists of scalars are no columns. Use Json, or a model of its own.', field.name)
      if (field.kind === 'unsupported' || (field.kind === 'scalar' && !COLUMN_TYPES.includes(field.type)))
        return void fault(
          `${field.type} is no type for a column. Use one of ${COLUMN_TYPES.join(', ')} or an enum; bytes belong in an artifact.`,
          field.name,
        )
      if (provider === 'sqlite' && field.type === 'Decimal')
        warnings.push(`${lineOf(files, model.name, field.name)} ${model.name}.${field.name}: SQLite keeps a Decimal as a float of about 15 digits.`)
      const filling = fillOf(field, fault)
      const doc = (field.documentation ?? '').split('\n').map((line) => line.trim())
      const unknown = doc.find((line) => /^@\w/.test(line) && !/^@required\b/.test(line) && /^@req|^@optional/.test(line))
      if (unknown !== undefined) fault(`${unknown} is no annotation of a field. Did you mean "@required"?`, field.name)
      return {
        field: field.name,
        doc: doc.filter((line) => line !== '' && !/^@required\b/.test(line)),
        ...typesFor(field, datamodel),
        ...(field.dbName ? { column: field.dbName } : {}),
        ...(provider === 'postgresql' && typeIn(field, datamodel)),
        ...(!field.isRequired && { optional: true }),
        ...(doc.some((line) => /^@required\b/.test(line)) && { required: true }),
        ...filling,
      }
    }
  }
  refuseUnknownParents(types, faults, files)
  if (faults.length > 0) {
    throw new PersistablesError('INVALID_TYPE', `The schema declares persistables wrongly:\n${faults.map((one) => `  ${one}`).join('\n')}\n`, {
      fix: 'Mend all of it, then run `prisma generate` again. Nothing was written.',
      details: { faults },
    })
  }
  return { types, warnings }
}

function checkIdentity(model: DmmfModel, fault: (what: string, field?: string) => void): void {
  const id = model.fields.find(({ name }) => name === 'id')
  const relation = 'persistable Persistable @relation(fields: [id], references: [id], onDelete: Cascade)'
  if (id === undefined || !id.isId) return void fault('a companion needs the id of its persistable. Write: id String @id')
  if (id.type !== 'String') return void fault(`the id of a persistable is a uuid as text, and this is ${id.type}. Write: id String @id`, 'id')
  if (id.nativeType && id.nativeType[0] !== 'Text') fault('the id of a persistable is text. Leave @db away.', 'id')
  if (id.default !== undefined) fault('the id is the persistable’s own, so it has no default. Leave @default away.', 'id')
  const link = model.fields.find(({ type, relationFromFields }) => type === 'Persistable' && relationFromFields?.join() === 'id')
  if (link === undefined) return void fault(`it does not say whose companion it is. Add: ${relation}`)
  if (link.relationToFields?.join() !== 'id') fault(`it points to something else than the id of Persistable. Write: ${relation}`, link.name)
  if (link.relationOnDelete !== 'Cascade') fault(`a version could not be deleted. Write: ${relation}`, link.name)
}

function fillOf(field: DmmfField, fault: (what: string, field?: string) => void): Pick<Column, 'fill' | 'default'> {
  if (field.isUpdatedAt === true) return { fill: 'updated' }
  const given = field.default
  if (given === undefined) return {}
  if (typeof given !== 'object' || given === null)
    return { default: field.type === 'Json' ? JSON.parse(String(given)) : field.type === 'Decimal' ? String(given) : given }
  const { name } = given as { name?: string }
  if (name === 'now' || name === 'uuid') return { fill: name }
  fault(`the registry cannot make the default ${name ?? ''}(). Use a value, now() or uuid(), or give it in the program.`, field.name)
  return {}
}

const SCALARS: Readonly<Record<string, Pick<ColumnModel, 'kind' | 'out' | 'in'>>> = {
  String: { kind: 'text', out: 'string', in: 'string' },
  Int: { kind: 'int', out: 'number', in: 'number' },
  BigInt: { kind: 'bigint', out: 'bigint', in: 'bigint | number' },
  Float: { kind: 'float', out: 'number', in: 'number' },
  Decimal: { kind: 'decimal', out: 'string', in: 'string | number' },
  Boolean: { kind: 'bool', out: 'boolean', in: 'boolean' },
  DateTime: { kind: 'timestamp', out: 'Date', in: 'Date' },
  Json: { kind: 'json', out: 'Json', in: 'Json' },
}

function typesFor(field: DmmfField, { enums }: Datamodel): Pick<ColumnModel, 'kind' | 'out' | 'in' | 'values'> {
  const scalar = SCALARS[field.type]
  if (scalar !== undefined) return scalar
  const values = enums.find(({ name }) => name === field.type)?.values ?? []
  const union = values.map(({ name }) => `'${name}'`).join(' | ')
  return { kind: 'enum', out: union, in: union, values: Object.fromEntries(values.map(({ name, dbName }) => [name, dbName ?? name])) }
}

function typeIn(field: DmmfField, { enums }: Datamodel): { type?: string } {
  if (field.kind === 'enum') return { type: `"${enums.find(({ name }) => name === field.type)?.dbName ?? field.type}"` }
  return field.nativeType ? { type: nativeType(field) } : {}
}

// As PostgreSQL calls it: Prisma's names are its own.
function nativeType({ nativeType: native }: DmmfField): string {
  const [name, args] = native as readonly [string, readonly string[]]
  const names: Readonly<Record<string, string>> = { DoublePrecision: 'double precision', JsonB: 'jsonb', Oid: 'oid', VarBit: 'varbit', Char: 'char' }
  return `${names[name] ?? name.toLowerCase()}${args.length > 0 ? `(${args.join(',')})` : ''}`
}

function refuseUnknownParents(types: readonly TypeModel[], faults: string[], files: SchemaFiles): void {
  for (const { model, type, parents } of types) {
    for (const { role, type: parent, many } of parents) {
      if (many && reaches(types, parent, type))
        faults.push(
          `${lineOf(files, model)} ${model}: the role "${role}" lists a type that depends on this one, which cannot be. Declare it in the class, or as one parent.`,
        )
    }
  }
}

/** Whether a type depends, over its parents, on another, or is it. */
export function reaches(types: readonly TypeModel[], from: string, to: string, seen: ReadonlySet<string> = new Set()): boolean {
  if (from === to) return true
  if (seen.has(from)) return false
  const parents = types.find(({ type }) => type === from)?.parents ?? []
  return parents.some(({ type }) => reaches(types, type, to, new Set([...seen, from])))
}
