import { kindOf, unfit } from './unfit'

/** One step of {@link jsonText}: the next piece, and whether it was the last. */
export interface JsonPiece {
  readonly text: string
  readonly done: boolean
}

interface Frame {
  readonly node: object
  /** sorted member names, or `null` for an array */
  readonly keys: readonly string[] | null
  readonly length: number
  index: number
  empty: boolean
}

/**
 * The JSON text of `value` in pieces, with sorted keys and no blanks. Values nest to any depth: no recursion. Gives a function that does at most `limit` nodes
 * (values and members) per call, so that a large value need not block the event loop.
 *
 * Throws `INVALID_ARTIFACT`, with the path, for everything that `JSON.stringify` would change or drop silently; `undefined` members are dropped, as
 * everywhere in this package. `-0` is written as `-0` and half surrogate pairs as escapes, so both survive.
 *
 * @param root - what paths begin with
 */
export function jsonText(serializer: string, value: unknown, root: string): (limit: number) => JsonPiece {
  const stack: Frame[] = []
  const open = new Set<object>()
  let text = ''
  let nodes = 0
  let begun = false

  const refuse = (what: string, fix: string): never => {
    const path = root + pathOf(stack)
    throw unfit(serializer, `${serializer}() cannot keep ${what} at ${path}.`, fix, { path })
  }

  const begin = (node: unknown): void => {
    nodes++
    if (typeof node === 'string') text += JSON.stringify(node)
    else if (typeof node === 'number') {
      if (!Number.isFinite(node)) refuse(kindOf(node), 'JSON has no such number: use null or a string.')
      text += Object.is(node, -0) ? '-0' : String(node)
    } else if (node === null || typeof node === 'boolean') text += String(node)
    else if (typeof node === 'object') enter(node)
    else refuse(kindOf(node), typeof node === 'bigint' ? 'Convert it to a string.' : 'Use null, or leave it out.')
  }

  const enter = (node: object): void => {
    if (open.has(node)) refuse('a value that contains itself', 'Break the circle, for example by keeping an id instead.')
    const keys = Array.isArray(node) ? null : Object.keys(node)
    if (keys === null) checkArray(node as readonly unknown[])
    else if (!isPlain(node)) refuse(kindOf(node), 'Convert it to plain data, or use a serializer made for it.')
    if (Object.getOwnPropertySymbols(node).some((symbol) => Object.prototype.propertyIsEnumerable.call(node, symbol))) {
      refuse('a symbol as a key', 'Use strings as keys.')
    }
    open.add(node)
    stack.push({ node, keys: keys?.sort() ?? null, length: keys?.length ?? (node as readonly unknown[]).length, index: 0, empty: true })
    text += keys === null ? '[' : '{'
  }

  const checkArray = (node: readonly unknown[]): void => {
    if (depthOfPrototypes(node) !== 2) refuse(kindOf(node), 'Convert it to an ordinary array.')
    // holes are met as undefined; more keys than items are properties that JSON would drop
    if (Object.keys(node).length > node.length) refuse('an array with named properties', 'Keep them in an object beside it.')
  }

  const step = (frame: Frame): void => {
    if (frame.index >= frame.length) {
      text += frame.keys === null ? ']' : '}'
      open.delete(frame.node)
      stack.pop()
      return
    }
    const { keys } = frame
    const key = keys === null ? frame.index : (keys[frame.index] as string)
    const child = (frame.node as Readonly<Record<string | number, unknown>>)[key]
    frame.index++
    if (keys !== null && child === undefined) return
    if (!frame.empty) text += ','
    frame.empty = false
    if (keys !== null) text += `${JSON.stringify(key)}:`
    begin(child)
  }

  return (limit) => {
    text = ''
    nodes = 0
    if (!begun) begin(value)
    begun = true
    for (let frame = stack.at(-1); frame !== undefined && nodes < limit && text.length < 1 << 20; frame = stack.at(-1)) step(frame)
    return { text, done: stack.length === 0 }
  }
}

/** Plain objects of any realm: made by a literal, JSON.parse or Object.create(null). */
function isPlain(node: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(node)
  return prototype === null || (depthOfPrototypes(node) === 1 && Object.hasOwn(prototype as object, 'isPrototypeOf'))
}

function depthOfPrototypes(node: object): number {
  let depth = 0
  for (let prototype: unknown = Object.getPrototypeOf(node); prototype !== null && depth < 4; depth++) prototype = Object.getPrototypeOf(prototype)
  return depth
}

const SHOWN = 30

function pathOf(stack: readonly Frame[]): string {
  const steps = stack.map(({ keys, index }) => {
    if (keys === null) return `[${index - 1}]`
    const key = keys[index - 1] ?? ''
    return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key.length > 80 ? `${key.slice(0, 80)}…` : key)}]`
  })
  if (steps.length <= SHOWN) return steps.join('')
  return `${steps.slice(0, SHOWN / 2).join('')} … (${steps.length - SHOWN} levels) … ${steps.slice(-SHOWN / 2).join('')}`
}
