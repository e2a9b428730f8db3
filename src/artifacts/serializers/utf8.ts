import { TextDecoder } from 'node:util'
import { unfit } from './unfit'

const LONE = /\p{Surrogate}/u

/** Where a string has half of a surrogate pair alone, which UTF-8 cannot hold; -1 where it has none. */
export function loneSurrogate(text: string): number {
  return text.search(LONE)
}

/** A decoder that refuses what is not UTF-8 and keeps a byte order mark as the character it is. */
export function utf8(): InstanceType<typeof TextDecoder> {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
}

/** `text` as UTF-8. Throws `INVALID_ARTIFACT` where it is not well-formed. */
export function toUtf8(serializer: string, text: string): Uint8Array {
  const at = loneSurrogate(text)
  if (at < 0) return new TextEncoder().encode(text)
  throw unfit(
    serializer,
    `The text has half a surrogate pair at position ${at}, which UTF-8 cannot hold.`,
    'Call toWellFormed() on it, or use json().',
    { position: at },
  )
}

/** UTF-8 as text. Throws `INVALID_ARTIFACT` where the bytes are not UTF-8. */
export function fromUtf8(serializer: string, bytes: Uint8Array): string {
  try {
    return utf8().decode(bytes)
  } catch (cause) {
    throw unfit(serializer, 'The bytes are not UTF-8.', 'Read them with bytes().', {}, cause)
  }
}
