/** Double-quotes an identifier, as both databases take it. */
export const quote = (identifier) => `"${identifier.replaceAll('"', '""')}"`

/**
 * A driver adapter as the schema engine needs it: a parameterless `executeRaw` may hold a whole script, of which drivers run only the first statement.
 *
 * @param adapter a connected Prisma driver adapter, changed in place
 * @param options `script(sql)` runs several statements; `afterDispose()` runs once the connection is closed
 */
export function forEngine(adapter, { script, afterDispose = async () => {} }) {
  const executeOne = adapter.executeRaw.bind(adapter)
  const disconnect = adapter.dispose.bind(adapter)
  adapter.executeScript = script
  adapter.executeRaw = async (query) => {
    if (query.args.length > 0 || !/;\s*\S/.test(query.sql)) return executeOne(query)
    await script(query.sql)
    return 0
  }
  adapter.dispose = async () => {
    await disconnect()
    await afterDispose()
  }
  return adapter
}
