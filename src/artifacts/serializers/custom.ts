import { PersistablesError } from '../../errors'
import { requireName } from '../name'
import type { Pattern, PatternSerializer, Serializer } from '../serializer'

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
  const made: PatternSerializer<Out, In> = Object.freeze({
    name,
    // called on the definition, so that a class instance with methods works too
    encode: (value: In) => encode.call(definition, value),
    decode: (content: Parameters<typeof decode>[0]) => decode.call(definition, content),
    to(store: string): Pattern<Out, In> {
      return Object.freeze({ name: `${requireName('store', store)}_${name}`, store, serializer: made })
    },
  })
  return made
}
