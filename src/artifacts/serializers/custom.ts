import { PersistablesError } from '../../errors'
import { requireName } from '../name'
import type { Content, EncodeOptions, Pattern, PatternSerializer, Serializer } from '../serializer'

/**
 * Makes a serializer of your own usable in patterns. Throws `INVALID_NAME` or `INVALID_OPTION` when it is not whole.
 *
 * `encode` must give equal bytes for equal values, because an artifact's identity is the digest of its bytes. Bytes that it hands over whole must be its own:
 * a window onto the caller's memory could change between hashing and storing, so copy it.
 *
 * @example
 * const points = serializer({
 *   name: 'points',
 *   encode: (value: Point[]) => ({ bytes: new TextEncoder().encode(value.map(({ x, y }) => `${x} ${y}`).join('\n')) }),
 *   decode: async (content) => parsePoints(new TextDecoder().decode(await content.bytes())),
 * })
 * artifact(points.to('disk'))
 */
export function serializer<Out, In = Out>(definition: Serializer<Out, In>): PatternSerializer<Out, In> {
  const name = requireName('serializer', definition.name)
  const { encode, decode } = definition
  if (typeof encode !== 'function' || typeof decode !== 'function') {
    throw new PersistablesError('INVALID_OPTION', `The serializer "${name}" lacks ${typeof encode === 'function' ? 'decode' : 'encode'}.`, {
      fix: 'Write serializer({ name, encode, decode }).',
      details: { serializer: name },
    })
  }
  const { decodeRows, wrapped } = definition
  const made: PatternSerializer<Out, In> = Object.freeze({
    name,
    // called on the definition, so that a class instance with methods works too
    encode: (value: In, options?: EncodeOptions) => encode.call(definition, value, options),
    decode: (content: Content) => decode.call(definition, content),
    ...(decodeRows !== undefined && { decodeRows: (content: Content) => decodeRows.call(definition, content) }),
    ...(wrapped !== undefined && { wrapped }),
    to(store: string): Pattern<Out, In> {
      return Object.freeze({ name: `${requireName('store', store)}_${name}`, store, serializer: made })
    },
  })
  return made
}
