import { PersistablesError } from '../errors'
import type { Json, JsonObject } from '../types'

/** The highest `maxDepth` that `normalize` can be asked for: the walks over a normal form are recursive, and this much fits any stack. */
export const DEPTH_CEILING = 500

/** The levels of JSON that a normal form can have: a level of the user's is up to three (a tag, its list, a pair), and what is inside may be a tag. */
export const JSON_DEPTH: number = 3 * DEPTH_CEILING + 1

/**
 * The one text of a normal form: JSON without blanks, the members of every object in order of their keys' UTF-16 code units, numbers and strings as
 * `JSON.stringify` writes them (which is RFC 8785). The order in which `json` holds its keys does not matter.
 *
 * Throws `UNHASHABLE` for what is not JSON: undefined, NaN, infinities, -0, more levels than any normal form has.
 *
 * @example
 * canonical({ b: 1, a: [true] }) // '{"a":[true],"b":1}'
 */
export function canonical(json: Json): string {
  return isOrdered(json, 0) ? JSON.stringify(json) : write(json)
}

// Only JSONB, other people's JSON, and keys like "10" beside "9" (which engines put in the order of numbers) need the slow way.
function isOrdered(json: Json, depth: number): boolean {
  switch (typeof json) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      if (!Number.isFinite(json) || Object.is(json, -0)) throw abnormal(`the number ${Object.is(json, -0) ? '-0' : json}`)
      return true
    case 'object': {
      if (json === null) return true
      if (depth >= JSON_DEPTH) throw abnormal(`more than ${JSON_DEPTH} levels`)
      let ordered = true
      // Every part is looked at even so, for the faults in it.
      if (Array.isArray(json)) {
        for (let at = 0; at < json.length; at++) ordered = isOrdered(json[at], depth + 1) && ordered
        return ordered
      }
      let before = ''
      for (const key of Object.keys(json)) {
        ordered = isOrdered((json as JsonObject)[key] as Json, depth + 1) && ordered && before <= key
        before = key
      }
      return ordered
    }
    default:
      throw abnormal(`a value of type ${typeof json}`)
  }
}

function write(json: Json): string {
  if (typeof json !== 'object' || json === null) return JSON.stringify(json)
  if (Array.isArray(json)) return `[${json.map(write).join(',')}]`
  const members = json as JsonObject
  const texts = Object.keys(members)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${write(members[key] as Json)}`)
  return `{${texts.join(',')}}`
}

function abnormal(what: string): PersistablesError {
  return new PersistablesError('UNHASHABLE', `A value that is to be hashed or stored as it is holds ${what}, so it is no normal form.`, {
    fix: 'Give it to normalize() first, or use hashValue().',
  })
}
