import { inspect } from 'node:util'
import type { FlowOptions } from './artifacts/progress'
import { changesOf } from './companion'
import { define } from './definition'
import { draftFacts } from './draft'
import { PersistablesError } from './errors'
import {
  alreadySaved,
  checkArtifact,
  checkRole,
  DEFINITION,
  definitionOf,
  describe,
  FACTS,
  type Facts,
  factsOf,
  type GivenParent,
  unknownArtifact,
} from './facts'
import { freezeDeep, restore } from './normal'
import { labelOf, metadataOf, type Reader, type ReaderOptions, type Row } from './row'
import type { AnyDraft, AnySaved, AnyType, IdentityFacts, Init, PersistableType, Shape, ShapeOf, Spec } from './shape'
import type { Filepaths, Json, JsonObject } from './types'

class Instance {
  static readonly registeredName: string
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
  get columns(): Readonly<Record<string, unknown>> {
    const { row, columns } = this[FACTS]
    return row === undefined ? columns : (row.columns ?? {})
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

  async artifact(name: string, options: ReaderOptions = {}): Promise<unknown> {
    const [row, reader] = withArtifact(this, name, 'read')
    return reader.artifact(row, name, options)
  }

  rows(name: string, options: ReaderOptions = {}): AsyncIterable<unknown> {
    const [row, reader] = withArtifact(this, name, 'read')
    return reader.rows(row, name, options)
  }

  stream(name: string, options: FlowOptions = {}): AsyncIterable<Uint8Array> {
    const [row, reader] = withArtifact(this, name, 'stream')
    return reader.stream(row, name, options)
  }

  async parent(role: string): Promise<AnySaved | readonly AnySaved[]> {
    const [row, reader] = saved(this, `load the parent "${role}"`)
    return reader.parents(row, role, checkRole(this[FACTS].definition, role).many)
  }

  async update(changes: Changes): Promise<this> {
    const [, reader] = saved(this, 'update it')
    this[FACTS].row = await updatedRow(this, changes, reader.update)
    return this
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
    Object.entries(row.filepaths).map(([artifact, patterns]) => [
      artifact,
      Object.entries(patterns).map(([name, record]) => `${name}, ${record.size} bytes`),
    ]),
  )
  const more = Object.keys(row.tags).length > 0 ? { tags: { ...row.tags } } : {}
  return { hash: `${row.hash.slice(0, 16)}…`, project: row.project, author: row.author, createdAt: row.createdAt, config, artifacts, ...more }
}
// A next version keeps its parents, by id.
function parentRefs(row: Row): Map<string, readonly GivenParent[]> {
  const { parents = {} } = metadataOf(row)
  return new Map(Object.entries(parents).map(([role, list]) => [role, list.map(({ id }) => ({ id }))]))
}

function saved(instance: Instance, attempt: string): [Row, Reader] {
  const { row, reader } = instance[FACTS]
  if (row !== undefined && reader !== undefined) return [row, reader]
  throw new PersistablesError('NOT_SAVED', `${describe(instance)} is a draft, so nobody can ${attempt}.`, {
    fix: 'Save it first: await repo.save(it).',
  })
}

/** What an update may change. */
export interface Changes {
  readonly columns: object
}

/** The row of a saved instance after an update. Throws `NOT_SAVED`, `INVALID_OPTION`, `INVALID_CONFIG`. */
export async function updatedRow(instance: unknown, changes: Changes, update: Reader['update']): Promise<Row> {
  const [row] = saved(instance as Instance, 'update it')
  const { columns, type } = factsOf(instance).definition
  const unknown = Object.keys(changes ?? {}).find((key) => key !== 'columns')
  if (unknown !== undefined || typeof changes?.columns !== 'object' || changes.columns === null) {
    throw new PersistablesError('INVALID_OPTION', `update() takes columns alone${unknown === undefined ? '' : `, and got "${unknown}"`}.`, {
      fix: 'Nothing else of a saved version changes: make the next one with .next({ … }).',
    })
  }
  if (columns !== undefined) return update(row, changesOf(columns, changes.columns as Readonly<Record<string, unknown>>, describe(instance)))
  throw new PersistablesError('INVALID_CONFIG', `${type} has no columns.`, { fix: `Add a companion model: persistables new ${type} --column …` })
}

function withArtifact(instance: Instance, name: string, attempt: string): [Row, Reader] {
  const [row, reader] = saved(instance, `${attempt} the artifact "${name}"`)
  if (!Object.hasOwn(row.filepaths, name)) throw unknownArtifact(row.type, name, Object.keys(row.filepaths))
  return [row, reader]
}

function attach(instance: object, facts: Facts): void {
  Object.defineProperty(instance, FACTS, { value: facts })
}

/** Seals a draft as the row that was saved. */
export function seal(instance: unknown, row: Row, reader: Reader): void {
  const facts = factsOf(instance)
  facts.phase = 'saved'
  facts.row = row
  facts.reader = reader
  facts.project = row.project
  facts.author = row.author
  facts.state = freezeDeep(userState(row))
  facts.tags = Object.freeze({ ...row.tags }) as Record<string, string>
  facts.columns = {}
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
    config: { json: config, value: freezeDeep(restore(config) as object) },
    state: freezeDeep(userState(row)),
    tags: Object.freeze({ ...row.tags }) as Record<string, string>,
    parents: parentRefs(row),
    savePatterns: new Map(),
    columns: {},
    values: new Map(),
    edits: 0,
    row,
    reader,
  })
  instance.afterRestore()
  return instance as unknown as AnySaved
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
  for (const field of Object.keys(definition.columns?.fields ?? {})) {
    Object.defineProperty(Class.prototype, field, {
      configurable: true,
      get(this: Instance) {
        return this.columns[field]
      },
    })
  }
  return Class as unknown as PersistableType<R, ShapeOf<Sp>>
}
