import { PersistablesError } from '../errors'

const NAME = /^[a-z][a-z0-9-]{0,99}$/

/** `name`, if it may name a store or a serializer: `[a-z][a-z0-9-]*`, at most 100 characters. Throws `INVALID_NAME` otherwise. */
export function requireName(what: 'store' | 'serializer', name: unknown): string {
  if (typeof name === 'string' && NAME.test(name)) return name
  throw new PersistablesError('INVALID_NAME', `${JSON.stringify(name) ?? String(name)} cannot name a ${what}.`, {
    fix: 'Use a lower-case letter, then lower-case letters, digits and hyphens, such as "disk" or "team-bucket".',
    details: { what, name },
  })
}
