import { types } from 'node:util'
import type { Random } from './support'

/** A record as conditions see it, in memory. */
export interface Known {
  readonly id: string
  readonly name: string
  readonly author: string
  readonly version: number
  readonly createdAt: Date
  readonly tags: Readonly<Record<string, string>>
  readonly config: unknown
  readonly state: unknown
}

type Bag = Readonly<Record<string, unknown>>
const OPERATORS = 'equals not in notIn gt gte lt lte contains startsWith endsWith has hasSome hasEvery exists is'.split(' ')

const isPlain = (value: unknown): value is Bag =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !types.isDate(value) &&
  !types.isMap(value) &&
  !types.isSet(value) &&
  !ArrayBuffer.isView(value)

/** Whether two values are equal: as `Array.prototype.includes` has it, and all the way down. */
export const same = (a: unknown, b: unknown): boolean => {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b || (Number.isNaN(a) && Number.isNaN(b))
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => same(item, b[i]))
  if (types.isDate(a) || types.isDate(b)) return types.isDate(a) && types.isDate(b) && a.getTime() === b.getTime()
  if (types.isSet(a) || types.isSet(b))
    return types.isSet(a) && types.isSet(b) && a.size === b.size && [...a].every((item) => [...b].some((other) => same(item, other)))
  if (types.isMap(a) || types.isMap(b))
    return types.isMap(a) && types.isMap(b) && a.size === b.size && [...a].every((pair) => [...b].some((other) => same(pair, other)))
  if (ArrayBuffer.isView(a) || ArrayBuffer.isView(b))
    return ArrayBuffer.isView(a) && ArrayBuffer.isView(b) && a.constructor === b.constructor && Buffer.compare(bytesOf(a), bytesOf(b)) === 0
  const keys = Object.keys(a).filter((key) => (a as Bag)[key] !== undefined)
  const others = Object.keys(b).filter((key) => (b as Bag)[key] !== undefined)
  return keys.length === others.length && keys.every((key) => Object.hasOwn(b, key) && same((a as Bag)[key], (b as Bag)[key]))
}
const bytesOf = (view: ArrayBufferView): Buffer => Buffer.from(view.buffer, view.byteOffset, view.byteLength)

// -1, 0, 1, or undefined for what has no common order.
const order = (a: unknown, b: unknown): number | undefined => {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b))
  const [x, y] = types.isDate(a) && types.isDate(b) ? [a.getTime(), b.getTime()] : [a, b]
  if ((typeof x !== 'number' && typeof x !== 'bigint') || typeof x !== typeof y) return undefined
  return x < (y as number) ? -1 : x > (y as number) ? 1 : x === y ? 0 : undefined
}

const operator = (name: string, given: unknown, there: boolean, value: unknown): boolean => {
  if (given === undefined) return true
  if (name === 'exists') return given === there
  if (!there) return false
  const any = (test: (item: unknown) => boolean) => (Array.isArray(value) || types.isSet(value)) && [...(value as unknown[])].some(test)
  const known = value !== null
  const by = order(value, given)
  switch (name) {
    case 'equals':
      return same(value, given)
    case 'not':
      return known && !same(value, given)
    case 'in':
      return (given as unknown[]).some((one) => same(value, one))
    case 'notIn':
      return known && !(given as unknown[]).some((one) => same(value, one))
    case 'gt':
      return by !== undefined && by > 0
    case 'gte':
      return by !== undefined && by >= 0
    case 'lt':
      return by !== undefined && by < 0
    case 'lte':
      return by !== undefined && by <= 0
    case 'contains':
      return typeof value === 'string' && value.includes(given as string)
    case 'startsWith':
      return typeof value === 'string' && value.startsWith(given as string)
    case 'endsWith':
      return typeof value === 'string' && value.endsWith(given as string)
    case 'has':
      return any((item) => same(item, given))
    case 'hasSome':
      return any((item) => (given as unknown[]).some((one) => same(item, one)))
    case 'hasEvery':
      return (Array.isArray(value) || types.isSet(value)) && (given as unknown[]).every((one) => any((item) => same(item, one)))
    case 'is':
      return members(given as Bag, value)
    default:
      throw new Error(name)
  }
}

const members = (given: Bag, value: unknown): boolean =>
  Object.keys(given).every((key) => {
    const there = isPlain(value) && Object.hasOwn(value, key) && value[key] !== undefined
    return fits(given[key], there, there ? (value as Bag)[key] : undefined)
  })

/** Whether a value, if it is there, fits a condition. */
export const fits = (given: unknown, there: boolean, value: unknown): boolean => {
  if (given === undefined) return true
  if (!isPlain(given)) return operator('equals', given, there, value)
  if (!Object.keys(given).some((key) => OPERATORS.includes(key))) return members(given, value)
  // What `is` says of members holds of each by itself, so also of what is not there.
  return Object.entries(given).every(([name, one]) => (name === 'is' ? members(one as Bag, value) : operator(name, one, there, value)))
}

/** Whether a record fits a `where`. */
export const holds = (where: Bag, record: Known): boolean =>
  Object.entries(where).every(([key, given]) => {
    const parts = (Array.isArray(given) ? given : [given]) as Bag[]
    if (key === 'AND') return parts.every((part) => holds(part, record))
    if (key === 'OR') return parts.some((part) => holds(part, record))
    if (key === 'NOT') return parts.every((part) => Object.keys(part).length === 0 || !holds(part, record))
    if (key === 'config' || key === 'state' || key === 'tags') return fits(given, true, record[key])
    return fits(given, true, record[key as keyof Known])
  })

const KEYS = [
  'a',
  'b',
  'v',
  '$',
  '__proto__',
  '',
  'a.b',
  '[0]',
  '0',
  'x"y',
  'back\\slash',
  "it's",
  '#',
  'ä',
  '😀',
  'in',
  'not',
  '\u0001',
  '?',
  '$1',
  'constructor',
]
const NUMBERS = [
  0,
  -0,
  1,
  -5,
  0.1,
  0.1 + 0.2,
  2 ** 53,
  47930225358188010,
  1e21,
  -1e300,
  5e-324,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
]
const TEXTS = [
  '',
  'a',
  'B',
  'ab',
  'ä',
  'z',
  '😀',
  '\uffee',
  '1',
  'true',
  'null',
  '%',
  '_',
  "'; --",
  '"',
  '\\',
  '{"$":"date","v":"x"}',
  '{"a":1}',
  'a\u0301',
]
const INTEGERS = [0n, 5n, -5n, 9n, 10n, -10n, -9n, 2n ** 70n, -(2n ** 70n)]
const DATES = [0, 1, -1, 1.7e12, 1.7e12 + 1, 8.64e15, -8.64e15].map((time) => new Date(time))
const own = (entries: readonly (readonly [string, unknown])[]): Bag => {
  const made = {}
  for (const [key, value] of entries) Object.defineProperty(made, key, { value, writable: true, enumerable: true, configurable: true })
  return made
}

/** A value that has a normal form, of any kind, some levels deep. */
export const anyValue = (random: Random, levels: number): unknown => {
  const inner = () => anyValue(random, levels - 1)
  const list = () => Array.from({ length: random.int(3) }, inner)
  const kind = random.int(levels > 0 ? 15 : 7)
  if (kind === 0) return null
  if (kind === 1) return random.int(2) === 0
  if (kind === 2 || kind === 3) return random.pick(NUMBERS)
  if (kind === 4 || kind === 5) return random.pick(TEXTS)
  if (kind === 6)
    return random.pick<unknown>([random.pick(INTEGERS), random.pick(DATES), random.bytes(random.int(3)), Float32Array.of(random.int(2))])
  if (kind < 10) return list()
  if (kind === 10) return new Set(list().filter((item) => typeof item !== 'object'))
  if (kind === 11) return new Map(list().flatMap((item, i) => (typeof item === 'object' ? [] : [[`k${i}`, item] as const])))
  return anyObject(random, levels - 1)
}

/** A plain object, some levels deep. */
export const anyObject = (random: Random, levels: number): Bag =>
  own(
    [...new Set(Array.from({ length: 1 + random.int(4) }, () => (random.int(3) > 0 ? random.pick(['a', 'b']) : random.pick(KEYS))))].map((key) => [
      key,
      anyValue(random, levels),
    ]),
  )

// A value that the record has somewhere, so that conditions are often met, or any other.
const like = (random: Random, value: unknown): unknown => (random.int(4) > 0 && value !== undefined ? value : anyValue(random, 1))

const anyOperators = (random: Random, value: unknown): Bag => {
  const one = () => like(random, value)
  const inside = () => like(random, Array.isArray(value) ? value[0] : types.isSet(value) ? [...value][0] : undefined)
  const text = () => {
    const points = [...(typeof value === 'string' ? value : random.pick(TEXTS))]
    const from = random.int(points.length + 1)
    return points.slice(from, from + random.int(3)).join('')
  }
  const bound = () => {
    const given = one()
    const ordered =
      typeof given === 'number' || typeof given === 'bigint' || typeof given === 'string' || (types.isDate(given) && Math.abs(given.getTime()) < 8e15)
    return ordered && !(types.isDate(given) && given.getTime() < -6e13)
      ? given
      : random.pick<unknown>([...NUMBERS, ...TEXTS, ...INTEGERS, ...DATES.slice(0, 5)])
  }
  const makers: Readonly<Record<string, () => unknown>> = {
    equals: one,
    not: one,
    in: () => Array.from({ length: random.int(4) }, one),
    notIn: () => Array.from({ length: random.int(4) }, one),
    gt: bound,
    gte: bound,
    lt: bound,
    lte: bound,
    contains: text,
    startsWith: text,
    endsWith: text,
    has: inside,
    hasSome: () => Array.from({ length: random.int(3) }, inside),
    hasEvery: () => Array.from({ length: random.int(3) }, inside),
    exists: () => random.int(2) === 0,
  }
  const names = Array.from({ length: random.int(4) === 0 ? 2 : 1 }, () => random.pick(Object.keys(makers)))
  return Object.fromEntries(names.map((name) => [name, makers[name]?.()]))
}

const anyFilter = (random: Random, value: unknown, levels: number): unknown => {
  if (levels > 0 && (isPlain(value) || random.int(8) === 0)) {
    const keys = isPlain(value) ? Object.keys(value) : []
    const key = keys.length > 0 && random.int(5) > 0 ? random.pick(keys) : random.pick(KEYS)
    const inner = own([[key, anyFilter(random, isPlain(value) && Object.hasOwn(value, key) ? value[key] : undefined, levels - 1)]])
    return OPERATORS.includes(key) || random.int(10) === 0 ? { is: inner } : inner
  }
  const bare = like(random, value)
  return random.int(4) === 0 && !isPlain(bare) ? bare : anyOperators(random, value)
}

/** Conditions, often such that the record fits them. */
export const anyWhere = (random: Random, record: Known, levels: number): Bag => {
  const inner = () => anyWhere(random, record, levels - 1)
  const kind = random.int(levels > 0 ? 12 : 8)
  if (kind < 4) return { config: rooted(anyFilter(random, record.config, 4)) }
  if (kind < 6) return { state: rooted(anyFilter(random, record.state, 4)) }
  if (kind === 6) {
    const key = random.pick([...Object.keys(record.tags), 'stage', 'none'])
    const value = random.pick([record.tags[key] ?? 'ok', ...TEXTS])
    return {
      tags: own([
        [
          key,
          random.pick<unknown>([
            value,
            ...['equals', 'not', 'gt', 'lte', 'contains', 'startsWith', 'endsWith'].map((name) => ({ [name]: value })),
            { in: [value, 'ok'] },
            { notIn: [value] },
            { exists: random.int(2) === 0 },
          ]),
        ],
      ]),
    }
  }
  if (kind === 7)
    return random.pick<Bag>([
      { name: record.name },
      { name: { endsWith: record.name.slice(-1) } },
      { name: { notIn: [record.name] } },
      { name: { gte: record.name } },
      { author: { not: record.author } },
      { version: { not: record.version } },
      { version: { notIn: [1, 2] } },
      { createdAt: { in: [record.createdAt] } },
    ])
  if (kind === 8) return { AND: random.int(2) === 0 ? inner() : [inner(), inner()] }
  if (kind === 9) return { OR: Array.from({ length: random.int(4) }, inner) }
  if (kind === 10) return { NOT: random.int(2) === 0 ? inner() : [inner(), inner()] }
  return { ...inner(), ...inner() }
}
const rooted = (filter: unknown): unknown => (isPlain(filter) ? filter : { equals: filter })
