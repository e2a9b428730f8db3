import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import type { Serializer } from './artifacts/serializer'
import { type Definition, define, type Role, roleType, validate } from './definition'
import { PersistablesError, suggest } from './errors'
import { hashNormal } from './hash'
import { normalize, restore } from './normal'
import { checkName, checkTagKey, checkTagValue, formatRef, parseRef } from './ref'
import type { AnyDraft, AnySaved, AnyType, IdentityFacts, Init, ParentIdentity, PersistableType, Shape, ShapeOf, Spec } from './shape'
import type { Filepaths, Json, JsonObject } from './types'

/** A row of the registry, as plain data. */
export interface Row {
  readonly id: string
  readonly type: string
  readonly registeredName: string
  readonly project: string
  readonly name: string
  readonly author: string
  readonly version: number
  readonly versionDescription: string
  readonly hash: string
  readonly hasExternalFiles: boolean
  readonly filepaths: Filepaths
  readonly metadata: JsonObject
  readonly rowVersion: number
  readonly createdAt: Date
  readonly modifiedAt: Date
  readonly tags: Readonly<Record<string, string>>
}

/** What the registry keeps in a row's `metadata`. */
export interface Metadata {
  readonly config: JsonObject
  /** the user's state, and `save_patterns`: artifact → pattern names in order */
  readonly state: JsonObject & { readonly save_patterns: Readonly<Record<string, readonly string[]>> }
  readonly revision: string
  /** artifact → sha256 of its content */
  readonly digests: Readonly<Record<string, string>>
  /** artifacts whose content is part of the identity */
  readonly sources: readonly string[]
  readonly parents: Readonly<Record<string, readonly ParentNote[]>>
  readonly library_versions: Readonly<Record<string, string>>
}

/** A parent as it was when the child was saved. */
export interface ParentNote extends ParentIdentity {
  readonly id: string
}

/** Reads what lies outside the row of a saved persistable. The repository gives one to each. */
export interface Reader {
  artifact(row: Row, name: string, serializer: Serializer | undefined): Promise<unknown>
  stream(row: Row, name: string): AsyncIterable<Uint8Array>
  parents(row: Row, role: string, many: boolean): Promise<AnySaved | readonly AnySaved[]>
  unloaded(row: Row): readonly string[]
}

/** A parent as the user gave it. */
export type GivenParent = AnyDraft | AnySaved | string | { readonly id: string }

/** What an instance is, inside. */
export interface Facts {
  phase: 'draft' | 'saving' | 'saved'
  readonly definition: Definition
  readonly id: string
  readonly name: string
  project: string | undefined
  author: string | undefined
  readonly versionDescription: string
  readonly revision: string
  readonly config: { readonly json: JsonObject; readonly value: object }
  state: object
  tags: Record<string, string>
  readonly parents: ReadonlyMap<string, readonly GivenParent[]>
  readonly savePatterns: ReadonlyMap<string, readonly string[]>
  /** values of artifacts, until they are saved */
  readonly values: Map<string, unknown>
  /** raised by every change of a draft, so that what was staged before it is known to be stale */
  edits: number
  row: Row | undefined
  reader: Reader | undefined
}

// Symbol.for: instances of another installed copy of the package are recognised too.
const FACTS: unique symbol = Symbol.for('persistables.facts') as never
const DEFINITION: unique symbol = Symbol.for('persistables.definition') as never

/** Whether a value is an instance of a class made by `persistable()`. */
export function isPersistable(value: unknown): value is AnyDraft | AnySaved {
  return typeof value === 'object' && value !== null && FACTS in value
}

/** Whether a value is a class made by `persistable()`, or a subclass. */
export function isType(value: unknown): value is AnyType {
  return typeof value === 'function' && DEFINITION in value
}

/** The inside of an instance. Throws `INVALID_OPTION` for anything else. */
export function factsOf(value: unknown): Facts {
  if (isPersistable(value)) return (value as unknown as { [FACTS]: Facts })[FACTS]
  throw new PersistablesError('INVALID_OPTION', `${inspect(value, { depth: 0 }).slice(0, 80)} is not a persistable.`, {
    fix: 'Pass an instance of a class made by persistable().',
  })
}

/** What a class declares. Throws `INVALID_OPTION` for anything that is not a class made by `persistable()`. */
export function definitionOf(type: AnyType): Definition {
  if (isType(type)) return (type as unknown as { [DEFINITION]: Definition })[DEFINITION]
  throw new PersistablesError('INVALID_OPTION', `${inspect(type, { depth: 0 }).slice(0, 80)} is not a class made by persistable().`, {
    fix: 'Pass the class itself, e.g. repo.load(Dataset, …).',
  })
}

/** The registered names of a class and of the classes it extends. */
export function ancestry(type: AnyType): readonly string[] {
  const names = new Set<string>()
  for (let at: unknown = type; isType(at); at = Object.getPrototypeOf(at)) names.add(at.registeredName)
  return [...names]
}

/** The class of an instance. */
export function typeOf(instance: AnyDraft | AnySaved): AnyType {
  return instance.constructor as AnyType
}

/** The identity hash of an instance, from its identity facts. Throws `UNHASHABLE` when `identity()` gives what has no normal form. */
export function identityHash(instance: AnyDraft | AnySaved, facts: IdentityFacts): string {
  const identity = (instance as AnyDraft).identity(facts)
  return hashNormal(normalize(identity, { what: 'identity', code: 'UNHASHABLE' }))
}

/** The identity facts of a saved row. With them a loaded instance hashes as its draft did. */
export function rowIdentity(row: Row): IdentityFacts {
  const metadata = row.metadata as unknown as Partial<Metadata>
  const { digests = {}, sources = [], parents = {} } = metadata
  return {
    type: row.type,
    registeredName: row.registeredName,
    revision: metadata.revision ?? '',
    config: metadata.config ?? {},
    sources: Object.fromEntries(sources.map((artifact) => [artifact, digests[artifact] ?? ''])),
    parents: Object.fromEntries(Object.entries(parents).map(([role, list]) => [role, list.map(({ hash, artifacts }) => ({ hash, artifacts }))])),
  }
}

class Instance {
  static readonly registeredName: string;
  declare readonly [FACTS]: Facts

  constructor(given?: Init<Shape>) {
    const type = this.constructor as unknown as AnyType
    attach(this, draftFacts(type, given ?? {}))
    this.onInit()
  }

  get id(): string {
    return this[FACTS].id
  }
  get type(): string {
    return this[FACTS].definition.type
  }
  get registeredName(): string {
    return this[FACTS].row?.registeredName ?? (this.constructor as unknown as AnyType).registeredName
  }
  get name(): string {
    return this[FACTS].name
  }
  get project(): string | undefined {
    return this[FACTS].project
  }
  get author(): string | undefined {
    return this[FACTS].author
  }
  get versionDescription(): string {
    return this[FACTS].versionDescription
  }
  get config(): object {
    return this[FACTS].config.value
  }
  get state(): object {
    return this[FACTS].state
  }
  get tags(): Record<string, string> {
    return this[FACTS].tags
  }
  get version(): number | undefined {
    return this[FACTS].row?.version
  }
  get hash(): string | undefined {
    return this[FACTS].row?.hash
  }
  get hasExternalFiles(): boolean | undefined {
    return this[FACTS].row?.hasExternalFiles
  }
  get filepaths(): Filepaths | undefined {
    return this[FACTS].row?.filepaths
  }
  get metadata(): JsonObject | undefined {
    return this[FACTS].row?.metadata
  }
  get libraryVersions(): Readonly<Record<string, string>> | undefined {
    const row = this[FACTS].row
    return row && ((row.metadata['library_versions'] ?? {}) as Record<string, string>)
  }
  get createdAt(): Date | undefined {
    const row = this[FACTS].row
    return row && new Date(row.createdAt)
  }
  get modifiedAt(): Date | undefined {
    const row = this[FACTS].row
    return row && new Date(row.modifiedAt)
  }
  get unloadedArtifacts(): readonly string[] | undefined {
    const { row, reader } = this[FACTS]
    return row && reader?.unloaded(row)
  }

  set(artifact: string, value: unknown): this {
    const facts = this[FACTS]
    if (facts.phase !== 'draft') throw alreadySaved(this, `set the artifact "${artifact}" of it`)
    checkArtifact(facts.definition, artifact)
    facts.values.set(artifact, value)
    facts.edits++
    return this
  }

  identity(facts: IdentityFacts): Readonly<Record<string, unknown>> {
    return { ...facts }
  }

  onInit(): void {}
  afterRestore(): void {}

  async artifact(name: string, options: { readonly serializer?: Serializer } = {}): Promise<unknown> {
    const [row, reader] = saved(this, `read the artifact "${name}"`)
    if (row.filepaths[name] === undefined) throw unknownArtifact(row.type, name, Object.keys(row.filepaths))
    return reader.artifact(row, name, options.serializer)
  }

  stream(name: string): AsyncIterable<Uint8Array> {
    const [row, reader] = saved(this, `stream the artifact "${name}"`)
    if (row.filepaths[name] === undefined) throw unknownArtifact(row.type, name, Object.keys(row.filepaths))
    return reader.stream(row, name)
  }

  async parent(role: string): Promise<AnySaved | readonly AnySaved[]> {
    const [row, reader] = saved(this, `load the parent "${role}"`)
    return reader.parents(row, role, checkRole(this[FACTS].definition, role).many)
  }

  next(init: Partial<Init<Shape>> = {}): AnyDraft {
    const [row] = saved(this, 'make the next version')
    const facts = this[FACTS]
    const Class = this.constructor as unknown as AnyType
    const next = Object.create(Class.prototype as object) as Instance
    const given = { ...init, name: row.name, project: row.project }
    attach(next, draftFacts(Class, given, facts))
    next.onInit()
    return next as unknown as AnyDraft
  }

  toJSON(): object {
    const { row, definition, name, config } = this[FACTS]
    return row === undefined ? { type: definition.type, name, config: config.json } : { ...row }
  }

  [inspect.custom](_depth: number, options: object): string {
    const { row, definition, name, config, values } = this[FACTS]
    const shown = row === undefined ? { config: config.value, artifacts: [...values.keys()] } : savedView(row, config.value)
    const label = row === undefined ? `${definition.type}/${name} (draft)` : labelOf(row)
    return `${label} ${inspect(shown, { ...options, depth: 3 })}`
  }
}

function savedView(row: Row, config: object): object {
  const artifacts = Object.fromEntries(
    Object.entries(row.filepaths).map(([artifact, patterns]) => [artifact, Object.entries(patterns).map(([name, record]) => `${name}, ${record.size} bytes`)]),
  )
  const more = Object.keys(row.tags).length > 0 ? { tags: { ...row.tags } } : {}
  return { hash: `${row.hash.slice(0, 16)}…`, project: row.project, author: row.author, createdAt: row.createdAt, config, artifacts, ...more }
}

/** `Type/name@version` of a row. */
export function labelOf(row: Pick<Row, 'type' | 'name' | 'version'>): string {
  return formatRef({ type: row.type, name: row.name, at: { kind: 'version', version: row.version } })
}

/** What messages call an instance: its label, or `Type/name` of a draft. */
export function describe(instance: unknown): string {
  const facts = factsOf(instance)
  return facts.row === undefined ? `${facts.definition.type}/${facts.name}` : labelOf(facts.row)
}

/** `ALREADY_SAVED`, for an attempt to do something that only a draft can. */
export function alreadySaved(instance: unknown, attempt: string): PersistablesError {
  const facts = factsOf(instance)
  const what = facts.phase === 'saving' ? 'is being saved just now' : 'is saved'
  return new PersistablesError('ALREADY_SAVED', `${describe(instance)} ${what}, so nobody can ${attempt}.`, {
    fix: 'Saved versions never change: make a draft of the next one with .next({ … }) and save that.',
    details: { ref: describe(instance), id: facts.id },
  })
}

function saved(instance: Instance, attempt: string): [Row, Reader] {
  const { row, reader } = instance[FACTS]
  if (row !== undefined && reader !== undefined) return [row, reader]
  throw new PersistablesError('NOT_SAVED', `${describe(instance)} is a draft, so nobody can ${attempt}.`, { fix: 'Save it first: await repo.save(it).' })
}

function unknownArtifact(type: string, name: string, known: readonly string[]): PersistablesError {
  return new PersistablesError('UNKNOWN_ARTIFACT', `${type} has no artifact "${name}".`, { fix: suggest(name, known, 'It has none at all.'), details: { type, artifact: name, known } })
}

function checkArtifact(definition: Definition, name: string): void {
  if (!definition.artifacts.has(name)) throw unknownArtifact(definition.type, name, [...definition.artifacts.keys()])
}

function checkRole(definition: Definition, role: string): Role {
  const found = definition.parents.get(role)
  if (found !== undefined) return found
  const known = [...definition.parents.keys()]
  throw new PersistablesError('UNKNOWN_PARENT', `${definition.type} has no parent role "${role}".`, { fix: suggest(role, known, 'It has none at all.'), details: { role, known } })
}

function attach(instance: object, facts: Facts): void {
  Object.defineProperty(instance, FACTS, { value: facts })
}

const INIT_KEYS = ['name', 'project', 'author', 'versionDescription', 'tags', 'savePatterns', 'artifacts', 'config', 'state', 'parents']

// `from`: the saved instance whose config and parents a next version keeps where nothing is given.
function draftFacts(type: AnyType, init: Partial<Init<Shape>> & { config?: unknown; state?: unknown; parents?: unknown }, from?: Facts): Facts {
  const definition = definitionOf(type)
  for (const key of Object.keys(init)) {
    if (!INIT_KEYS.includes(key)) {
      throw new PersistablesError('INVALID_OPTION', `new ${definition.type}() takes no "${key}".`, { fix: suggest(key, INIT_KEYS, ''), details: { key, known: INIT_KEYS } })
    }
  }
  const name = checkName('name', init.name ?? 'default')
  const owner = `${definition.type}/${name}`
  const config = from !== undefined && init.config === undefined ? from.config : validate(definition.config, init.config, 'config', owner)
  const values = new Map<string, unknown>()
  for (const [artifact, value] of Object.entries(init.artifacts ?? {})) {
    checkArtifact(definition, artifact)
    if (value !== undefined) values.set(artifact, value)
  }
  return {
    phase: 'draft',
    definition,
    id: randomUUID(),
    name,
    project: init.project === undefined ? undefined : checkName('project', init.project),
    author: init.author === undefined ? undefined : checkName('author', init.author),
    versionDescription: checkDescription(init.versionDescription ?? ''),
    revision: definition.revision,
    config: { json: config.json, value: freeze(config.value) },
    state: validate(definition.state, init.state, 'state', owner).value,
    tags: checkTags(init.tags ?? {}),
    parents: givenParents(definition, owner, init.parents as Record<string, unknown> | undefined, from),
    savePatterns: givenPatterns(definition, init.savePatterns ?? {}),
    values,
    edits: 0,
    row: undefined,
    reader: undefined,
  }
}

/** Checks and copies tags. Throws `INVALID_NAME`. */
export function checkTags(tags: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(tags).map(([key, value]) => [checkTagKey(key), checkTagValue(value)]))
}

function checkDescription(text: unknown): string {
  if (typeof text === 'string' && text.isWellFormed() && !text.includes('\0')) return text
  throw new PersistablesError('INVALID_OPTION', 'versionDescription must be text without NUL and lone surrogates.', { fix: 'Pass a plain string.' })
}

function givenParents(definition: Definition, owner: string, given: Record<string, unknown> | undefined, from: Facts | undefined): Map<string, readonly GivenParent[]> {
  const parents = new Map<string, readonly GivenParent[]>()
  for (const role of Object.keys(given ?? {})) checkRole(definition, role)
  for (const [name, role] of definition.parents) {
    const value = given?.[name]
    const list = value === undefined ? from?.parents.get(name) : role.many ? value : [value]
    if (!Array.isArray(list)) {
      const problem = value === undefined ? `needs the parent "${name}" (${roleType(role)})` : `takes a list as its parents "${name}"`
      throw new PersistablesError('UNKNOWN_PARENT', `${owner} ${problem}.`, {
        fix: `Pass parents: { ${name}: ${role.many ? '[…]' : 'a saved ' + roleType(role)} }.`,
        details: { role: name },
      })
    }
    parents.set(name, Object.freeze(list.map((one: unknown) => givenParent(owner, name, role, one))))
  }
  return parents
}

function givenParent(owner: string, name: string, role: Role, value: unknown): GivenParent {
  if (isPersistable(value)) {
    checkParentType(owner, name, role, value)
    return value
  }
  if (typeof value === 'string') {
    parseRef(value)
    return value
  }
  if (typeof value === 'object' && value !== null && typeof (value as { id?: unknown }).id === 'string') return { id: (value as { id: string }).id }
  throw new PersistablesError('INVALID_REF', `The parent "${name}" of ${owner} is neither a persistable nor a reference.`, {
    fix: `Pass a saved ${roleType(role)}, 'name@version' or { id }.`,
  })
}

/** Throws `TYPE_MISMATCH` when an instance cannot stand in a role. */
export function checkParentType(owner: string, name: string, role: Role, parent: AnyDraft | AnySaved): void {
  const fits = typeof role.accepts === 'string' ? parent.type === role.accepts : isA(parent, role.accepts)
  if (fits) return
  throw new PersistablesError('TYPE_MISMATCH', `The parent "${name}" of ${owner} must be a ${roleType(role)}, and ${describe(parent)} is not.`, {
    fix: `Pass a saved ${roleType(role)}.`,
    details: { role: name, expected: roleType(role), found: describe(parent) },
  })
}

/** Whether an instance is of a class or of a subclass, by registered names, so that a class of another copy of a module counts as the same. */
export function isA(instance: AnyDraft | AnySaved, type: AnyType): boolean {
  return instance.type === type.type && ancestry(typeOf(instance)).includes(type.registeredName)
}

function givenPatterns(definition: Definition, given: Readonly<Record<string, readonly string[]>>): Map<string, readonly string[]> {
  const patterns = new Map<string, readonly string[]>()
  for (const [artifact, names] of Object.entries(given)) {
    checkArtifact(definition, artifact)
    if (!Array.isArray(names) || names.length === 0 || new Set(names).size !== names.length || names.some((name) => !/^[a-z][a-z0-9-]*_[a-z][a-z0-9-]*$/.test(name))) {
      throw new PersistablesError('INVALID_OPTION', `savePatterns for "${artifact}" of ${definition.type} must be a list of different pattern names, and is ${inspect(names)}.`, {
        fix: `A pattern name is a store and a serializer: { ${artifact}: ['disk_json'] }.`,
      })
    }
    patterns.set(artifact, Object.freeze([...names]))
  }
  for (const [artifact, { patterns: declared }] of definition.artifacts) {
    if (declared.length === 0 && !patterns.has(artifact)) {
      throw new PersistablesError('INVALID_OPTION', `${definition.type} declares the artifact "${artifact}" without a pattern, so each instance must bring one.`, {
        fix: `Pass savePatterns: { ${artifact}: ['disk_json'] }, or declare ${artifact}: artifact(json().to('disk')).`,
      })
    }
  }
  return patterns
}

/** Freezes plain objects and arrays all the way down; Dates, Maps and typed arrays inside cannot be. */
function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  for (const member of Object.values(value)) freeze(member)
  return Object.freeze(value)
}

/** Seals a draft as the row that was saved. */
export function seal(instance: unknown, row: Row, reader: Reader): void {
  const facts = factsOf(instance)
  facts.phase = 'saved'
  facts.row = row
  facts.reader = reader
  facts.project = row.project
  facts.author = row.author
  facts.state = freeze(userState(row))
  facts.tags = Object.freeze({ ...row.tags }) as Record<string, string>
  facts.values.clear()
}

// The state as the user knows it: without what the registry keeps in it.
function userState(row: Row): object {
  const { save_patterns: _reserved, ...state } = restore((row.metadata['state'] ?? {}) as Json) as Record<string, unknown>
  return state
}

/** A saved instance of a class from its row. No constructor and no validation run; `afterRestore` does. */
export function restoreInstance(type: AnyType, row: Row, reader: Reader): AnySaved {
  const instance = Object.create(type.prototype as object) as Instance
  const config = (row.metadata['config'] ?? {}) as JsonObject
  attach(instance, {
    phase: 'saved',
    definition: definitionOf(type),
    id: row.id,
    name: row.name,
    project: row.project,
    author: row.author,
    versionDescription: row.versionDescription,
    revision: String(row.metadata['revision'] ?? ''),
    config: { json: config, value: freeze(restore(config) as object) },
    state: freeze(userState(row)),
    tags: Object.freeze({ ...row.tags }) as Record<string, string>,
    parents: parentRefs(row),
    savePatterns: new Map(),
    values: new Map(),
    edits: 0,
    row,
    reader,
  })
  instance.afterRestore()
  return instance as unknown as AnySaved
}

// A next version keeps its parents, by id.
function parentRefs(row: Row): Map<string, readonly GivenParent[]> {
  const { parents = {} } = row.metadata as unknown as Partial<Metadata>
  return new Map(Object.entries(parents).map(([role, list]) => [role, list.map(({ id }) => ({ id }))]))
}

/**
 * Makes the class of a new type. Extend it; give code that changes meaning a new `revision`.
 *
 * Throws `INVALID_TYPE` or `INVALID_NAME` when the declaration cannot be used.
 *
 * @param type - scope of versions and default registered name, `[A-Za-z]\w*`
 * @example
 * class Dataset extends persistable('Dataset', {
 *   config: typed<{ url: string }>(),
 *   artifacts: { rows: source(ndjson<Row>().to('disk')) },
 * }) {}
 */
export function persistable<const R extends string, const Sp extends Spec>(type: R, spec?: Sp): PersistableType<R, ShapeOf<Sp>> {
  const definition = define(type, spec ?? {})
  const Class = class extends Instance {
    static readonly type: string = type
    static override readonly registeredName: string = type
  }
  Object.defineProperty(Class, 'name', { value: type })
  Object.defineProperty(Class, DEFINITION, { value: definition })
  return Class as unknown as PersistableType<R, ShapeOf<Sp>>
}
