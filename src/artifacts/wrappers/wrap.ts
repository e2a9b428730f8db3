import { PersistablesError } from '../../errors'
import type { Content, PatternSerializer, Serializer } from '../serializer'
import { layersOf } from '../serializer'
import { serializer } from '../serializers/custom'
import { unfit } from '../serializers/unfit'
import { MAX_WRAPPERS, unwrapAll, type Wrapper, wrapAll } from '../wrapper'

/** Bytes that come out of a wrapper where nobody says how many there should be. */
const UNTOLD_LIMIT = 1 << 30

/**
 * A serializer with one more wrapper around it. In the registry the inner serializer and the wrappers are handled apart; by itself, as here, it encodes to wrapped
 * bytes and decodes them. Throws `INVALID_OPTION` beyond {@link MAX_WRAPPERS}.
 */
export function wrap<Out, In>(inner: Serializer<Out, In>, wrapper: Wrapper): PatternSerializer<Out, In> {
  if (typeof inner?.encode !== 'function') {
    throw new PersistablesError('INVALID_OPTION', `${wrapper.name}() wraps a serializer.`, { fix: `Write ${wrapper.name}(json()).to('disk').` })
  }
  const { serializer: base, wrappers } = layersOf(inner)
  const all = Object.freeze([...wrappers, wrapper])
  if (all.length > MAX_WRAPPERS) {
    throw new PersistablesError('INVALID_OPTION', `${inner.name} has ${MAX_WRAPPERS} wrappers already.`, { fix: 'One is enough.' })
  }
  const opened = (content: Content): Content => unwrapped(base.name, content, all)
  const { decodeRows } = base
  return serializer<Out, In>({
    name: `${inner.name}-${wrapper.name}`,
    async encode(value, options) {
      const { bytes, options: notes } = await base.encode(value, options)
      return { bytes: wrapAll(bytes instanceof Uint8Array ? once(bytes) : bytes, all), ...(notes !== undefined && { options: notes }) }
    },
    decode: async (content) => base.decode(opened(content)) as Out | Promise<Out>,
    ...(decodeRows !== undefined && { decodeRows: (content: Content) => decodeRows(opened(content)) }),
    wrapped: Object.freeze({ serializer: base, wrappers: all }),
  })
}

function unwrapped(name: string, content: Content, wrappers: readonly Wrapper[]): Content {
  async function* stream(start = 0): AsyncGenerator<Uint8Array, void, undefined> {
    let at = 0
    for await (const chunk of unwrapAll(content.stream(), wrappers)) {
      if (at + chunk.length > UNTOLD_LIMIT)
        throw unfit(name, `The bytes unwrap to more than ${UNTOLD_LIMIT}.`, 'Read them through the registry, which knows their size.')
      if (at + chunk.length > start) yield chunk.subarray(Math.max(0, start - at))
      at += chunk.length
    }
  }
  const bytes = async (): Promise<Uint8Array> => {
    const parts: Uint8Array[] = []
    for await (const chunk of stream()) parts.push(chunk)
    return new Uint8Array(Buffer.concat(parts))
  }
  // nobody knows it before everything is unwrapped
  return { options: content.options, size: Number.NaN, bytes, stream: ({ start } = {}) => stream(start) }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}
