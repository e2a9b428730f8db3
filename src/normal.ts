import { type ErrorCode, PersistablesError } from './errors'
import { type Binary, binaryTag, encodeBinary } from './normal/binary'
import { canonical, DEPTH_CEILING } from './normal/canonical'
import { type Container, type Kind, kindOf } from './normal/kind'
import { pathText, type Step } from './normal/path'
import { setOwn } from './normal/plain'
import { quote } from './ref'
import type { Json } from './types'

export { canonical, DEPTH_CEILING } from './normal/canonical'
export { freezeDeep } from './normal/plain'
export { type RestoreOptions, restore } from './normal/restore'

/** The levels of nesting that {@link normalize} takes unless told otherwise. */
export const MAX_DEPTH = 200

/** The bytes of canonical text that {@link normalize} takes unless told otherwise. */
export const MAX_BYTES = 1_000_000

const MAX_FAULTS = 20

/** Options of {@link normalize}. */
export interface NormalizeOptions {
  /** What the value is called in messages, and where paths begin. @defaultValue `'value'` */
  readonly what?: string
  /** Code of the error. @defaultValue `'UNHASHABLE'` */
  readonly code?: ErrorCode
  /** Levels of arrays, objects, Maps and Sets within one another, at most {@link DEPTH_CEILING}. @defaultValue {@link MAX_DEPTH} */
  readonly maxDepth?: number
  /** UTF-8 bytes of the canonical text; `Infinity` for no limit. @defaultValue {@link MAX_BYTES} */
  readonly maxBytes?: number
}

/** One thing that cannot be stored, and where it is, e.g. `config.layers[3].fn` `is a function`. */
export interface Fault {
  readonly path: string
  readonly problem: string
}

/**
 * The normal form of a value: a fresh tree of JSON, no part of it shared, that says everything about the value and nothing else. It can be stored as JSON (also as
 * JSONB, which reorders keys), hashed by {@link canonical}, and turned back by {@link restore}.
 *
 * - `null`, booleans, strings, arrays and finite numbers are themselves. Strings are neither trimmed nor brought to NFC.
 * - Plain objects (also without a prototype, or of another realm) are themselves with sorted keys; members that are `undefined` are dropped, getters are read,
 *   non-enumerable members are not seen. `constructor`, `toString` and the like are keys as any other.
 * - The rest are objects whose first key is `$`: `{"$":"date","v":"2026-01-01T00:00:00.000Z"}`, `{"$":"bigint","v":"12"}`, `{"$":"number","v":"-0"}` (or `NaN`,
 *   `Infinity`, `-Infinity`), `{"$":"undefined"}` (at the top, in arrays, Maps and Sets; a hole is one too), `{"$":"map","v":[[key,value],…]}` and `{"$":"set","v":[…]}`
 *   sorted by the canonical text of the key or element (so the order of insertion is not kept), and `{"$":"float32array","v":"<base64>"}` for each kind of typed array,
 *   `arraybuffer` and `dataview`: base64 of the bytes in little-endian order on every machine, every NaN of a float array as the one quiet NaN. A Buffer is a `uint8array`.
 * - A plain object with a key `$` or `__proto__` of its own is `{"$":"object","v":[[key,value],…]}`: it can neither be taken for a tag, nor lose a member where
 *   `__proto__` is dropped on the way to a database.
 * - Shared and repeated references are copied. Refused are cycles, functions, symbols (as values or keys), class instances (also boxed primitives, RegExp, Error, Promise,
 *   WeakMap, subclasses of Map and so on, SharedArrayBuffer), invalid Dates, detached buffers, getters and proxies that throw, members that an array, Map, Set, Date
 *   or buffer carries beside its content (typed arrays are not searched for them), strings and keys with NUL or half of a surrogate pair.
 *
 * Depth counts arrays, objects, Maps and Sets: `[]` has one level, `[[]]` two. Size is exactly that of the canonical text. The walk ends at either limit and
 * never goes deeper than the limit, whatever it is given.
 *
 * Throws `options.code` with up to 20 faults at once, in the message and as `details.faults` ({@link Fault}); `INVALID_OPTION` for a `maxDepth` that cannot be.
 *
 * @example
 * normalize({ b: new Set([2, 1]), a: undefined }) // { b: { $: 'set', v: [1, 2] } }
 * normalize({ layers: [{ fn() {} }] }, { what: 'config' }) // throws: config.layers[0].fn is a function …
 */
export function normalize(value: unknown, options: NormalizeOptions = {}): Json {
  const { what = 'value', code = 'UNHASHABLE', maxDepth = MAX_DEPTH, maxBytes = MAX_BYTES } = options
  if (!Number.isInteger(maxDepth) || maxDepth < 0 || maxDepth > DEPTH_CEILING) {
    throw new PersistablesError('INVALID_OPTION', `maxDepth is ${quote(maxDepth)}.`, {
      fix: `Give a whole number from 0 to ${DEPTH_CEILING}.`,
      details: { maxDepth },
    })
  }
  const walk: Walk = { what, code, maxDepth, maxBytes, bytes: 0, path: [], ancestors: [], faults: [] }
  const json = visit(walk, value)
  if (walk.faults.length > 0) throw refusal(walk)
  return json
}

interface Walk {
  readonly what: string
  readonly code: ErrorCode
  readonly maxDepth: number
  readonly maxBytes: number
  bytes: number
  readonly path: Step[]
  /** the containers above; the nth is n steps down the path */
  readonly ancestors: object[]
  readonly faults: Fault[]
}

function visit(walk: Walk, value: unknown): Json {
  switch (typeof value) {
    case 'string':
      return text(walk, value)
    case 'number':
      if (!Number.isFinite(value) || Object.is(value, -0)) return tag(walk, 'number', Object.is(value, -0) ? '-0' : String(value))
      spend(walk, String(value).length)
      return value
    case 'boolean':
      spend(walk, value ? 4 : 5)
      return value
    case 'undefined':
      return tag(walk, 'undefined')
    case 'bigint':
      // Hex takes linear time and is never longer than decimal, so a number beyond the limit is never written out.
      foresee(walk, value.toString(16).length)
      return tag(walk, 'bigint', value.toString())
    case 'object':
      if (value !== null) return visitObject(walk, value)
      spend(walk, 4)
      return null
    default:
      return fault(walk, `is a ${typeof value}`)
  }
}

function visitObject(walk: Walk, value: object): Json {
  const above = walk.ancestors.indexOf(value)
  if (above >= 0) return fault(walk, `refers back to ${pathText(walk.what, walk.path.slice(0, above))}, so it never ends`)
  let kind: Kind
  try {
    if (Array.isArray(value)) foresee(walk, 2 * value.length)
    kind = kindOf(value)
    if (kind === 'date') return tag(walk, 'date', Date.prototype.toISOString.call(value))
    if (kind === 'bytes') return binary(walk, value as Binary)
  } catch (error) {
    if (error instanceof PersistablesError) throw error
    return fault(walk, `cannot be read (${messageOf(error)})`)
  }
  if (typeof kind === 'object') return fault(walk, kind.problem)
  if (walk.ancestors.length >= walk.maxDepth) throw stop(walk, `is nested deeper than the limit of ${walk.maxDepth} levels`)
  walk.ancestors.push(value)
  const json = CONTAINERS[kind](walk, value)
  walk.ancestors.pop()
  return json
}

const CONTAINERS: Record<Container, (walk: Walk, value: object) => Json> = {
  array: (walk, value) => {
    const items = value as readonly unknown[]
    spend(walk, commas(items.length) + 2)
    const json: Json[] = []
    for (let at = 0; at < items.length; at++) json.push(inside(walk, at, read(walk, items, at)))
    return json
  },
  map: (walk, value) => {
    const map = value as ReadonlyMap<unknown, unknown>
    foresee(walk, 6 * map.size)
    spend(walk, '{"$":"map","v":[]}'.length + commas(map.size))
    const pairs: Pair[] = []
    for (const [key, item] of map) {
      spend(walk, '[,]'.length)
      const at = pairs.length
      const name = inside(walk, { part: 'keys', at }, key)
      pairs.push({ order: orderOf(name, map.size), json: [name, inside(walk, { part: 'values', at, key }, item)] })
    }
    // Two keys that are different objects may have the same content; then their values decide.
    pairs.sort((a, b) => compare(a.order, b.order) || compare(canonical(a.json[1]), canonical(b.json[1])))
    return { $: 'map', v: pairs.map((pair) => pair.json) }
  },
  set: (walk, value) => {
    const set = value as ReadonlySet<unknown>
    foresee(walk, 2 * set.size)
    spend(walk, '{"$":"set","v":[]}'.length + commas(set.size))
    const items: { order: string; json: Json }[] = []
    for (const item of set) {
      const json = inside(walk, { part: 'values', at: items.length }, item)
      items.push({ order: orderOf(json, set.size), json })
    }
    return { $: 'set', v: items.sort((a, b) => compare(a.order, b.order)).map((item) => item.json) }
  },
  object: (walk, value) => {
    const keys = Object.keys(value)
    if (keys.some((key, at) => at > 0 && key < (keys[at - 1] ?? ''))) keys.sort()
    const members: [string, unknown][] = []
    for (const key of keys) {
      const item = read(walk, value as Readonly<Record<string, unknown>>, key)
      if (item !== undefined) members.push([key, item])
    }
    if (members.some(([key]) => key === '$' || key === '__proto__')) {
      spend(walk, '{"$":"object","v":[]}'.length + commas(members.length))
      return { $: 'object', v: members.map(([key, item]) => [member(walk, key, '[,]'), inside(walk, key, item)]) }
    }
    spend(walk, '{}'.length + commas(members.length))
    const json: Record<string, Json> = {}
    for (const [key, item] of members) setOwn(json, member(walk, key, ':'), inside(walk, key, item))
    return json
  },
}

interface Pair {
  readonly order: string
  readonly json: readonly [Json, Json]
}

// One alone needs no order, and nested Sets of one would otherwise be written once a level.
function orderOf(json: Json, count: number): string {
  return count > 1 ? canonical(json) : ''
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function inside(walk: Walk, step: Step, value: unknown): Json {
  walk.path.push(step)
  const json = visit(walk, value)
  walk.path.pop()
  return json
}

function read<K extends string | number>(walk: Walk, holder: { readonly [key in K]: unknown }, key: K): unknown {
  try {
    return holder[key]
  } catch (error) {
    walk.path.push(key)
    fault(walk, `cannot be read (${messageOf(error)})`)
    walk.path.pop()
    return undefined
  }
}

// A lone surrogate is the only thing in Cs, for with the u flag a pair is one code point.
const UNSTORABLE = /[\0\p{Cs}]/u
// What JSON writes as it is, one byte each.
const BARE = /^[ !#-[\]-~]*$/

function text(walk: Walk, value: string): string {
  foresee(walk, value.length)
  if (BARE.test(value)) {
    spend(walk, value.length + 2)
    return value
  }
  if (UNSTORABLE.test(value)) fault(walk, value.includes('\0') ? 'holds a NUL character' : 'holds half of a surrogate pair (see toWellFormed)')
  spend(walk, Buffer.byteLength(JSON.stringify(value)))
  return value
}

function member(walk: Walk, key: string, around: string): string {
  spend(walk, around.length)
  if (UNSTORABLE.test(key)) {
    walk.path.push(key)
    fault(walk, `has a key that holds ${key.includes('\0') ? 'a NUL character' : 'half of a surrogate pair'}`)
    walk.path.pop()
    return key
  }
  return text(walk, key)
}

function binary(walk: Walk, value: Binary): Json {
  foresee(walk, value.byteLength)
  return tag(walk, binaryTag(value) ?? '', encodeBinary(value))
}

function tag(walk: Walk, kind: string, v?: string): Json {
  spend(walk, v === undefined ? '{"$":""}'.length + kind.length : '{"$":"","v":""}'.length + kind.length + v.length)
  return v === undefined ? { $: kind } : { $: kind, v }
}

function commas(count: number): number {
  return Math.max(0, count - 1)
}

// Whether at least so many more bytes still fit: asked before work that a large value would make long.
function foresee(walk: Walk, bytes: number): void {
  if (walk.bytes + bytes > walk.maxBytes + 1) throw stop(walk, `goes beyond the limit of ${walk.maxBytes} bytes of JSON`)
}

function spend(walk: Walk, bytes: number): void {
  walk.bytes += bytes
  if (walk.bytes > walk.maxBytes) throw stop(walk, `goes beyond the limit of ${walk.maxBytes} bytes of JSON`)
}

function fault(walk: Walk, problem: string): null {
  walk.faults.push({ path: pathText(walk.what, walk.path), problem })
  if (walk.faults.length >= MAX_FAULTS) throw refusal(walk)
  return null
}

function stop(walk: Walk, problem: string): PersistablesError {
  walk.faults.push({ path: pathText(walk.what, walk.path), problem })
  return refusal(walk, 'Keep large or deep values in an artifact, which has no such limit.')
}

function refusal(
  walk: Walk,
  fix = 'Use null, booleans, numbers, strings, bigints, Dates, arrays, plain objects, Maps, Sets and typed arrays.',
): PersistablesError {
  const { faults, what, code } = walk
  const list = faults.map(({ path, problem }) => `${path} ${problem}`).join('; ')
  const more = faults.length >= MAX_FAULTS ? ' (and there may be more)' : ''
  return new PersistablesError(code, `${faults.length > 1 ? `${what} has ${faults.length} faults: ` : ''}${list}${more}.`, {
    fix,
    details: { faults: [...faults] },
  })
}

function messageOf(error: unknown): string {
  return quote(error instanceof Error ? error.message : String(error)).slice(1, -1)
}
