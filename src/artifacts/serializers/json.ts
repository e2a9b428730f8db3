import { constants } from 'node:buffer'
import { setImmediate as breath } from 'node:timers/promises'
import type { PatternSerializer } from '../serializer'
import { serializer } from './custom'
import { jsonText } from './json-text'
import { unfit } from './unfit'
import { fromUtf8 } from './utf8'

const NODES_PER_TURN = 20_000

/**
 * JSON values, kept as compact UTF-8 with sorted keys, so that equal values have equal bytes whatever the order of their keys. `__proto__` and
 * `constructor` are keys like others; `-0` and half surrogate pairs survive; nesting has no limit.
 *
 * Throws `INVALID_ARTIFACT`, with the path, for what JSON would change silently: NaN and infinities, `undefined` or holes in arrays, bigint, functions,
 * symbols, Date, Map, Set, typed arrays and other class instances, circles. Members that are `undefined` are left out. Values of more than 512 MB of text
 * do not fit: use `ndjson()`.
 *
 * @typeParam T - what the artifact's value is; it is not checked at run time
 * @example
 * artifacts: { weights: artifact(json<number[]>().to('disk')) }
 */
export function json<T = unknown>(): PatternSerializer<T> {
  return serializer<T>({
    name: 'json',
    async encode(value, { signal } = {}) {
      const next = jsonText('json', value, 'value')
      const parts: Uint8Array[] = []
      let size = 0
      for (;;) {
        const { text, done } = next(NODES_PER_TURN)
        const part = new TextEncoder().encode(text)
        parts.push(part)
        size += part.length
        if (size > constants.MAX_STRING_LENGTH) {
          throw unfit(
            'json',
            `The value takes more than ${constants.MAX_STRING_LENGTH} bytes as JSON, which could not be read back.`,
            'Use ndjson(), which streams.',
          )
        }
        if (done) break
        await breath()
        signal?.throwIfAborted()
      }
      return { bytes: parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts, size) }
    },
    async decode(content) {
      const text = fromUtf8('json', await content.bytes())
      try {
        // the registry cannot know T: what was encoded by json<T>() is what comes back
        return JSON.parse(text) as T
      } catch (cause) {
        throw unfit('json', `The bytes are not JSON: ${(cause as Error).message}.`, 'Read them with text() or bytes().', {}, cause)
      }
    },
  })
}
