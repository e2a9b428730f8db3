import { setImmediate as turn } from 'node:timers/promises'
import type { Store } from './artifacts/store'
import { isTransaction, type PersistableClient, type PersistableTransaction } from './client'
import type {
  CreateOptions,
  Deleted,
  DeleteOptions,
  Found,
  LoadOptions,
  RefInput,
  Repository,
  RepositoryOptions,
  SaveOptions,
  TransactionRepository,
} from './contract'
import { deleteVersion } from './deletion'
import { PersistablesError, suggest } from './errors'
import { definitionOf, factsOf, isType, typeOf } from './facts'
import { identityHash } from './identity'
import { type Keeping, keepingOf } from './keeping'
import { type Loading, loadingOf } from './loading'
import { type Parts, partsOf, wider, within } from './parts'
import { restoreInstance, updatedRow } from './persistable'
import { type FindOptions, type Page, type Query, queryOf } from './query'
import { checkName } from './ref'
import { rowIdentity } from './row'
import { type Rows, rowsOf } from './rows'
import { type Saving, savingOf } from './saving'
import type { AnyDraft, AnySaved, AnyType, Saved } from './shape'
import type { GcOptions, GcReport } from './upkeep/collection'
import type { Finding, VerifyOptions } from './upkeep/finding'

/**
 * A repository on the app's own Prisma client, whose schema holds the base models. Nothing is migrated, and the client is never disconnected.
 *
 * @example const repo = createRepository({ client: prisma, types: [Dataset], stores: [diskStore('./files')] })
 */
export function createRepository<C extends PersistableClient>(options: CreateOptions<C>): Repository<C> {
  return assemble(options, [], false) as Repository<C>
}

/** A repository, and what to free when it closes. For `openRepository`. */
export function assemble(options: CreateOptions, closers: readonly (() => Promise<void>)[], lone: boolean): Repository {
  return new PersistableRepository(partsOf(options, closers, lone))
}

class PersistableRepository implements Repository {
  readonly #parts: Parts
  readonly #query: Query
  readonly #loading: Loading
  readonly #rows: Rows
  readonly #saving: Saving
  readonly #keeping: Keeping
  readonly #inTransaction: boolean
  #scopeClosed = false

  constructor(parts: Parts, tx?: PersistableTransaction) {
    const client = tx ?? parts.client
    this.#parts = parts
    this.#inTransaction = tx !== undefined
    this.#query = queryOf(client, parts.dialect, tx !== undefined)
    this.#rows = rowsOf(client, parts.dialect, { transaction: tx !== undefined, writes: parts.writes, lone: parts.lone })
    this.#loading = loadingOf(parts, this.#query, this.#rows, () => this.#assertOpen())
    this.#saving = savingOf(parts, this.#rows, this.#loading, tx)
    this.#keeping = keepingOf(parts, this.#query)
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
    this.#assertOpen()
    const [saved] = await this.#saving.save([draft], checkOptions(options))
    return saved as unknown as Saved<T>
  }

  async saveMany<const T extends readonly AnyDraft[]>(
    drafts: T,
    options: SaveOptions = {},
  ): Promise<{ -readonly [K in keyof T]: T[K] extends AnyDraft ? Saved<T[K]> : never }> {
    this.#assertOpen()
    return (await this.#saving.save(drafts, checkOptions(options))) as never
  }

  async stage<T extends AnyDraft>(draft: T, options: SaveOptions = {}): Promise<T> {
    this.#assertOpen()
    await this.#saving.stage([draft], checkOptions(options))
    return draft
  }

  async stageMany<const T extends readonly AnyDraft[]>(drafts: T, options: SaveOptions = {}): Promise<T> {
    this.#assertOpen()
    await this.#saving.stage(drafts, checkOptions(options))
    return drafts
  }

  using(tx: PersistableTransaction): TransactionRepository {
    this.#assertOpen()
    if (!isTransaction(tx) || (tx as unknown) === this.#parts.client) {
      throw new PersistablesError('INVALID_OPTION', 'using() got something else than the client of a transaction.', {
        fix: 'Pass the tx that the callback of a transaction gets: repo.using(tx).save(ready).',
      })
    }
    return new PersistableRepository(within(this.#parts, tx), tx)
  }

  async hash(persistable: AnyDraft | AnySaved): Promise<string> {
    this.#assertOpen()
    const { row } = factsOf(persistable)
    return row === undefined ? this.#saving.hash(persistable as AnyDraft) : identityHash(persistable, rowIdentity(row))
  }

  async load(...args: unknown[]): Promise<never> {
    const { type, ref, options } = loadArguments(args)
    this.#assertOpen()
    const found = await this.#loading.load(type, ref, options)
    if (found === null) throw await this.#loading.notFound(type, ref)
    return found as never
  }

  async tryLoad(...args: unknown[]): Promise<never> {
    const { type, ref, options } = loadArguments(args)
    this.#assertOpen()
    return (await this.#loading.load(type, ref, options)) as never
  }

  async find(...args: unknown[]): Promise<never> {
    const [type, options] = typeAndOptions<FindOptions>(args)
    const page = await this.#page(type, options)
    const found: AnySaved[] = []
    for (const [i, row] of page.rows.entries()) {
      if (i % 500 === 499) await turn()
      found.push(await this.#loading.restore(row, type))
    }
    return Object.assign(found, { cursor: page.cursor }) as never
  }

  async rows(options: FindOptions = {}): Promise<Page> {
    return this.#page(undefined, checkOptions(options))
  }

  async count(...args: unknown[]): Promise<number> {
    this.#assertOpen()
    const [type, options] = typeAndOptions<FindOptions>(args)
    return this.#query.count(this.#loading.scope(type, options), options)
  }

  async versions<T extends AnyType>(type: T, name: string): Promise<Found<Saved<InstanceType<T>>>> {
    definitionOf(type)
    return this.find(type, { where: { name: checkName('name', name) }, orderBy: { version: 'desc' } })
  }

  async update<T extends AnySaved>(persistable: T, changes: Parameters<T['update']>[0]): Promise<T> {
    this.#assertOpen()
    const row = await updatedRow(persistable, changes, this.#rows.update)
    const type = typeOf(persistable)
    // The caller's transaction may be rolled back, and then what was loaded outside is still right.
    if (this.#inTransaction) return restoreInstance(type, row, this.#loading.reader(type)) as T
    factsOf(persistable).row = row
    return persistable
  }

  async delete(...args: unknown[]): Promise<Deleted> {
    this.#assertOpen()
    const { type, ref, options } = loadArguments<DeleteOptions>(args)
    const unknown = Object.keys(options).find((key) => key !== 'force' && key !== 'dryRun')
    if (unknown !== undefined)
      throw new PersistablesError('INVALID_OPTION', `delete() takes no "${unknown}".`, { fix: suggest(unknown, ['force', 'dryRun'], '') })
    const context = { loading: this.#loading, rows: this.#rows, registry: this.#parts.registry }
    return deleteVersion(context, type, ref, options)
  }

  async *verify(options: VerifyOptions = {}): AsyncGenerator<Finding, void, undefined> {
    this.#assertOpen()
    for await (const finding of this.#keeping.verify(options)) {
      yield finding
      this.#assertOpen()
    }
  }

  async gc(options: GcOptions = {}): Promise<readonly GcReport[]> {
    this.#assertOpen()
    return this.#underWay(this.#keeping.gc(options))
  }

  async with<R>(more: Pick<RepositoryOptions, 'types' | 'stores' | 'serializers'>, work: (repository: Repository) => Promise<R>): Promise<R> {
    this.#assertOpen()
    if (typeof more !== 'object' || more === null || typeof work !== 'function') {
      throw new PersistablesError('INVALID_OPTION', 'with() takes what to know more, and what to do with it.', {
        fix: 'Write repo.with({ types: [ … ] }, async (wider) => { … }).',
      })
    }
    const inner = new PersistableRepository(wider(this.#parts, more))
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

  async #page(type: AnyType | undefined, options: FindOptions): Promise<Page> {
    this.#assertOpen()
    return this.#query.find(this.#loading.scope(type, options), options)
  }

  // Closing waits for it.
  async #underWay<R>(work: Promise<R>): Promise<R> {
    const { saving } = this.#parts.life
    const settled: Promise<unknown> = work.then(
      () => saving.delete(settled),
      () => saving.delete(settled),
    )
    saving.add(settled)
    return work
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

// What is left out may be null too, from JavaScript.
function checkOptions<O extends object>(options: O | null | undefined): O {
  if (options === undefined || options === null) return {} as O
  if (typeof options === 'object' && !Array.isArray(options)) {
    const { signal } = options as { signal?: unknown }
    if (signal === undefined || signal instanceof AbortSignal) return options
    throw new PersistablesError('INVALID_OPTION', 'signal is no AbortSignal.', { fix: 'Pass the signal of an AbortController, or leave it out.' })
  }
  throw new PersistablesError('INVALID_OPTION', `Options are an object, and ${JSON.stringify(options)} was given.`, {
    fix: "Write them by name, e.g. { artifacts: 'eager' }.",
  })
}

function loadArguments<O extends object = LoadOptions>(args: readonly unknown[]): { type: AnyType | undefined; ref: RefInput; options: O } {
  const [first, second, third] = args
  if (isType(first) || first === undefined) return { type: first, ref: second as RefInput, options: checkOptions(third as O) }
  if (typeof first === 'function') definitionOf(first as unknown as AnyType)
  return { type: undefined, ref: first as RefInput, options: checkOptions(second as O) }
}

function typeAndOptions<O extends object>(args: readonly unknown[]): [AnyType | undefined, O] {
  const [first, second] = args
  // A class that is undefined (circular imports do that) must not turn into "all of them".
  if (typeof first === 'function' || args.length > 1 || (first !== undefined && (typeof first !== 'object' || first === null))) {
    definitionOf(first as AnyType)
    return [first as AnyType, checkOptions(second as O)]
  }
  return [undefined, checkOptions(first as O)]
}
