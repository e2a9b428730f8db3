import type { FlowOptions } from './artifacts/progress'
import type { AnySerializer } from './artifacts/serializer'
import type { Store } from './artifacts/store'
import type { PersistableClient, PersistableTransaction, Provider } from './client'
import type { FindOptions, Page } from './query'
import type { TypesOption } from './registry'
import type { Writes } from './rows'
import type { AnyDraft, AnySaved, AnyType, ColumnsOfType, ConfigOfType, Saved, StateOfType } from './shape'
import type { Logger } from './types'
import type { GcOptions, GcReport } from './upkeep/collection'
import type { Finding, VerifyOptions } from './upkeep/finding'

/** Names a saved persistable: `name`, `name@3`, `name@latest`, `name@alias`, with the type in front where no class is given; or by id or hash. */
export type RefInput = string | { readonly id: string } | { readonly hash: string }

/** Which artifacts `load` reads at once; the others are read when asked for. @defaultValue 'lazy' */
export type ArtifactLoading = 'lazy' | 'eager' | readonly string[]

/** Options of {@link Repository.load}. */
export interface LoadOptions {
  readonly artifacts?: ArtifactLoading
}

/** Options of saving. A signal cancels the save before its row exists: nothing becomes visible, and its reason is thrown. */
export interface SaveOptions extends FlowOptions {}

/** Options of {@link Repository.delete}. */
export interface DeleteOptions {
  /** also when it is somebody's parent or has aliases: children keep its hash and label, aliases go. @defaultValue false */
  readonly force?: boolean
  /** only say what would happen, or why it would be refused. @defaultValue false */
  readonly dryRun?: boolean
}

/** What {@link Repository.delete} did, or would do. */
export interface Deleted {
  readonly id: string
  /** `Type/name@version` */
  readonly ref: string
  /** `Type/name@version` of children that lost their parent, at most ten; only when forced */
  readonly children: readonly string[]
  readonly childCount: number
  /** aliases that went with it; only when forced */
  readonly aliases: readonly string[]
}

/** What `find` is told for a class. */
export type FindOptionsOf<T extends AnyType> = FindOptions<ColumnsOfType<T>, ConfigOfType<T>, StateOfType<T>>

/** One page of saved persistables; `cursor` is where the next one begins, `null` at the end. */
export type Found<T> = readonly T[] & { readonly cursor: string | null }

/** What a repository takes, besides its database. */
export interface RepositoryOptions {
  /** classes that rows become on load. @defaultValue none: then only `load(Class, …)` works */
  readonly types?: TypesOption
  /** where bytes go; their names are what patterns refer to */
  readonly stores?: readonly Store[]
  /** serializers besides those of this package; a name that is taken is replaced */
  readonly serializers?: readonly AnySerializer[]
  /** of drafts that name none. @defaultValue the user of the operating system, else 'default' */
  readonly author?: string
  /** all lookups stay in it. @defaultValue 'default' */
  readonly project?: string
  /** @defaultValue warnings to console.warn */
  readonly logger?: Logger
  /** the app's folder: its package.json's dependencies are noted with every save. @defaultValue process.cwd() */
  readonly cwd?: string
}

/** Options of `createRepository`. */
export interface CreateOptions<C extends PersistableClient = PersistableClient> extends RepositoryOptions {
  /** your own Prisma client, of a schema that holds the base models; never migrated and never disconnected here */
  readonly client: C
  /** only for a client that hides it. @defaultValue read from the client */
  readonly provider?: Provider
  /** PostgreSQL schema of the registry's tables. @defaultValue the search path's */
  readonly schema?: string
  /**
   * How rows are inserted: by one raw statement, or by the client's model methods in a transaction, which is slower, and which the client's query extensions
   * (an audit log, say) see. Versions are as safe either way, and both may be used on one database. @defaultValue 'statements'
   */
  readonly writes?: Writes
}

/** What can be saved inside a caller's transaction, and read there. */
export interface TransactionRepository {
  /**
   * Inserts a staged draft inside the caller's transaction: statements only, no bytes move. The draft itself stays a draft, so that the whole
   * transaction can be retried; what is returned is saved if and when the transaction commits.
   * Throws `NOT_STAGED` for a draft with artifacts that was not staged, `VERSION_CONFLICT` when the whole transaction must be retried.
   */
  save<T extends AnyDraft>(draft: T): Promise<Saved<T>>
  saveMany<const T extends readonly AnyDraft[]>(drafts: T): Promise<{ -readonly [K in keyof T]: T[K] extends AnyDraft ? Saved<T[K]> : never }>
  load: Repository['load']
  tryLoad: Repository['tryLoad']
  find: Repository['find']
  count: Repository['count']
  versions: Repository['versions']
  /** As `repo.update`; what is returned has the new columns if and when the transaction commits, and what was passed is unchanged. */
  update: Repository['update']
  delete: Repository['delete']
}

/** A Prisma client, types and stores: everything happens through it. Made by `openRepository` or `createRepository`. */
export interface Repository<C extends PersistableTransaction = PersistableClient> extends AsyncDisposable {
  /** the Prisma client in use */
  readonly client: C
  readonly project: string
  /** stores by name */
  readonly stores: ReadonlyMap<string, Store>
  /** registered names */
  readonly types: readonly string[]

  /**
   * Saves a draft as the next version of its name: bytes first, durably, then the row. Gives back the same object, sealed.
   * Throws `ALREADY_SAVED`, `ARTIFACT_MISSING`, `INVALID_ARTIFACT`, `INVALID_CONFIG`, `UNKNOWN_STORE`, `STORE_FAILED`, `DATABASE_FAILED`…; then nothing is visible and the draft is a draft again.
   */
  save<T extends AnyDraft>(draft: T, options?: SaveOptions): Promise<Saved<T>>
  /** Saves all or none. Drafts may be parents of each other; those of one name get versions in the order given. */
  saveMany<const T extends readonly AnyDraft[]>(
    drafts: T,
    options?: SaveOptions,
  ): Promise<{ -readonly [K in keyof T]: T[K] extends AnyDraft ? Saved<T[K]> : never }>
  /** Writes and pins a draft's bytes outside any transaction, so that `using(tx).save` needs statements only. Stage again when an hour has passed. */
  stage<T extends AnyDraft>(draft: T, options?: SaveOptions): Promise<T>
  /** As `stage`, for drafts that may be parents of each other: `using(tx).saveMany` takes all of them. */
  stageMany<const T extends readonly AnyDraft[]>(drafts: T, options?: SaveOptions): Promise<T>
  /** The same repository inside a caller's transaction. */
  using(tx: PersistableTransaction): TransactionRepository
  /** The identity hash of a draft or a saved one; of a draft it encodes the source artifacts. */
  hash(persistable: AnyDraft | AnySaved): Promise<string>

  /** Loads one version. Moves no bytes unless `artifacts` asks. Throws `NOT_FOUND` with near names, `TYPE_MISMATCH`, `UNKNOWN_TYPE`, `INVALID_REF`. */
  load<T extends AnyType>(type: T, ref: RefInput, options?: LoadOptions): Promise<Saved<InstanceType<T>>>
  load(ref: RefInput, options?: LoadOptions): Promise<AnySaved>
  /** As `load`, but `null` where nothing matches. */
  tryLoad<T extends AnyType>(type: T, ref: RefInput, options?: LoadOptions): Promise<Saved<InstanceType<T>> | null>
  tryLoad(ref: RefInput, options?: LoadOptions): Promise<AnySaved | null>
  /** Saved ones of a class and its subclasses, or of all types, newest first unless ordered otherwise. Throws `INVALID_QUERY`. */
  find<T extends AnyType>(type: T, options?: FindOptionsOf<T>): Promise<Found<Saved<InstanceType<T>>>>
  find(options?: FindOptions): Promise<Found<AnySaved>>
  /** Rows as plain data, for types that are not registered too. */
  rows(options?: FindOptions): Promise<Page>
  count<T extends AnyType>(type: T, options?: Omit<FindOptionsOf<T>, 'orderBy' | 'take' | 'cursor'>): Promise<number>
  count(options?: Omit<FindOptions, 'orderBy' | 'take' | 'cursor'>): Promise<number>
  /** All versions of a name, newest first. */
  versions<T extends AnyType>(type: T, name: string): Promise<Found<Saved<InstanceType<T>>>>

  /**
   * Changes columns of a saved one, as its own `update` does; also inside a caller's transaction.
   * Throws `VERSION_CONFLICT` when somebody else updated it since it was loaded, `INVALID_CONFIG`, `NOT_FOUND`.
   * @example await repo.update(classifier, { columns: { accuracy: 0.97 } })
   */
  update<T extends AnySaved>(persistable: T, changes: Parameters<T['update']>[0]): Promise<T>

  /**
   * Deletes one version: its row, tags and edges, never its number. Its bytes stay until gc. The version must be named exactly: by `name@3`, an id, or the
   * saved persistable. Throws `IN_USE` while it is somebody's parent or has an alias, unless forced; `NOT_FOUND`, `INVALID_REF`.
   */
  delete(type: AnyType, ref: string | { readonly id: string }, options?: DeleteOptions): Promise<Deleted>
  delete(persistable: AnySaved | string | { readonly id: string }, options?: DeleteOptions): Promise<Deleted>

  /**
   * Looks at the bytes of every row, artifact and pattern of the project, each blob once, and then for bytes that no row refers to. Findings come one by one,
   * in little memory however many there are; damage is a finding and never an error. A pattern whose chunk checksums are damaged gives a finding of its own.
   *
   * With `repair` what is missing or damaged is copied from a store that has it intact, and read back; damaged bytes are kept aside. With `toDeclared`
   * artifacts are also kept by patterns that their class declares now and did not then. Throws `UNKNOWN_STORE`, `INVALID_OPTION`, `INVALID_QUERY`.
   *
   * @example for await (const { kind, ref, place } of repo.verify({ repair: true })) if (kind !== 'ok') console.log(kind, ref, place)
   */
  verify(options?: VerifyOptions): AsyncIterable<Finding>
  /**
   * Removes bytes that no row of any project refers to and no save relies on, and gives a report for each store. May be killed at any moment, and run beside
   * savers and other gcs. Bytes that the registry does not know of, from a backup that was restored say, are watched for a term of grace first.
   *
   * Throws `GC_REFUSED`, before anything is removed, for a store that carries no mark or another registry's, when the registry has no rows at all, and when more
   * than half of a store's bytes would go; `force` overrides that. Throws `UNKNOWN_STORE`. What fails for a single blob is in the report.
   *
   * @example const [report] = await repo.gc({ dryRun: true })
   */
  gc(options?: GcOptions): Promise<readonly GcReport[]>

  /** Runs `work` with a repository that knows more; it is closed afterwards, and this one never changes. */
  with<R>(more: Pick<RepositoryOptions, 'types' | 'stores' | 'serializers'>, work: (repository: Repository<C>) => Promise<R>): Promise<R>
  /** Waits for saves under way, then frees what the repository opened itself. Every later call throws `CLOSED`. */
  close(): Promise<void>
}
