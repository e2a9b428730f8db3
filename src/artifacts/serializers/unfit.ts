import { PersistablesError } from '../../errors'

/** The error of a serializer for what it does not take, or for bytes that it cannot read. */
export function unfit(
  serializer: string,
  what: string,
  fix: string,
  details: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): PersistablesError {
  return new PersistablesError('INVALID_ARTIFACT', what, { fix, details: { serializer, ...details }, cause })
}

/** What a value is, in a few words for a message: `a Map`, `an array`, `undefined`. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value)
  if (Array.isArray(value)) return 'an array'
  if (typeof value !== 'object') return typeof value === 'number' && !Number.isFinite(value) ? String(value) : `a ${typeof value}`
  const maker: unknown = (value as { constructor?: unknown }).constructor
  const name = typeof maker === 'function' ? maker.name : ''
  return name === '' || name === 'Object' ? 'an object' : `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`
}
