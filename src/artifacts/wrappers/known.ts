import type { AnySerializer } from '../serializer'
import type { Wrapper } from '../wrapper'
import { brotliWrapper } from './brotli'
import { gzipWrapper } from './gzip'
import { wrap } from './wrap'
import { zstdWrapper } from './zstd'

const KNOWN: ReadonlyMap<string, () => Wrapper> = new Map([
  ['gzip', () => gzipWrapper()],
  ['brotli', () => brotliWrapper()],
  ['zstd', () => zstdWrapper()],
])

/** Names of the wrappers that this release can take off. */
export const WRAPPER_NAMES: readonly string[] = [...KNOWN.keys()]

/** The wrapper of that name, or `undefined`. */
export function knownWrapper(name: string): Wrapper | undefined {
  return KNOWN.get(name)?.()
}

/** The serializer that a pattern's name means: `json`, or `json-gzip` for a `json` in a wrapper; `undefined` when `find` knows none of that name. */
export function byFullName(name: string, find: (name: string) => AnySerializer | undefined): AnySerializer | undefined {
  const found = find(name)
  if (found !== undefined) return found
  const cut = name.lastIndexOf('-')
  const wrapper = cut > 0 ? knownWrapper(name.slice(cut + 1)) : undefined
  const inner = wrapper && byFullName(name.slice(0, cut), find)
  return wrapper && inner && wrap(inner, wrapper)
}
