import { suggest } from '../errors'

/** What every persistable has already: no column may be called so. */
export const BASE_MEMBERS: readonly string[] = [
  'id',
  'type',
  'registeredName',
  'name',
  'project',
  'author',
  'version',
  'versionDescription',
  'hash',
  'hasExternalFiles',
  'filepaths',
  'metadata',
  'config',
  'state',
  'columns',
  'libraryVersions',
  'tags',
  'aliases',
  'createdAt',
  'modifiedAt',
  'unloadedArtifacts',
  'artifact',
  'artifacts',
  'rows',
  'stream',
  'parent',
  'parents',
  'next',
  'update',
  'set',
  'identity',
  'onInit',
  'afterRestore',
  'toJSON',
  'then',
  'constructor',
  'AND',
  'OR',
  'NOT',
  'prototype',
]

/** Models that the base schema brings. */
export const BASE_MODELS: readonly string[] = [
  'Persistable',
  'PersistableEdge',
  'PersistableAlias',
  'PersistableTag',
  'PersistableCounter',
  'PersistableBlob',
  'PersistableRegistry',
]

/** Prisma's scalar types that a column may have. */
export const COLUMN_TYPES: readonly string[] = ['String', 'Int', 'BigInt', 'Float', 'Decimal', 'Boolean', 'DateTime', 'Json']

// Words that Prisma keeps from models and their fields, and globals that a class would hide.
const RESERVED: ReadonlySet<string> = new Set(
  `abstract any arguments as asserts async await boolean break case catch class const continue debugger declare default delete do else enum eval export
   extends false finally for from function get global if implements import in infer instanceof interface is keyof let module namespace never new null number object of
   package private protected public readonly require return set static string super switch symbol this throw true try type typeof undefined unique unknown var
   void while with yield Array Boolean Date Error Function JSON Map Math Number Object Promise Proxy RegExp Set String Symbol BigInt Buffer
   Prisma PrismaClient PrismaPromise Payload Args Result Bytes Decimal DateTime Float Int Json Unsupported model view datasource generator dynamic`.split(
    /\s+/,
  ),
)

/** Why a new type cannot be called so, or undefined. */
export function unfitType(name: string): string | undefined {
  if (!/^[A-Z][A-Za-z0-9_]{0,99}$/.test(name)) return 'is no name for a type: a capital letter, then letters, digits and _'
  if (RESERVED.has(name)) return 'is a word of TypeScript or Prisma'
  if (BASE_MODELS.includes(name)) return 'is a model of the registry itself'
  if (name.endsWith('Base')) return 'ends with Base, as generated classes do'
  return undefined
}

/** Why a column, member, artifact or role cannot be called so, or undefined. */
export function unfitMember(name: string): string | undefined {
  if (!/^[a-z][A-Za-z0-9_]{0,62}$/.test(name)) return 'is no name: a small letter, then letters, digits and _'
  return RESERVED.has(name) ? 'is a word of TypeScript or Prisma' : undefined
}

/** Why a column cannot be called so, or undefined. */
export function unfitColumn(name: string): string | undefined {
  return BASE_MEMBERS.includes(name) ? `would hide the member "${name}" that every persistable has` : unfitMember(name)
}

/** `Did you mean …` among known names. */
export function near(name: string, known: readonly string[]): string {
  return suggest(name, known, '')
}

/** The name with a small first letter. */
export function lowerFirst(name: string): string {
  return `${name.charAt(0).toLowerCase()}${name.slice(1)}`
}
