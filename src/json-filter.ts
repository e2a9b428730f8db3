/** What conditions on JSON are called. A member of config or state of such a name is written within `is`. */
export const JSON_OPERATORS = [
  'equals',
  'not',
  'in',
  'notIn',
  'gt',
  'gte',
  'lt',
  'lte',
  'contains',
  'startsWith',
  'endsWith',
  'has',
  'hasSome',
  'hasEvery',
  'exists',
  'is',
] as const

/** One of {@link JSON_OPERATORS}. */
export type JsonOperator = (typeof JSON_OPERATORS)[number]

// What is a value as a whole, and has no members to ask for.
type Whole = string | number | boolean | bigint | symbol | null | undefined
type Opaque =
  | readonly unknown[]
  | Date
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | ArrayBuffer
  | ArrayBufferView
  | ((...args: never) => unknown)
type PlainOf<V> = V extends Whole | Opaque ? never : V
type BareOf<V> = V extends undefined ? never : V extends Whole ? V : V extends readonly (infer E)[] ? readonly E[] : V extends Opaque ? V : never
type ElementOf<V> = V extends readonly (infer E)[] ? E : V extends ReadonlySet<infer E> ? E : never
type OrderedOf<V> = Extract<V, string | number | bigint | Date>
// Literal types are widened: also what no stored one can be is a bound.
type Bound<V> = V extends string ? string : V extends number ? number : V extends bigint ? bigint : V

interface Any<V> {
  /** is this value, all of it. Objects: members that are not named must not be there */
  readonly equals?: V
  /** is another value, and neither `null` nor absent */
  readonly not?: V
  readonly in?: readonly V[]
  /** is none of these, and neither `null` nor absent */
  readonly notIn?: readonly V[]
  /** whether it is there; `null` is */
  readonly exists?: boolean
}

/** By their order: numbers, bigints, Dates, and texts by code point; each among its own kind alone. */
interface Ordered<V> {
  readonly gt?: V
  readonly gte?: V
  readonly lt?: V
  readonly lte?: V
}

interface Texts {
  readonly contains?: string
  readonly startsWith?: string
  readonly endsWith?: string
}

/** Of arrays and Sets: an element that equals the value. */
interface Elements<E> {
  readonly has?: E
  readonly hasSome?: readonly E[]
  readonly hasEvery?: readonly E[]
}

type Operators<V> = Any<V> &
  ([OrderedOf<V>] extends [never] ? unknown : Ordered<Bound<OrderedOf<V>>>) &
  ([Extract<V, string>] extends [never] ? unknown : Texts) &
  ([ElementOf<V>] extends [never] ? unknown : Elements<ElementOf<V>>)

type Members<O> = O extends unknown ? { readonly [K in keyof O]?: JsonFilter<O[K]> } : never
// A member that is called as a condition is would be taken for one.
type Named<O> = O extends unknown
  ? keyof O extends never
    ? never
    : { readonly [K in keyof O as K extends JsonOperator ? never : K]?: JsonFilter<O[K]> }
  : never
type Objects<O> = [O] extends [never] ? unknown : { readonly is?: Members<O> }

/**
 * Conditions on a part of config or state, by its type. A plain object is conditions on its members, or, where any of its keys is the name of a condition,
 * conditions on the value itself; every other value means `equals`. Members that are called as conditions are go within `is`. What is of another type than the
 * value that is asked for does not match.
 *
 * @typeParam T - what is stored there; `unknown` takes anything
 * @example const where: JsonFilter<{ rate: number; optimizer?: { name: string } }> = { rate: { gt: 0.1 }, optimizer: { name: 'adam' } }
 */
export type JsonFilter<T> = unknown extends T ? unknown : Filter<Exclude<T, undefined>>
type Filter<V> = BareOf<V> | (Operators<V> & Objects<PlainOf<V>>) | Named<PlainOf<V>>
