/**
 * Whether reading a value uses it up: iterators, generators, Node and web streams. Collections and objects whose `[Symbol.asyncIterator]()` begins anew
 * are read as often as needed.
 */
export function isOneShot(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || value instanceof Blob) return false
  // methods, for data may have members of these names
  return ['next', 'pipe', 'getReader'].some((method) => typeof (value as Readonly<Record<string, unknown>>)[method] === 'function')
}
