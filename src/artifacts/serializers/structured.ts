import { constants } from 'node:buffer'
import { canonical, normalize, restore } from '../../normal'
import type { Json } from '../../types'
import type { PatternSerializer } from '../serializer'
import { serializer } from './custom'
import { unfit } from './unfit'
import { fromUtf8 } from './utf8'

const LIMIT = 64_000_000

/**
 * Values that JSON alone cannot hold, as the tagged JSON of the normal form: Date, bigint, Map, Set, typed arrays, NaN, `undefined` in lists. What comes back equals what
 * was given, but that Maps and Sets are sorted. Up to 64 MB of JSON and 200 levels; writing and reading block the event loop, about a second for the largest.
 *
 * Throws `INVALID_ARTIFACT`, with the path, for functions, symbols, class instances and circles, and beyond the limits.
 *
 * @typeParam T - what the artifact's value is; it is not checked at run time
 * @example
 * artifacts: { vocabulary: artifact(structured<Map<string, bigint>>().to('disk')) }
 */
export function structured<T = unknown>(): PatternSerializer<T> {
  return serializer<T>({
    name: 'structured',
    encode: (value) => ({
      bytes: new TextEncoder().encode(canonical(normalize(value, { code: 'INVALID_ARTIFACT', maxBytes: LIMIT }))),
    }),
    async decode(content) {
      if (content.size > constants.MAX_STRING_LENGTH)
        throw unfit('structured', 'The bytes are more than a string can hold.', 'Read them with bytes().')
      const text = fromUtf8('structured', await content.bytes())
      let json: Json
      try {
        json = JSON.parse(text) as Json
      } catch (cause) {
        throw unfit('structured', `The bytes are not JSON: ${(cause as Error).message}.`, 'Read them with text() or bytes().', {}, cause)
      }
      // the registry cannot know T: what was encoded by structured<T>() is what comes back
      return restore(json, { code: 'INVALID_ARTIFACT' }) as T
    },
  })
}
