import { types } from 'node:util'

/** Whether an object is plain: no prototype, or an `Object.prototype`, of whichever realm (but not just any object without a prototype). */
export function isPlain(value: object): boolean {
  const proto: unknown = Object.getPrototypeOf(value)
  if (proto === null || proto === Object.prototype) return true
  return Object.getPrototypeOf(proto) === null && Object.hasOwn(proto as object, 'hasOwnProperty') && Object.hasOwn(proto as object, 'toString')
}

/** Whether a value is a plain object. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && isPlain(value)
}

/** Sets a member as the object's own, even where the name is that of something inherited: `__proto__` above all, which assignment would take for the prototype. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key in target) Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true })
  else target[key] = value
}

/**
 * Freezes a restored value in place, all the way down, and returns it: plain objects and arrays, also those within Maps and Sets. A Map, Set, Date, typed array or buffer
 * itself stays as it is, for freezing does not stop its methods from changing it (and throws for typed arrays); hand out a fresh {@link restore} where that matters.
 */
export function freezeDeep<T>(value: T): T {
  const rest: unknown[] = [value]
  while (rest.length > 0) {
    const next = rest.pop()
    if (typeof next !== 'object' || next === null || Object.isFrozen(next)) continue
    if (types.isMap(next)) for (const [key, item] of next) rest.push(key, item)
    else if (types.isSet(next)) for (const item of next) rest.push(item)
    else if (Array.isArray(next) || isPlain(next)) for (const item of Object.values(Object.freeze(next))) rest.push(item)
  }
  return value
}
