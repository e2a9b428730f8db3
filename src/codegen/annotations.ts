import { nearest } from '../errors'
import { near, unfitMember } from './names'

/** An artifact as it is annotated: `weights: floats -> disk, s3`. */
export interface ArtifactNote {
  readonly name: string
  readonly source: boolean
  /** expressions of patterns, e.g. `floats().to('disk')` */
  readonly patterns: readonly string[]
}

/** A role as it is annotated: `dataset: Dataset` or `inputs: Dataset[]`. */
export interface ParentNote {
  readonly role: string
  readonly type: string
  readonly many: boolean
}

/** What the `///` lines of a model say. */
export interface Annotations {
  /** the type's name, or undefined where none is given */
  readonly type: string | undefined
  /** what is no annotation: text for people */
  readonly text: readonly string[]
  readonly config: string | undefined
  readonly state: string | undefined
  readonly revision: string | undefined
  /** `{ Row } from "../src/rows"`: names, and path relative to the schema */
  readonly imports: readonly { readonly names: readonly string[]; readonly from: string }[]
  readonly artifacts: readonly ArtifactNote[]
  readonly parents: readonly ParentNote[]
  /** names of this package's functions that the patterns use */
  readonly serializers: readonly string[]
  readonly faults: readonly string[]
}

/** Annotations of a model, without the `@`. */
export const MODEL_TAGS: readonly string[] = ['persistable', 'config', 'state', 'revision', 'import', 'artifact', 'source', 'parent']
const SERIALIZERS = ['json', 'ndjson', 'csv', 'text', 'bytes', 'floats', 'file', 'directory', 'structured', 'parquet']
const WRAPPERS = ['gzip', 'brotli', 'zstd']
const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}', '<': '>' }

/** Whether the `///` lines make a model a companion. */
export function isAnnotated(documentation: string | undefined): boolean {
  return /^\s*@persistable\b/m.test(documentation ?? '')
}

/** A tag of a model that is not annotated, and probably was meant to be. */
export function misspelt(documentation: string | undefined): string | undefined {
  const tags = [...(documentation ?? '').matchAll(/^\s*@(\w+)/gm)].map(([, tag]) => tag as string)
  return tags.find((tag) => tag !== 'persistable' && nearest(tag, ['persistable']).length > 0)
}

/** Reads the `///` lines of a companion model. Throws nothing: what is wrong is in `faults`. */
export function annotationsOf(documentation: string): Annotations {
  const faults: string[] = []
  const text: string[] = []
  const once = new Map<string, string>()
  const imports: { names: readonly string[]; from: string }[] = []
  const artifacts: ArtifactNote[] = []
  const parents: ParentNote[] = []
  const used = new Set<string>()
  const imported = (): readonly string[] => imports.flatMap(({ names }) => names)

  const tags = statements(documentation, text)
  // Names that are imported may be used before the line that imports them.
  for (const [tag, rest] of [...tags].sort(([a], [b]) => Number(b === 'import') - Number(a === 'import'))) {
    if (tag === 'import') readImport(rest)
    else if (tag === 'artifact' || tag === 'source') readArtifact(tag, rest)
    else if (tag === 'parent') readParent(rest)
    else if (!MODEL_TAGS.includes(tag)) faults.push(`@${tag} is no annotation. ${near(tag, MODEL_TAGS)}`)
    else if (once.has(tag)) faults.push(`@${tag} stands there twice. Leave one out.`)
    else once.set(tag, rest)
  }
  for (const tag of ['config', 'state']) {
    const type = once.get(tag)
    if (type !== undefined && !isType(type)) faults.push(`@${tag} needs a TypeScript type. Write: @${tag} { rate: number }`)
  }
  const type = once.get('persistable') || undefined
  return {
    type,
    text,
    config: once.get('config'),
    state: once.get('state'),
    revision: once.get('revision'),
    imports,
    artifacts,
    parents,
    serializers: [...used].filter((name) => !imported().includes(name)).sort(),
    faults,
  }

  function readImport(rest: string): void {
    const [, list, from] = /^\{([^}]*)\}\s*from\s*["']([^"']+)["']$/.exec(rest) ?? []
    const names = (list ?? '').split(',').flatMap((name) => name.trim() || [])
    const fits = from !== undefined && names.length > 0 && names.every((name) => /^[A-Za-z_$][\w$]*$/.test(name))
    if (fits) imports.push({ names, from })
    else faults.push('@import cannot be read. Write: @import { Row } from "../src/rows"')
  }

  function readArtifact(tag: string, rest: string): void {
    const [, name = '', expression = ''] = /^(\w+)\s*:\s*(.+)$/.exec(rest) ?? []
    const unfit = unfitMember(name)
    if (unfit !== undefined || expression === '') {
      faults.push(
        `@${tag} ${rest} cannot be read${name === '' || unfit === undefined ? '' : `: "${name}" ${unfit}`}. Write: @${tag} weights: floats -> disk`,
      )
    } else if (artifacts.some((other) => other.name === name)) faults.push(`The artifact "${name}" is declared twice. Leave one out.`)
    else artifacts.push({ name, source: tag === 'source', patterns: expression.split(/\s\|\s/).flatMap((part) => patterns(name, part)) })
  }

  function patterns(artifact: string, part: string): string[] {
    const [expression = '', stores = 'disk'] = part.split(/\s*->\s*/)
    const call = serializerCall(expression.trim())
    const names = stores.split(',').map((store) => store.trim())
    const wrong = names.find((store) => !/^[a-z][a-z0-9-]*$/.test(store))
    if (wrong !== undefined) faults.push(`The artifact "${artifact}" names a store "${wrong}". Stores are [a-z][a-z0-9-]*, e.g. -> disk, s3`)
    return call === undefined ? [] : names.map((store) => `${call}.to('${store}')`)
  }

  function serializerCall(expression: string): string | undefined {
    const [, name = '', types = '', args] = /^([A-Za-z_$][\w$]*)\s*(<.*>)?\s*(?:\((.*)\))?$/.exec(expression) ?? []
    if (name === '' || !isBalanced(expression)) {
      faults.push(`"${expression}" is no serializer. Write floats, json<number[]> or gzip(ndjson<Row>)`)
      return undefined
    }
    if (![...SERIALIZERS, ...WRAPPERS, ...imported()].includes(name)) {
      faults.push(`There is no serializer "${name}". ${near(name, [...SERIALIZERS, ...WRAPPERS])} One of your own needs an @import.`)
      return undefined
    }
    used.add(name)
    if (!WRAPPERS.includes(name)) return `${name}${types}(${args ?? ''})`
    const inner = serializerCall((args ?? '').trim())
    return inner === undefined ? undefined : `${name}(${inner})`
  }

  function readParent(rest: string): void {
    const [, role = '', parent, list] = /^(\w+)\s*:\s*([A-Za-z]\w*)\s*(\[\])?$/.exec(rest) ?? []
    if (parent === undefined) faults.push(`@parent ${rest} cannot be read. Write: @parent dataset: Dataset, or @parent inputs: Dataset[]`)
    else if (unfitMember(role) !== undefined) faults.push(`The role "${role}" ${unfitMember(role)}.`)
    else if (parents.some((other) => other.role === role)) faults.push(`The role "${role}" is declared twice. Leave one out.`)
    else parents.push({ role, type: parent, many: list !== undefined })
  }
}

// An annotation goes on to the next line while its brackets are open.
function statements(documentation: string, text: string[]): [string, string][] {
  const found: [string, string][] = []
  let open = false
  for (const line of documentation.split('\n').map((each) => each.trim())) {
    const last = found.at(-1)
    const [, tag, rest] = /^@(\w+)\s*(.*)$/.exec(line) ?? []
    if (open && last !== undefined && !MODEL_TAGS.includes(tag ?? '')) last[1] += ` ${line}`
    else if (tag !== undefined) found.push([tag, (rest ?? '').trim()])
    else text.push(line)
    const now = found.at(-1)
    open = now !== undefined && !isBalanced(now[1]) && (open || tag !== undefined)
  }
  return found
}

function isType(text: string): boolean {
  return text !== '' && !/\/\/|\/\*|\*\/|`/.test(text) && isBalanced(text)
}

function isBalanced(text: string): boolean {
  const open: string[] = []
  for (const char of text.replace(/=>|->/g, '').replace(/'[^']*'|"[^"]*"/g, '')) {
    if (CLOSING[char] !== undefined) open.push(CLOSING[char])
    else if (Object.values(CLOSING).includes(char) && open.pop() !== char) return false
  }
  return open.length === 0
}
