import { type ErrorCode, PersistablesError } from '../errors'
import { quote } from '../ref'
import type { Json, JsonObject } from '../types'
import { decodeBinary, isBinaryTag } from './binary'
import { JSON_DEPTH } from './canonical'
import { pathText, type Step } from './path'
import { setOwn } from './plain'

/** Options of {@link restore}. */
export interface RestoreOptions {
  /** What the value is called in messages, and where paths begin. @defaultValue `'value'` */
  readonly what?: string
  /** Code of the error. @defaultValue `'UNHASHABLE'` */
  readonly code?: ErrorCode
}

/**
 * The value that a normal form stands for: fresh on every call, owned by the caller, equal to what {@link normalize} got. Objects come back with the usual
 * prototype, Buffers as Uint8Array, holes as `undefined`, Maps and Sets in sorted order. Key order does not matter (JSONB). No member name can touch a prototype, and no
 * code is run.
 *
 * Throws `options.code` (default `UNHASHABLE`), with the path, for an unknown or malformed tag: data of a newer release, or changed by hand.
 *
 * @example
 * restore({ $: 'date', v: '2026-01-01T00:00:00.000Z' }) // Date
 */
export function restore(json: Json, options: RestoreOptions = {}): unknown {
  return revive({ what: options.what ?? 'value', code: options.code ?? 'UNHASHABLE', path: [] }, json, 0)
}

interface Walk {
  readonly what: string
  readonly code: ErrorCode
  readonly path: Step[]
}

const NUMBERS: ReadonlyMap<unknown, number> = new Map([
  ['-0', -0],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
])

function revive(walk: Walk, json: Json, depth: number): unknown {
  if (json === null || typeof json === 'string' || typeof json === 'number' || typeof json === 'boolean') return json
  if (typeof json !== 'object') throw broken(walk, `is a ${typeof json}, which is no JSON`)
  if (depth >= JSON_DEPTH) throw broken(walk, `has more than ${JSON_DEPTH} levels`)
  if (Array.isArray(json)) return reviveAll(walk, json, depth + 1)
  const members = json as JsonObject
  if (Object.hasOwn(members, '$')) return reviveTag(walk, members, depth + 1)
  const value: Record<string, unknown> = {}
  for (const key of Object.keys(members)) setOwn(value, key, inside(walk, key, members[key] as Json, depth + 1))
  return value
}

function reviveAll(walk: Walk, items: readonly Json[], depth: number): unknown[] {
  // A loop, here and below: map would take twice the stack.
  const values: unknown[] = []
  for (let at = 0; at < items.length; at++) values.push(inside(walk, at, items[at] as Json, depth))
  return values
}

function reviveTag(walk: Walk, members: JsonObject, depth: number): unknown {
  const tag = members['$']
  const v = Object.hasOwn(members, 'v') ? members['v'] : undefined
  if (typeof tag !== 'string') throw broken(walk, 'has a key "$" that is no tag')
  if (Object.keys(members).length !== (v === undefined ? 1 : 2)) throw broken(walk, `has the tag ${quote(tag)} and members that do not belong to it`)
  const malformed = () => broken(walk, `has the tag ${quote(tag)} with a value that does not fit it`)
  switch (tag) {
    case 'undefined':
      if (v !== undefined) throw malformed()
      return undefined
    case 'number': {
      const number = NUMBERS.get(v)
      if (number === undefined) throw malformed()
      return number
    }
    case 'bigint':
      if (typeof v !== 'string' || !/^(?:0|-?[1-9][0-9]*)$/.test(v)) throw malformed()
      return BigInt(v)
    case 'date': {
      const date = new Date(typeof v === 'string' ? v : Number.NaN)
      if (Number.isNaN(date.getTime()) || date.toISOString() !== v) throw malformed()
      return date
    }
    case 'set': {
      if (!Array.isArray(v)) throw malformed()
      const set = new Set(reviveAll(walk, v, depth + 1))
      if (set.size !== v.length) throw malformed()
      return set
    }
    case 'map': {
      const pairs = pairsOf(v, malformed)
      const map = new Map<unknown, unknown>()
      for (const [at, [key, item]] of pairs.entries()) {
        const name = inside(walk, { part: 'keys', at }, key, depth + 2)
        map.set(name, inside(walk, { part: 'values', at, key: name }, item, depth + 2))
      }
      if (map.size !== pairs.length) throw malformed()
      return map
    }
    case 'object': {
      const value: Record<string, unknown> = {}
      for (const [key, item] of pairsOf(v, malformed)) {
        if (typeof key !== 'string' || Object.hasOwn(value, key)) throw malformed()
        setOwn(value, key, inside(walk, key, item, depth + 2))
      }
      return value
    }
    default: {
      if (!isBinaryTag(tag)) throw broken(walk, `has the unknown tag ${quote(tag)}`)
      if (typeof v !== 'string') throw malformed()
      const value = decodeBinary(tag, v)
      if (typeof value === 'string') throw broken(walk, value)
      return value
    }
  }
}

function pairsOf(v: Json | undefined, malformed: () => PersistablesError): (readonly [Json, Json])[] {
  if (!Array.isArray(v) || !v.every((pair) => Array.isArray(pair) && pair.length === 2)) throw malformed()
  return v as (readonly [Json, Json])[]
}

function inside(walk: Walk, step: Step, json: Json, depth: number): unknown {
  walk.path.push(step)
  const value = revive(walk, json, depth)
  walk.path.pop()
  return value
}

function broken(walk: Walk, problem: string): PersistablesError {
  const path = pathText(walk.what, walk.path)
  return new PersistablesError(walk.code, `Stored data cannot be restored: ${path} ${problem}.`, {
    fix: 'A newer release of persistables or of Node wrote it, or it was changed by hand.',
    details: { faults: [{ path, problem }] },
  })
}
