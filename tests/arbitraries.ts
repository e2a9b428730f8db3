import fc from 'fast-check'

// Names that could be taken for something else, and some that are only names.
const key = fc.oneof(
  fc.constantFrom('a', 'b', 'c', '$', 'v', '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length', '', '1', '9', '10', '01'),
  fc.string({ unit: 'grapheme', maxLength: 4 }).filter((text) => !text.includes('\0')),
)

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 8 }).filter((it) => !it.includes('\0')),
  fc.constantFrom('', '1', 'true', 'null', 'undefined', 'NaN', '-0', 'date', 'string:1:a', '[CIRCULAR:0]', '1970-01-01T00:00:00.000Z', 'AQ=='),
)

const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(0, -0, 1, 2))

function build(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const object: Record<string, unknown> = {}
  for (const [name, item] of entries) Object.defineProperty(object, name, { value: item, writable: true, enumerable: true, configurable: true })
  return object
}

function object(item: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.array(fc.tuple(key, item), { maxLength: 4 }).map(build)
}

const leaf: fc.Arbitrary<unknown> = fc.oneof(
  number,
  text,
  fc.boolean(),
  fc.constant(null),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  fc.date({ noInvalidDate: true }),
  fc.oneof(
    fc.uint8Array({ maxLength: 4 }),
    fc.int16Array({ maxLength: 3 }),
    fc.uint32Array({ maxLength: 2 }),
    fc.float32Array({ maxLength: 3 }),
    fc.float64Array({ maxLength: 2 }),
  ),
  fc.uint8Array({ maxLength: 4 }).map((bytes) => new Uint8Array(bytes).buffer),
  // What looks like the normal form of something else.
  fc
    .constantFrom<() => unknown>(
      () => ({ $: 'date', v: '1970-01-01T00:00:00.000Z' }),
      () => ({ $: 'undefined' }),
      () => ({ $: 'number', v: 'NaN' }),
      () => ({ $: 'set', v: [] }),
      () => ({ $: 'object', v: [['$', 'object']] }),
      () => ({ $: 'uint8array', v: 'AQ==' }),
    )
    .map((make) => make()),
)

/** Any value that has a normal form and comes back exactly: all kinds, no holes, no undefined members, no Buffers. */
export const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  any: fc.oneof({ maxDepth: 4, withCrossShrink: true }, leaf, tie('list'), tie('object'), tie('map'), tie('set')),
  // undefined stands in a list, a Map and a Set; a member that is undefined is dropped.
  item: fc.oneof({ arbitrary: tie('any'), weight: 8 }, { arbitrary: fc.constant(undefined), weight: 1 }),
  list: fc.array(tie('item'), { maxLength: 4 }),
  object: object(tie('any')),
  map: fc.array(fc.tuple(tie('item'), tie('item')), { maxLength: 4 }).map((pairs) => new Map(pairs as [unknown, unknown][])),
  set: fc.array(tie('item'), { maxLength: 4 }).map((items) => new Set(items)),
})).any

/** Any JSON, with names and strings that look like tags. */
export const json: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  any: fc.oneof({ maxDepth: 4 }, text, fc.integer(), fc.boolean(), fc.constant(null), fc.array(tie('any'), { maxLength: 4 }), object(tie('any'))),
})).any

/** A copy of a value with the members, entries and elements of everything unordered in another order. `random` decides it. */
export function twin(input: unknown, random: () => number = () => 0): unknown {
  if (typeof input !== 'object' || input === null) return input
  if (Array.isArray(input)) return input.map((item) => twin(item, random))
  if (input instanceof Map) return new Map(shuffled([...input], random).map(([name, item]) => [twin(name, random), twin(item, random)]))
  if (input instanceof Set) return new Set(shuffled([...input], random).map((item) => twin(item, random)))
  // Not structuredClone, whose Dates are of another realm under Jest, and so not strictly equal.
  if (input instanceof Date) return new Date(input)
  if (input instanceof ArrayBuffer) return input.slice(0)
  if (ArrayBuffer.isView(input)) return (input as Uint8Array).slice()
  return build(shuffled(Object.entries(input), random).map(([name, item]) => [name, twin(item, random)]))
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => [random(), item] as const)
    .sort((a, b) => a[0] - b[0])
    .map(([, item]) => item)
}

/** A copy of a value with one change somewhere in it: `steps` says where and what. It may, rarely, be equal to the value. */
export function mutated(input: unknown, steps: () => number): unknown {
  const pick = <T>(items: readonly T[]): T => items[steps() % items.length] as T
  const children =
    typeof input === 'object' && input !== null && (Array.isArray(input) || input instanceof Map || input instanceof Set || isRecord(input))
  if (!children) return mutatedLeaf(input, steps)
  const action = pick(['into', 'into', 'into', 'add', 'drop', 'swap', 'wrap'])
  if (action === 'wrap') return pick([[input], { a: input }, new Set([input]), new Map([[input, input]]), { $: 'object', v: input }])
  const items: unknown[] = Array.isArray(input) ? [...input] : input instanceof Map || input instanceof Set ? [...input] : Object.entries(input)
  const pairs = !Array.isArray(input) && !(input instanceof Set)
  const at = steps() % Math.max(1, items.length)
  if (action === 'add' || items.length === 0) items.splice(at, 0, pairs ? [`new${steps() % 3}`, null] : pick([undefined, null, 0, '', []]))
  else if (action === 'drop') items.splice(at, 1)
  else if (action === 'swap') items.push(...items.splice(at, 1))
  else if (pairs) {
    const [name, item] = items[at] as [unknown, unknown]
    items[at] = steps() % 4 === 0 ? [input instanceof Map ? mutated(name, steps) : `${String(name)}'`, item] : [name, mutated(item, steps)]
  } else items[at] = mutated(items[at], steps)
  if (Array.isArray(input)) return items
  if (input instanceof Map) return new Map(items as [unknown, unknown][])
  if (input instanceof Set) return new Set(items)
  return build(items as [string, unknown][])
}

function mutatedLeaf(input: unknown, steps: () => number): unknown {
  if (typeof input === 'number')
    return [input + 1, -input, String(input), Number.isInteger(input) ? BigInt(input) : input / 2, input !== 0][steps() % 5]
  if (typeof input === 'string') return [`${input} `, input.toUpperCase(), Number(input), [input], input.normalize('NFD')][steps() % 5]
  if (typeof input === 'bigint') return [input + 1n, -input, String(input), Number(input)][steps() % 4]
  if (typeof input === 'boolean') return [!input, Number(input), String(input)][steps() % 3]
  if (input instanceof Date) return [new Date(Math.min(input.getTime() + 1, 8.64e15)), input.toISOString(), input.getTime()][steps() % 3]
  if (ArrayBuffer.isView(input))
    return [new Int8Array(input.buffer, input.byteOffset, input.byteLength), input.buffer, Array.from(input as Uint8Array)][steps() % 3]
  return [undefined, null, 0, '', [], {}, 'null'][steps() % 7]
}

function isRecord(input: object): boolean {
  return Object.getPrototypeOf(input) === Object.prototype
}
