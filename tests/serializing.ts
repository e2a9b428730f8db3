import type { Content, Encoded, PersistablesError } from '../src'
import type { AnySerializer } from '../src/artifacts/serializer'

/** All bytes of an encoded value, or of a stream. */
export const gather = async (source: Uint8Array | AsyncIterable<Uint8Array>): Promise<Uint8Array> => {
  if (ArrayBuffer.isView(source)) return source
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk.slice())
  return new Uint8Array(Buffer.concat(chunks))
}

/** Content as decode gets it, in pieces of that many bytes. */
export const contentOf = (whole: Uint8Array, pieces: number = whole.length || 1, options: Content['options'] = {}): Content => ({
  size: whole.length,
  options,
  bytes: async () => whole.slice(),
  async *stream({ start = 0 } = {}) {
    for (let at = start; at < whole.length; at += pieces) yield whole.slice(at, at + pieces)
  },
})

export const encodedOf = async (made: AnySerializer, value: unknown): Promise<Encoded & { readonly whole: Uint8Array }> => {
  const encoded = await made.encode(value)
  return { ...encoded, whole: await gather(encoded.bytes) }
}
export const encode = async (made: AnySerializer, value: unknown): Promise<Uint8Array> => (await encodedOf(made, value)).whole
export const encodedText = async (made: AnySerializer, value: unknown): Promise<string> => Buffer.from(await encode(made, value)).toString('utf8')

/** What comes back of a value, read in pieces of that many bytes. */
export const roundTrip = async (made: AnySerializer, value: unknown, pieces?: number): Promise<unknown> => {
  const { whole, options } = await encodedOf(made, value)
  return made.decode(contentOf(whole, pieces, options))
}

export const utf8 = (value: string): Uint8Array => new Uint8Array(Buffer.from(value))

/** The error that `work` throws. */
export const failure = async (work: () => unknown): Promise<PersistablesError> => {
  try {
    await work()
  } catch (error) {
    return error as PersistablesError
  }
  throw new Error('it did not fail')
}
