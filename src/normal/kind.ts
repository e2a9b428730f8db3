import { types } from 'node:util'
import { quote } from '../ref'
import { binaryTag } from './binary'
import { isPlain } from './plain'

/** What holds values: these nest. */
export type Container = 'array' | 'map' | 'set' | 'object'

/** What a value that is an object is to the normal form, or why it has none. */
export type Kind = Container | 'date' | 'bytes' | { readonly problem: string }

/**
 * Tells what an object is, by its internal slots and the length of its prototype chain: so subclasses are told apart, and realms are not.
 * Throws whatever a proxy or a getter of the object throws.
 */
export function kindOf(value: object): Kind {
  const instance = (): Kind => ({ problem: `is ${nameOf(value)}, not plain data` })
  if (Array.isArray(value)) {
    if (chain(value) !== 2) return instance()
    // Indexes come first among the keys, so only the last can tell of others.
    const last = Object.keys(value).at(-1)
    return last !== undefined && !isIndex(last, value.length) ? extra(last) : (symbolOf(value) ?? 'array')
  }
  // Plain objects first, for they are the most, and each question below costs a call out of JavaScript.
  if (isPlain(value)) return types.isArgumentsObject(value) ? instance() : (symbolOf(value) ?? 'object')
  if (types.isTypedArray(value)) return chain(value) === (Buffer.isBuffer(value) ? 4 : 3) && binaryTag(value) !== undefined ? 'bytes' : instance()
  const builtin = types.isDate(value)
    ? 'date'
    : types.isMap(value)
      ? 'map'
      : types.isSet(value)
        ? 'set'
        : types.isArrayBuffer(value) || types.isDataView(value)
          ? 'bytes'
          : undefined
  if (builtin !== undefined) {
    if (chain(value) !== 2) return instance()
    if (types.isDate(value) && Number.isNaN(Date.prototype.getTime.call(value))) return { problem: 'is an invalid Date' }
    const own = Object.keys(value)[0]
    return own === undefined ? (symbolOf(value) ?? builtin) : extra(own)
  }
  return instance()
}

function chain(value: object): number {
  let steps = 0
  for (let up: unknown = Object.getPrototypeOf(value); up !== null && steps < 9; up = Object.getPrototypeOf(up)) steps++
  return steps
}

function isIndex(key: string, length: number): boolean {
  return /^(?:0|[1-9][0-9]{0,9})$/.test(key) && Number(key) < length
}

function symbolOf(value: object): Kind | undefined {
  const symbols = Object.getOwnPropertySymbols(value)
  if (symbols.length === 0) return undefined
  const symbol = symbols.find((key) => Object.prototype.propertyIsEnumerable.call(value, key))
  return symbol === undefined ? undefined : { problem: `has the symbol ${quote(String(symbol.description))} as a key` }
}

function extra(key: string): Kind {
  return { problem: `has a member ${quote(key)} beside its content, which would be lost` }
}

function nameOf(value: object): string {
  const name: unknown = (Object.getPrototypeOf(value) as { constructor?: { name?: unknown } } | null)?.constructor?.name
  return typeof name === 'string' && name !== '' && name !== 'Object'
    ? `an instance of ${quote(name).slice(1, -1)}`
    : 'an object with a prototype of its own'
}
