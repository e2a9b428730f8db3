import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import * as postgresql from './postgresql.mjs'
import * as sqlite from './sqlite.mjs'

const require = createRequire(import.meta.url)
const unreachable = async () => {
  throw new Error('This command needs a database')
}

/** The database module a URL is for. */
export const databaseOf = (url) => (/^postgres(ql)?:/.test(url) ? postgresql : sqlite)

async function loadWasm() {
  globalThis.PRISMA_WASM_PANIC_REGISTRY ??= {
    message: '',
    set_message(message) {
      this.message = message
    },
  }
  // The package's entry point fetches its .wasm file by URL, which Node has no loader for: instantiate the file by hand.
  const glue = require.resolve('@prisma/schema-engine-wasm/schema_engine_bg')
  const exports = await import(glue)
  const { instance } = await WebAssembly.instantiate(readFileSync(glue.replace(/\.js$/, '.wasm')), { './schema_engine_bg.js': exports })
  exports.__wbg_set_wasm(instance.exports)
  instance.exports.__wbindgen_start()
  return exports
}

let wasm

async function start(factory, schemas) {
  const { SchemaEngine } = await (wasm ??= loadWasm())
  const { bindMigrationAwareSqlAdapterFactory } = require('@prisma/driver-adapter-utils')
  const bound = bindMigrationAwareSqlAdapterFactory(factory)
  try {
    return { bound, engine: await SchemaEngine.new({ datamodels: schemas }, () => {}, bound) }
  } catch (error) {
    throw explained(error, bound)
  }
}

/** The JavaScript error behind the engine's "External error id#…", or the panic behind its trap. */
function explained(error, bound) {
  const id = /External error id#(\d+)/.exec(error.message)?.[1]
  const cause = id === undefined ? undefined : bound.errorRegistry.consumeError(Number(id))?.error
  if (cause !== undefined) {
    error.message = error.message.replace(`External error id#${id}`, cause.cause?.originalMessage ?? String(cause))
    error.cause = cause
  } else if (/unreachable/.test(error.message)) error.message = globalThis.PRISMA_WASM_PANIC_REGISTRY.message
  return error
}

/** Two schemas are compared without a database; the engine opens one all the same, only to ask PostgreSQL for its version. */
const offline = ({ provider, adapterName }) => {
  const version = { rows: [[true, 'PostgreSQL 18', 180000]], columnNames: ['exists', 'version', 'numeric_version'], columnTypes: [5, 7, 0] }
  const connect = async () => ({
    provider,
    adapterName,
    queryRaw: async (query) => (query.sql.includes('server_version_num') ? version : unreachable()),
    executeRaw: unreachable,
    executeScript: unreachable,
    startTransaction: unreachable,
    getConnectionInfo: () => ({ supportsRelationJoins: false }),
    dispose: async () => {},
  })
  return { provider, adapterName, connect, connectToShadowDb: connect }
}
const isSchema = ({ tag }) => tag === 'empty' || tag === 'schemaDatamodel'

/**
 * The schema engine on one database.
 *
 * @param url `file:…` or `postgresql://…`
 * @param options `schemas`: [path, content] of each schema file; `shadowUrl`: the database to replay migrations in
 * @returns `call(method, params)` of the engine's JSON-RPC methods, and `close()`
 */
export function openEngine(url, { schemas, shadowUrl } = {}) {
  const database = databaseOf(url)
  const adapters = []
  const tracked = (connect) => async () => {
    const adapter = await connect()
    adapters.push(adapter)
    return adapter
  }
  const online = {
    provider: database.provider,
    adapterName: database.adapterName,
    connect: tracked(() => database.connect(url)),
    connectToShadowDb: tracked(() => database.connectShadow(url, shadowUrl)),
  }
  let started
  const call = async (method, params) => {
    if (method === 'reset' && database.reset) return database.reset(url)
    if (method === 'diff' && isSchema(params.from) && isSchema(params.to)) return (await start(offline(database), schemas)).engine.diff(params)
    const { bound, engine } = await (started ??= start(online, schemas))
    try {
      if (method === 'getDatabaseVersion') return await engine.version(params)
      // these two know the history's schema only from a cache that devDiagnostic fills
      if (method === 'evaluateDataLoss' || method === 'createMigration') {
        await engine.devDiagnostic({ migrationsList: params.migrationsList, filters: params.filters })
      }
      const unlock = method === 'applyMigrations' ? await database.lock?.(url) : undefined
      try {
        return await engine[method](params)
      } finally {
        unlock?.()
      }
    } catch (error) {
      throw explained(error, bound)
    }
  }
  const close = async () => {
    const running = await started?.catch(() => undefined)
    running?.engine.free()
    for (const adapter of adapters) await adapter.dispose().catch(() => {})
  }
  return { call, close }
}
