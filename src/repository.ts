import { randomUUID } from 'node:crypto'
import { userInfo } from 'node:os'
import { setImmediate as turn } from 'node:timers/promises'
import type { AnySerializer } from './artifacts/serializer'
import { builtIn } from './artifacts/serializers/built-in'
import type { Store } from './artifacts/store'
import { type Blobs, blobsOf } from './blobs'
import { isTransaction, type PersistableClient, type PersistableTransaction, providerOf } from './client'
import type {
  ArtifactLoading,
  CreateOptions,
  Found,
  LoadOptions,
  RefInput,
  Repository,
  RepositoryOptions,
  SaveOptions,
  TransactionRepository,
} from './contract'
import type { Role } from './definition'
import { type Dialect, dialectOf } from './dialect'
import { nearest, PersistablesError, suggest } from './errors'
import { alreadySaved, definitionOf, describe, factsOf, isA, isType, typeOf } from './facts'
import { identityHash } from './identity'
import { type LibraryVersions, libraryDifferences, libraryVersions } from './libraries'
import { restoreInstance, seal } from './persistable'
import { type FindOptions, type Page, type Query, queryOf, type Scope } from './query'
import { readerOf } from './reader'
import { checkName, checkStoreName, parseRef } from './ref'
import { type Registry, registryOf } from './registry'
import { labelOf, type Row, rowIdentity } from './row'
import { PinsLost, type Rows, rowsOf } from './rows'
import type { AnyDraft, AnySaved, AnyType, Saved } from './shape'
import { draftHash, refreshed, type Staged, stage } from './staging'
import type { Logger } from './types'

/** What a repository is made of. */
interface Parts {
  readonly client: PersistableClient
  readonly dialect: Dialect
  readonly registry: Registry
  readonly stores: ReadonlyMap<string, Store>
  readonly serializers: ReadonlyMap<string, AnySerializer>
  readonly given: ReadonlySet<string>
  readonly logger: Logger
  readonly project: string
  readonly author: string
  readonly cwd: string
  readonly blobs: Blobs
  readonly life: Life
}

// Shared by a repository and everything derived from it.
interface Life {
  readonly staged: WeakMap<object, Staged>
  readonly saving: Set<Promise<unknown>>
  readonly warned: Set<string>
  readonly closers: readonly (() => Promise<void>)[]
  closed: Promise<void> | undefined
}

/** Where warnings go unless the caller says otherwise. */
export const CONSOLE: Logger = { warn: (message) => console.warn(`persistables: ${message}`) }

/**
 * A repository on the app's own Prisma client, whose schema holds the base models. Nothing is migrated, and the client is never disconnected.
 *
 * @example const repo = createRepository({ client: prisma, types: [Dataset], stores: [diskStore('./files')] })
 */
export function createRepository<C extends PersistableClient>(options: CreateOptions<C>): Repository<C> {
  return assemble(options, []) as Repository<C>
}

/** A repository, and what to free when it closes. For `openRepository`. */
export function assemble(options: CreateOptions, closers: readonly (() => Promise<void>)[]): Repository {
  const { client } = options
  if (typeof client?.$queryRawUnsafe !== 'function' || typeof client.$transaction !== 'function') {
    throw new PersistablesError('INVALID_OPTION', 'createRepository got no Prisma client.', {
      fix: 'Pass { client: prisma }, or use openRepository({ url }).',
    })
  }
  if (client.persistable === undefined || client.persistableBlob === undefined) {
    throw new PersistablesError('SCHEMA_MISSING', 'The Prisma client was generated from a schema without the registry’s models.', {
      fix: 'Put the base models of prisma/models.prisma of this package into your schema, then run prisma generate and prisma migrate dev.',
    })
  }
  const dialect = dialectOf(options.provider ?? providerOf(client), options.schema)
  const parts: Parts = {
    client,
    dialect,
    registry: registryOf(options.types ?? []),
    stores: byName(options.stores ?? [], 'store'),
    serializers: byName<AnySerializer>([...builtIn(), ...(options.serializers ?? [])], 'serializer'),
    given: new Set((options.serializers ?? []).map(({ name }) => name)),
    logger: options.logger ?? CONSOLE,
    project: checkName('project', options.project ?? 'default'),
    author: checkName('author', options.author ?? osUser()),
    cwd: options.cwd ?? process.cwd(),
    blobs: blobsOf(client, dialect, randomUUID),
    life: { staged: new WeakMap(), saving: new Set(), warned: new Set(), closers, closed: undefined },
  }
  return new PersistableRepository(parts)
}

function byName<T extends { readonly name: string }>(list: readonly T[], kind: 'store' | 'serializer'): ReadonlyMap<string, T> {
  const map = new Map<string, T>()
  for (const one of list) {
    checkStoreName(one?.name)
    if (kind === 'store' && map.has(one.name)) {
      throw new PersistablesError('INVALID_OPTION', `Two stores are called "${one.name}".`, {
        fix: "Give one a name of its own: diskStore(dir, { name: 'backup' }).",
      })
    }
    map.set(one.name, one)
  }
  return map
}

function osUser(): string {
  try {
    return checkName('author', userInfo().username)
  } catch {
    return 'default'
  }
}

class PersistableRepository implements Repository {
  readonly #parts: Parts
  readonly #query: Query
  readonly #rows: Rows
  readonly #tx: boolean
  #scopeClosed = false

  constructor(parts: Parts, tx?: PersistableTransaction) {
    this.#parts = parts
    this.#tx = tx !== undefined
    this.#query = queryOf(tx ?? parts.client, parts.dialect)
    this.#rows = rowsOf(tx ?? parts.client, parts.dialect, this.#tx)
  }

  get client(): PersistableClient {
    return this.#parts.client
  }
  get project(): string {
    return this.#parts.project
  }
  get stores(): ReadonlyMap<string, Store> {
    return this.#parts.stores
  }
  get types(): readonly string[] {
    return this.#parts.registry.names
  }

  async save<T extends AnyDraft>(draft: T, options: SaveOptions = {}): Promise<Saved<T>> {
    const [saved] = await this.#save([draft], options)
    return saved as unknown as Saved<T>
  }

  async saveMany<const T extends readonly AnyDraft[]>(
    drafts: T,
    options: SaveOptions = {},
  ): Promise<{ -readonly [K in keyof T]: T[K] extends AnyDraft ? Saved<T[K]> : never }> {
    return (await this.#save(drafts, options)) as never
  }

  async stage<T extends AnyDraft>(draft: T, options: SaveOptions = {}): Promise<T> {
    this.#assertOpen()
    const release = this.#lock([draft])
    try {
      await this.#stage([draft], options)
      return draft
    } finally {
      release()
    }
  }

  using(tx: PersistableTransaction): TransactionRepository {
    this.#assertOpen()
    if (!isTransaction(tx) || (tx as unknown) === this.#parts.client) {
      throw new PersistablesError('INVALID_OPTION', 'using() got something else than the client of a transaction.', {
        fix: 'Pass the tx that the callback of a transaction gets: repo.using(tx).save(ready).',
      })
    }
    return new PersistableRepository(this.#parts, tx)
  }

  async hash(persistable: AnyDraft | AnySaved): Promise<string> {
    this.#assertOpen()
    const { row } = factsOf(persistable)
    return row === undefined ? draftHash(persistable as AnyDraft, this.#staging({})) : identityHash(persistable, rowIdentity(row))
  }

  async load(...args: unknown[]): Promise<never> {
    const { type, ref, options } = loadArguments(args)
    this.#assertOpen()
    const found = await this.#load(type, ref, options)
    if (found === null) throw await this.#notFound(type, ref)
    return found as never
  }

  async tryLoad(...args: unknown[]): Promise<never> {
    const { type, ref, options } = loadArguments(args)
    this.#assertOpen()
    return (await this.#load(type, ref, options)) as never
  }

  async find(...args: unknown[]): Promise<never> {
    const [type, options] = typeAndOptions<FindOptions>(args)
    const page = await this.#page(type, options)
    const found: AnySaved[] = []
    for (const [i, row] of page.rows.entries()) {
      if (i % 500 === 499) await turn()
      found.push(this.#restore(row, type))
    }
    return Object.assign(found, { cursor: page.cursor }) as never
  }

  async rows(options: FindOptions = {}): Promise<Page> {
    return this.#page(undefined, options)
  }

  async count(...args: unknown[]): Promise<number> {
    this.#assertOpen()
    const [type, options] = typeAndOptions<FindOptions>(args)
    return this.#query.count(this.#scope(type, options), options)
  }

  async versions<T extends AnyType>(type: T, name: string): Promise<Found<Saved<InstanceType<T>>>> {
    definitionOf(type)
    return this.find(type, { where: { name: checkName('name', name) }, orderBy: { version: 'desc' } })
  }

  async with<R>(more: Pick<RepositoryOptions, 'types' | 'stores' | 'serializers'>, work: (repository: Repository) => Promise<R>): Promise<R> {
    this.#assertOpen()
    const inner = new PersistableRepository({
      ...this.#parts,
      registry: more.types === undefined ? this.#parts.registry : this.#parts.registry.with(more.types),
      stores: new Map([...this.#parts.stores, ...byName(more.stores ?? [], 'store')]),
      serializers: new Map([...this.#parts.serializers, ...byName(more.serializers ?? [], 'serializer')]),
      given: new Set([...this.#parts.given, ...(more.serializers ?? []).map(({ name }) => name)]),
    })
    try {
      return await work(inner)
    } finally {
      inner.#scopeClosed = true
    }
  }

  async close(): Promise<void> {
    const { life } = this.#parts
    life.closed ??= (async () => {
      await Promise.allSettled(life.saving)
      for (const close of life.closers) await close()
    })()
    await life.closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #save(drafts: readonly AnyDraft[], options: SaveOptions): Promise<AnySaved[]> {
    this.#assertOpen()
    const release = this.#lock(drafts)
    const work = (async () => {
      try {
        return await (this.#tx ? this.#insertStaged(drafts, options) : this.#stageAndInsert(drafts, options))
      } finally {
        release()
      }
    })()
    const { saving } = this.#parts.life
    const settled: Promise<unknown> = work.then(
      () => saving.delete(settled),
      () => saving.delete(settled),
    )
    saving.add(settled)
    return work
  }

  async #stageAndInsert(drafts: readonly AnyDraft[], options: SaveOptions): Promise<AnySaved[]> {
    for (let attempt = 0; ; attempt++) {
      const staged = await this.#stage(drafts, options)
      try {
        const rows = await this.#insert(staged, options)
        return drafts.map((draft, i) => {
          this.#parts.life.staged.delete(draft)
          seal(draft, rows[i] as Row, this.#reader(typeOf(draft)))
          return draft as unknown as AnySaved
        })
      } catch (error) {
        // What was staged stays staged: a stream cannot be staged again.
        if (!(error instanceof PinsLost)) throw error
        for (const draft of drafts) this.#parts.life.staged.delete(draft)
        if (attempt > 0) throw pinsLost(error, drafts)
      }
    }
  }

  async #insertStaged(drafts: readonly AnyDraft[], options: SaveOptions): Promise<AnySaved[]> {
    const staged: Staged[] = []
    for (const draft of drafts) {
      const facts = factsOf(draft)
      const ready = this.#parts.life.staged.get(draft)
      if (ready?.edits === facts.edits) staged.push(refreshed(draft, ready))
      else if (facts.definition.artifacts.size === 0) staged.push(...(await stage([draft], this.#staging(options))))
      else {
        throw new PersistablesError(
          'NOT_STAGED',
          `${describe(draft)} ${ready === undefined ? 'was not staged' : 'was changed after it was staged'}.`,
          {
            fix: 'Before the transaction: const ready = await repo.stage(draft). Inside it no bytes are moved.',
          },
        )
      }
    }
    try {
      const rows = await this.#insert(staged, options)
      return drafts.map((draft, i) => restoreInstance(typeOf(draft), rows[i] as Row, this.#reader(typeOf(draft))))
    } catch (error) {
      throw pinsLost(error, drafts)
    }
  }

  async #stage(drafts: readonly AnyDraft[], options: SaveOptions): Promise<Staged[]> {
    const { staged } = this.#parts.life
    const known = drafts.map((draft) => staged.get(draft))
    if (known.every((ready, i) => ready !== undefined && ready.edits === factsOf(drafts[i]).edits))
      return drafts.map((draft, i) => refreshed(draft, known[i] as Staged))
    const fresh = await stage(drafts, this.#staging(options))
    for (const [i, draft] of drafts.entries()) staged.set(draft, fresh[i] as Staged)
    return fresh
  }

  async #insert(staged: readonly Staged[], options: SaveOptions): Promise<Row[]> {
    options.signal?.throwIfAborted()
    const now = new Date()
    return this.#rows.insert(staged.map(({ row }) => ({ ...row, createdAt: now, modifiedAt: now })))
  }

  // Marks drafts as being saved, so that a second save of one at the same time is refused, and undoes that unless they were sealed.
  #lock(drafts: readonly AnyDraft[]): () => void {
    if (new Set(drafts).size !== drafts.length) {
      throw new PersistablesError('INVALID_OPTION', 'saveMany got one draft twice.', {
        fix: 'Pass each draft once; two versions of a name are two drafts.',
      })
    }
    const facts = drafts.map((draft) => {
      const inside = factsOf(draft)
      if (inside.phase !== 'draft') throw alreadySaved(draft, 'save it again')
      this.#parts.registry.refuseImpostor(typeOf(draft))
      return inside
    })
    for (const one of facts) one.phase = 'saving'
    return () => {
      for (const one of facts) if (one.phase === 'saving') one.phase = 'draft'
    }
  }

  async #load(type: AnyType | undefined, ref: RefInput, options: LoadOptions): Promise<AnySaved | null> {
    const row = await this.#row(type, ref)
    if (row === null) return null
    const instance = this.#restore(row, type)
    if (type !== undefined && !isA(instance, type)) throw mismatch(instance, type)
    await this.#prefetch(instance, options.artifacts ?? 'lazy')
    return instance
  }

  async #row(type: AnyType | undefined, ref: RefInput): Promise<Row | null> {
    const scope: Scope = { project: this.#parts.project }
    if (typeof ref === 'object' && ref !== null) {
      if ('id' in ref && typeof ref.id === 'string') return this.#query.byId(scope, ref.id)
      if ('hash' in ref && typeof ref.hash === 'string')
        return this.#query.byHash(type === undefined ? scope : { ...scope, type: type.type }, ref.hash)
    }
    if (typeof ref !== 'string') {
      throw new PersistablesError('INVALID_REF', 'A reference is text, { id } or { hash }.', {
        fix: "Write 'name', 'name@3', 'Type/name@3', { id: '…' } or { hash: '…' }.",
      })
    }
    const { type: named, name, at } = parseRef(ref)
    const of = named ?? type?.type
    if (of === undefined) {
      throw new PersistablesError('INVALID_REF', `The reference "${ref}" names no type.`, {
        fix: `Write the type in front, e.g. '${this.#parts.registry.names[0] ?? 'Dataset'}/${ref}', or pass the class: repo.load(Class, '${ref}').`,
        details: { ref, known: this.#parts.registry.names },
      })
    }
    if (type !== undefined && named !== undefined && named !== type.type) {
      throw new PersistablesError('TYPE_MISMATCH', `"${ref}" names a ${named}, and a ${type.type} is asked for.`, {
        fix: `Leave the type out: '${ref.slice(ref.indexOf('/') + 1)}'.`,
      })
    }
    const pick = at.kind === 'latest' ? 'latest' : at.kind === 'version' ? { version: at.version } : { alias: at.alias }
    // "The latest of a subclass" is its own latest; an exact version is an exact version, of whatever class it is.
    const subclass = type === undefined || pick !== 'latest' ? undefined : this.#parts.registry.namesOf(type)
    if (subclass !== undefined) {
      const page = await this.#query.find(
        { ...scope, type: of, registeredNames: subclass },
        { where: { name }, orderBy: { version: 'desc' }, take: 1 },
      )
      return page.rows[0] ?? null
    }
    return this.#query.byName({ ...scope, type: of }, name, pick)
  }

  async #page(type: AnyType | undefined, options: FindOptions): Promise<Page> {
    this.#assertOpen()
    return this.#query.find(this.#scope(type, options), options)
  }

  // A type that `where` names exactly narrows the scope: the indexes begin with project and type.
  #scope(type: AnyType | undefined, options: Pick<FindOptions, 'where'>): Scope {
    const { project, registry } = this.#parts
    if (type === undefined) return typeof options.where?.type === 'string' ? { project, type: options.where.type } : { project }
    const registeredNames = registry.namesOf(type)
    return { project, type: definitionOf(type).type, ...(registeredNames !== undefined && { registeredNames }) }
  }

  #restore(row: Row, asked: AnyType | undefined): AnySaved {
    this.#compareLibraries(row)
    const type = this.#parts.registry.classOf(row, asked)
    return restoreInstance(type, row, this.#reader(type))
  }

  #compareLibraries(row: Row): void {
    const { cwd, life, logger } = this.#parts
    const differences = libraryDifferences((row.metadata['library_versions'] ?? {}) as LibraryVersions, libraryVersions(cwd))
    const key = differences.join('\n')
    if (differences.length === 0 || life.warned.has(key)) return
    life.warned.add(key)
    logger.warn(`${labelOf(row)} was saved with other libraries than are installed here:\n  ${differences.join('\n  ')}`, { differences })
  }

  #reader(type: AnyType): ReturnType<typeof readerOf> {
    const { stores, serializers, given, logger } = this.#parts
    const context = {
      stores,
      serializers,
      given,
      logger,
      assertOpen: () => this.#assertOpen(),
      parents: async (row: Row, role: string) =>
        (await this.#query.parents(row.id, role)).map(({ row: parent, label }) => ({
          instance: parent === null ? null : this.#restore(parent, this.#roleClass(row, role)),
          label,
        })),
    }
    return readerOf(context, definitionOf(type))
  }

  #roleClass(row: Row, role: string): AnyType | undefined {
    const accepts = definitionOf(this.#parts.registry.classOf(row)).parents.get(role)?.accepts
    return isType(accepts) ? accepts : undefined
  }

  async #prefetch(instance: AnySaved, artifacts: ArtifactLoading): Promise<void> {
    if (artifacts === 'lazy') return
    if (artifacts !== 'eager' && !Array.isArray(artifacts)) {
      throw new PersistablesError('INVALID_OPTION', `artifacts cannot be ${JSON.stringify(artifacts)}.`, {
        fix: "Pass 'lazy', 'eager' or a list of names.",
      })
    }
    for (const name of artifacts === 'eager' ? Object.keys(instance.filepaths) : artifacts) await instance.artifact(name as never)
  }

  #staging(options: SaveOptions): Parameters<typeof stage>[1] {
    const { project, author, cwd, stores, serializers, blobs } = this.#parts
    const resolve = async (role: Role, ref: string | { readonly id: string }) => {
      const type = isType(role.accepts) ? role.accepts : undefined
      const full = typeof ref === 'string' && type === undefined && !ref.includes('/') ? `${String(role.accepts)}/${ref}` : ref
      // Not load(): a save that is under way may go on while the repository closes.
      const parent = await this.#load(type, full, {})
      if (parent === null) throw await this.#notFound(type, full)
      return parent
    }
    return { project, author, cwd, stores, serializers, blobs, resolve, signal: options.signal, onProgress: options.onProgress }
  }

  async #notFound(type: AnyType | undefined, ref: RefInput): Promise<PersistablesError> {
    const { project } = this.#parts
    const there = project === 'default' ? '' : ` in the project "${project}"`
    if (typeof ref === 'object') {
      return new PersistablesError('NOT_FOUND', `Nothing${there} has the ${'id' in ref ? `id ${ref.id}` : `hash ${ref.hash}`}.`, {
        fix: 'Look it up with repo.find() or `npx persistables ls`.',
        details: { ref },
      })
    }
    const parsed = parseRef(ref)
    const of = parsed.type ?? type?.type ?? ''
    const names = await this.#query.names({ project, type: of })
    const same = names.find(({ name }) => name === parsed.name)
    const details = {
      ref,
      type: of,
      near: nearest(
        parsed.name,
        names.map(({ name }) => name),
      ),
    }
    if (same !== undefined) {
      const what =
        parsed.at.kind === 'version'
          ? `version ${parsed.at.version}`
          : parsed.at.kind === 'alias'
            ? `alias "${parsed.at.alias}"`
            : `version of ${type?.registeredName}`
      return new PersistablesError('NOT_FOUND', `No ${of} "${parsed.name}"${there} has the ${what}. The latest is ${same.version}.`, {
        fix: `Try '${parsed.name}' or '${parsed.name}@${same.version}'.`,
        details: { ...details, latest: same.version },
      })
    }
    return new PersistablesError('NOT_FOUND', `There is no ${of} "${parsed.name}"${there}.`, {
      fix: suggest(
        parsed.name,
        names.map(({ name }) => name),
        `There is no ${of} at all yet; save one first.`,
      ),
      details,
    })
  }

  #assertOpen(): void {
    if (this.#parts.life.closed === undefined && !this.#scopeClosed) return
    throw new PersistablesError(
      'CLOSED',
      this.#scopeClosed ? 'This repository was only for the callback of with(), which is over.' : 'The repository is closed.',
      {
        fix: 'Open another one; load what you need from that.',
      },
    )
  }
}

function pinsLost(error: unknown, drafts: readonly AnyDraft[]): unknown {
  if (!(error instanceof PinsLost)) return error
  return new PersistablesError('NOT_STAGED', `The bytes of ${drafts.map(describe).join(', ')} were staged too long ago; gc may have removed them.`, {
    fix: 'Stage and save again.',
  })
}

function mismatch(instance: AnySaved, type: AnyType): PersistablesError {
  return new PersistablesError('TYPE_MISMATCH', `${describe(instance)} is a ${instance.registeredName}, and a ${type.registeredName} is asked for.`, {
    fix: `Load it as ${instance.registeredName}.`,
    details: { expected: type.registeredName, found: instance.registeredName },
  })
}

function loadArguments(args: readonly unknown[]): { type: AnyType | undefined; ref: RefInput; options: LoadOptions } {
  const [first, second, third] = args
  if (isType(first) || first === undefined) return { type: first, ref: second as RefInput, options: (third ?? {}) as LoadOptions }
  if (typeof first === 'function') definitionOf(first as unknown as AnyType)
  return { type: undefined, ref: first as RefInput, options: (second ?? {}) as LoadOptions }
}

function typeAndOptions<O>(args: readonly unknown[]): [AnyType | undefined, O] {
  const [first, second] = args
  // A class that is undefined (circular imports do that) must not turn into "all of them".
  if (typeof first === 'function' || args.length > 1 || (first !== undefined && (typeof first !== 'object' || first === null))) {
    definitionOf(first as AnyType)
    return [first as AnyType, (second ?? {}) as O]
  }
  return [undefined, (first ?? {}) as O]
}
