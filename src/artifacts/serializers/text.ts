import type { PatternSerializer } from '../serializer'
import { serializer } from './custom'
import { kindOf, unfit } from './unfit'
import { fromUtf8, toUtf8 } from './utf8'

/**
 * Strings, kept as UTF-8, exactly: no normalisation, line ends and a byte order mark are kept. Throws `INVALID_ARTIFACT` for what is not a string, and for
 * half a surrogate pair, which UTF-8 cannot hold.
 *
 * @example
 * artifacts: { report: artifact(text().to('disk')) }
 */
export function text(): PatternSerializer<string> {
  return serializer<string>({
    name: 'text',
    encode(value) {
      if (typeof value !== 'string') throw unfit('text', `text() takes a string, not ${kindOf(value)}.`, 'Convert it, or use json() or bytes().')
      return { bytes: toUtf8('text', value) }
    },
    decode: async (content) => fromUtf8('text', await content.bytes()),
  })
}
