import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { FlowOptions } from './artifacts/progress'
import type { Pattern, Serializer } from './artifacts/serializer'
import type { Columns } from './companion'
import type { DeepReadonly, Filepaths, JsonObject } from './types'

/** Carries a type's shape at compile time; it has no value at run time. */
export declare const SHAPE: unique symbol

/**
 * How an artifact is declared. Made by `artifact()` and `source()`.
 *
 * @typeParam Out - what `artifact(name)` gives
 * @typeParam In - what `set(name, value)` takes
 */
export interface Artifact<Out = unknown, In = Out> {
  /** whether its content is part of the identity hash */
  readonly source: boolean
  /** in the order they are read; all of them are written, at the same time */
  readonly patterns: readonly Pattern<Out, In>[]
}

// Artifacts of any type: the slots are `any` because In is contravariant and Out covariant.
// biome-ignore lint/suspicious/noExplicitAny: variance slots
export type AnyArtifact = Artifact<any, any>

/** What a class declares, as types. Written out by hand it makes an exported class compile with `isolatedDeclarations`. */
export interface Shape {
  /** config as `instance.config` gives it. @defaultValue {} */
  config?: unknown
  /** config as the constructor takes it, where a schema has defaults or transforms. @defaultValue the same as `config` */
  configInput?: unknown
  /** @defaultValue {} */
  state?: unknown
  /** @defaultValue the same as `state` */
  stateInput?: unknown
  parents?: ParentSpecs
  artifacts?: Readonly<Record<string, AnyArtifact>>
  /** columns as saved ones have them. @defaultValue {} */
  columns?: unknown
  /** columns as drafts and updates take them. @defaultValue the same as `columns` */
  columnsInput?: unknown
}

/** A role's type: a class, `[Class]` for any number of them, or a type's name where the class cannot be named (its own, say). */
export type ParentSpec = AnyType | readonly [AnyType] | string

/** Roles and what may stand in them. */
export type ParentSpecs = Readonly<Record<string, ParentSpec>>

// biome-ignore lint/complexity/noBannedTypes: exactly the type of an object without members
type Empty = {}

type Member<Sh, K extends PropertyKey, Default> = Sh extends { [P in K]: infer V } ? V : Default

// What a type that declares no config takes: nothing.
type None = Readonly<Record<string, never>>

/** Config of a shape. */
export type ConfigOf<Sh> = Member<Sh, 'config', Empty>
/** Config of a shape as the constructor takes it. */
export type ConfigInputOf<Sh> = Member<Sh, 'configInput', Member<Sh, 'config', None>>
/** State of a shape. */
export type StateOf<Sh> = Member<Sh, 'state', Empty>
/** State of a shape as the constructor takes it. */
export type StateInputOf<Sh> = Member<Sh, 'stateInput', Member<Sh, 'state', None>>
/** Roles of a shape. */
export type ParentsOf<Sh> = Member<Sh, 'parents', Empty>
/** Columns of a shape. */
export type ColumnsOf<Sh> = Member<Sh, 'columns', Empty>
/** Columns of a shape as drafts and updates take them. */
export type ColumnsInputOf<Sh> = Member<Sh, 'columnsInput', Member<Sh, 'columns', Empty>>
/** Columns of a class. */
export type ColumnsOfType<T extends AnyType> = [T] extends [never] ? Empty : ColumnsOf<InstanceType<T>[typeof SHAPE]>
/** Config of a class. */
export type ConfigOfType<T extends AnyType> = [T] extends [never] ? unknown : ConfigOf<InstanceType<T>[typeof SHAPE]>
/** State of a class. */
export type StateOfType<T extends AnyType> = [T] extends [never] ? unknown : StateOf<InstanceType<T>[typeof SHAPE]>
/** Artifacts of a shape. */
export type ArtifactsOf<Sh> = Member<Sh, 'artifacts', Empty>

/** What `set` takes for an artifact. */
export type ValueIn<A> = A extends Artifact<infer _Out, infer In> ? In : never
/** What `artifact` gives for an artifact. */
export type ValueOut<A> = A extends Artifact<infer Out, infer _In> ? Out : never

/** One element of an artifact that is a list. */
export type RowOf<V> = V extends Iterable<infer E> ? E : never

/** A parent by its object (saved, or a draft of the same `saveMany`), by `name@version`, or by id. */
export type ParentInput<P> = P extends readonly [infer E] ? readonly OneParent<E>[] : OneParent<P>
type OneParent<P> =
  | (P extends AnyType ? InstanceType<P> | Saved<InstanceType<P>> : AnyDraft | AnySaved)
  | string
  | { readonly id: string; readonly type?: never }

/** What `parent(role)` gives. */
export type ParentOutput<P> = P extends readonly [infer E] ? readonly OneSaved<E>[] : OneSaved<P>
type OneSaved<P> = P extends AnyType ? Saved<InstanceType<P>> : AnySaved

type Given<K extends string, In> = Empty extends In ? { readonly [P in K]?: In } : { readonly [P in K]: In }

/** What the constructor takes. Members that the class cannot do without are required. */
export type Init<Sh> = {
  /** @defaultValue 'default' */
  readonly name?: string
  /** @defaultValue the repository's */
  readonly project?: string
  /** @defaultValue the repository's: its option, or the user of the operating system */
  readonly author?: string
  /** @defaultValue '' */
  readonly versionDescription?: string
  /** one value per key, written with the row */
  readonly tags?: Readonly<Record<string, string>>
  /** patterns of this instance instead of the class's, by name: `{ weights: ['disk_floats'] }` */
  readonly savePatterns?: Readonly<Record<string, readonly string[]>>
  /** values of artifacts; the rest is `set` before saving */
  readonly artifacts?: { readonly [K in keyof ArtifactsOf<Sh>]?: ValueIn<ArtifactsOf<Sh>[K]> }
  /** columns that are known already; the rest is set before saving: `draft.columns.accuracy = 0.9` */
  readonly columns?: Partial<ColumnsInputOf<Sh>>
} & Given<'config', ConfigInputOf<Sh>> &
  Given<'state', StateInputOf<Sh>> &
  Given<'parents', { readonly [K in keyof ParentsOf<Sh>]: ParentInput<ParentsOf<Sh>[K]> }>

/** What `next` takes: as the constructor, but everything has a default, and the name stays. */
export type NextInit<Sh> = Partial<Omit<Init<Sh>, 'name' | 'project'>>

/** What goes into the identity hash by default, and into an override of `identity`. */
export interface IdentityFacts {
  readonly type: string
  readonly registeredName: string
  readonly revision: string
  /** normal form */
  readonly config: unknown
  /** source artifact → sha256 of its content */
  readonly sources: Readonly<Record<string, string>>
  /** role → the parents' hashes and their artifacts' content digests */
  readonly parents: Readonly<Record<string, readonly ParentIdentity[]>>
}

/** A parent as it stands in its children's identity. */
export interface ParentIdentity {
  readonly hash: string
  readonly artifacts: Readonly<Record<string, string>>
}

/** A persistable that is not saved yet: it has no version and no hash. */
export interface Draft<R extends string = string, Sh extends Shape = Shape> {
  readonly [SHAPE]: Sh
  /** uuid v4, fixed before the row exists */
  readonly id: string
  /** scope of versions */
  readonly type: R
  /** name under which the concrete class is found on load */
  readonly registeredName: string
  readonly name: string
  /** `undefined` until the repository gives its own */
  readonly project: string | undefined
  /** `undefined` until the repository gives its own */
  readonly author: string | undefined
  readonly versionDescription: string
  /** validated, with defaults, a frozen copy */
  readonly config: DeepReadonly<ConfigOf<Sh>>
  /** may be changed until it is saved */
  readonly state: StateOf<Sh>
  /** may be changed until it is saved */
  readonly tags: Record<string, string>
  /** of the companion model: may be changed until it is saved, when those that are required must be there */
  readonly columns: { -readonly [K in keyof ColumnsInputOf<Sh>]?: ColumnsInputOf<Sh>[K] | undefined }
  /**
   * Gives an artifact its value. Throws `UNKNOWN_ARTIFACT`, or `ALREADY_SAVED`.
   * @example draft.set('weights', new Float32Array(4))
   */
  set<K extends keyof ArtifactsOf<Sh> & string>(artifact: K, value: ValueIn<ArtifactsOf<Sh>[K]>): this
  /** What the identity hash is made of. Override to add to `facts` or leave out; must depend on nothing but `facts`, `config` and `state`. */
  identity(facts: IdentityFacts): Readonly<Record<string, unknown>>
  /** Runs at the end of the constructor of a draft, before field initialisers of subclasses. Not run on restore. */
  onInit(): void
  /** Runs when a saved one was restored from its row; constructors are not run then. */
  afterRestore(): void
}

/** Options of reading an artifact. */
export interface ArtifactOptions<Out = unknown> extends FlowOptions {
  /** decodes with this serializer instead of the one in the row, once */
  // biome-ignore lint/suspicious/noExplicitAny: variance slot
  readonly serializer?: Serializer<Out, any>
}

/** What every saved persistable knows. */
export interface SavedFacts {
  readonly id: string
  readonly project: string
  readonly name: string
  readonly author: string
  /** 1, 2, 3… per project, type and name */
  readonly version: number
  readonly versionDescription: string
  /** identity hash, `oh1:` and 64 hex digits */
  readonly hash: string
  readonly hasExternalFiles: boolean
  readonly filepaths: Filepaths
  /** the row's metadata as stored, in normal form */
  readonly metadata: JsonObject
  /** package → version, as installed when it was saved; with `node` and `platform` */
  readonly libraryVersions: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, string>>
  readonly createdAt: Date
  readonly modifiedAt: Date
  /** names of artifacts whose bytes have not been read yet */
  readonly unloadedArtifacts: readonly string[]
}

/** What every saved persistable of a shape can do. */
export interface SavedActions<T, Sh> {
  readonly state: DeepReadonly<StateOf<Sh>>
  /**
   * The value of an artifact, verified against its digest, from the first pattern that is intact. A fresh value on every call.
   * Throws `UNKNOWN_ARTIFACT`, `ARTIFACT_UNREADABLE` with every attempt, or the signal's reason.
   */
  artifact<K extends keyof ArtifactsOf<Sh> & string>(name: K, options?: FlowOptions): Promise<ValueOut<ArtifactsOf<Sh>[K]>>
  artifact<Out>(name: keyof ArtifactsOf<Sh> & string, options: { readonly serializer: Serializer<Out, never> } & FlowOptions): Promise<Out>
  /**
   * The elements of an artifact that is a list, one after the other: decoded from the verified stream in little memory by `ndjson()` and `csv()`, read whole first by
   * other serializers. Throws as {@link artifact} does; damage behind the first rows is met where it is.
   * @example for await (const row of saved.rows('rows')) total += row.mass
   */
  rows<K extends keyof ArtifactsOf<Sh> & string>(name: K, options?: FlowOptions): AsyncIterable<RowOf<ValueOut<ArtifactsOf<Sh>[K]>>>
  /** Content bytes of an artifact as a stream, each chunk verified before it is handed on. Throws as {@link artifact} does. */
  stream(name: keyof ArtifactsOf<Sh> & string, options?: FlowOptions): AsyncIterable<Uint8Array>
  /** Loads the parent, or all parents, of a role. Throws `UNKNOWN_PARENT`, or `NOT_FOUND` when it was deleted by force. */
  parent<K extends keyof ParentsOf<Sh> & string>(role: K): Promise<ParentOutput<ParentsOf<Sh>[K]>>
  /** A draft of the next version: same name, project, config and parents unless given; artifacts, state, tags and description are its own. */
  next(init?: NextInit<Sh>): T
  /**
   * Changes columns; nothing else of a saved one ever changes. Gives back the same object, with the new columns.
   * Throws `VERSION_CONFLICT` when somebody else updated it since it was loaded, `INVALID_CONFIG`, `NOT_FOUND`.
   * @example await classifier.update({ columns: { accuracy: 0.97 } })
   */
  update(changes: { readonly columns: Partial<ColumnsInputOf<Sh>> }): Promise<this>
}

/** A saved persistable: `T` with its version and hash, and without what only a draft can do. */
export type Saved<T extends AnyDraft> = Omit<T, keyof SavedFacts | 'state' | 'set' | 'columns' | 'onInit' | 'afterRestore' | 'identity'> &
  SavedFacts &
  SavedActions<T, T[typeof SHAPE]> &
  Readonly<ColumnsOf<T[typeof SHAPE]>>

/** Type of the class that `persistable()` makes. */
export interface PersistableType<R extends string = string, Sh extends Shape = Shape> {
  new (...init: Empty extends Init<Sh> ? [init?: Init<Sh>] : [init: Init<Sh>]): Draft<R, Sh>
  /** scope of versions */
  readonly type: R
  /** what the row calls the class; give a subclass its own by `static override readonly registeredName = '…'` */
  readonly registeredName: string
}

// biome-ignore lint/suspicious/noExplicitAny: variance slots
export type AnyDraft = Draft<string, any>
/** Any saved persistable, of a type that is not known at compile time. */
export interface AnySaved extends SavedFacts {
  readonly type: string
  readonly registeredName: string
  // biome-ignore lint/suspicious/noExplicitAny: what it holds only its class knows
  readonly config: Readonly<Record<string, any>>
  // biome-ignore lint/suspicious/noExplicitAny: what it holds only its class knows
  readonly state: Readonly<Record<string, any>>
  artifact(name: string, options?: ArtifactOptions): Promise<unknown>
  rows(name: string, options?: ArtifactOptions): AsyncIterable<unknown>
  stream(name: string, options?: FlowOptions): AsyncIterable<Uint8Array>
  parent(role: string): Promise<AnySaved | readonly AnySaved[]>
  next(init?: object): AnyDraft
  update(changes: { readonly columns: object }): Promise<AnySaved>
}
/** Any class made by `persistable()` or a subclass of one. */
export interface AnyType {
  // biome-ignore lint/suspicious/noExplicitAny: variance slots
  new (...init: any[]): AnyDraft
  readonly type: string
  readonly registeredName: string
}

/** What `persistable()` is told. */
export interface Spec {
  /** bump it when the class's code changes meaning; part of the identity hash. @defaultValue '' */
  readonly revision?: string
  /** `typed<C>()`, or a Standard Schema such as a zod object */
  readonly config?: StandardSchemaV1
  /** as `config`, for values that may change until saving and are not part of the identity */
  readonly state?: StandardSchemaV1
  readonly parents?: ParentSpecs
  readonly artifacts?: Readonly<Record<string, AnyArtifact>>
  /** of a companion model; `persistables-generator` writes it */
  readonly columns?: Columns
}

/** The shape that a spec declares. */
export type ShapeOf<Sp extends Spec> = {
  config: Sp extends { readonly config: StandardSchemaV1<infer _I, infer O> } ? O : Empty
  configInput: Sp extends { readonly config: StandardSchemaV1<infer I, infer _O> } ? I : None
  state: Sp extends { readonly state: StandardSchemaV1<infer _I, infer O> } ? O : Empty
  stateInput: Sp extends { readonly state: StandardSchemaV1<infer I, infer _O> } ? I : None
  parents: Sp extends { readonly parents: infer P extends ParentSpecs } ? P : Empty
  artifacts: Sp extends { readonly artifacts: infer A extends Readonly<Record<string, AnyArtifact>> } ? A : Empty
  columns: Sp extends { readonly columns: Columns<infer O, infer _I> } ? O : Empty
  columnsInput: Sp extends { readonly columns: Columns<infer _O, infer I> } ? I : Empty
}
