import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { forEngine, quote } from './adapter.mjs'

const require = createRequire(import.meta.url)
const OID = { char: 18, text: 25, void: 2278 }
const CHARACTER = 6 // the engine's ColumnType for "char"

export const provider = 'postgres'
export const adapterName = '@prisma/adapter-pg'

const nameOf = (url) => decodeURIComponent(new URL(url).pathname.slice(1))
const schemaOf = (url) => new URL(url).searchParams.get('schema') ?? 'public'
const withName = (url, name) => Object.assign(new URL(url), { pathname: `/${encodeURIComponent(name)}` }).href

async function open(url, afterDispose) {
  const { PrismaPg } = require('@prisma/adapter-pg')
  const schema = schemaOf(url)
  // one session, because the engine's advisory lock belongs to a session
  const config = { connectionString: url, max: 1, ...(schema === 'public' ? {} : { options: `-c search_path=${quote(schema)}` }) }
  const adapter = await new PrismaPg(config, { schema }).connect()
  const pool = adapter.underlyingDriver()
  const query = adapter.queryRaw.bind(adapter)
  const characters = new Set()
  // The adapter refuses the types "char" and void, which the catalogue and pg_advisory_lock answer with: both pass as text, and "char" is named again below.
  pool.on('connect', (client) => {
    client.connection.prependListener('rowDescription', ({ fields }) => {
      for (const field of fields) {
        if (field.dataTypeID === OID.char) characters.add(field.name)
        if (field.dataTypeID === OID.char || field.dataTypeID === OID.void) field.dataTypeID = OID.text
      }
    })
  })
  adapter.queryRaw = async (request) => {
    characters.clear()
    const result = await query(request)
    return { ...result, columnTypes: result.columnTypes.map((type, i) => (characters.has(result.columnNames[i]) ? CHARACTER : type)) }
  }
  const script = async (sql) => {
    try {
      await pool.query(sql)
    } catch (error) {
      adapter.onError(error)
    }
  }
  return forEngine(adapter, { script, afterDispose })
}

async function administer(url, sql) {
  const adapter = await open(withName(url, 'postgres'))
  try {
    await adapter.executeScript(sql)
  } finally {
    await adapter.dispose()
  }
}

export const connect = (url) => open(url)

/** A scratch database: the configured one, emptied, or one of its own that is dropped when its connection is closed. */
export async function connectShadow(url, shadowUrl) {
  if (shadowUrl === undefined) {
    const name = `prisma_migrate_shadow_db_${randomUUID()}`
    await administer(url, `CREATE DATABASE ${quote(name)}`)
    return open(withName(url, name), () => administer(url, `DROP DATABASE IF EXISTS ${quote(name)} WITH (FORCE)`))
  }
  // the adapter's own shadow connection leads to the main database, so the two must be told apart before anything is emptied
  if (new URL(shadowUrl).host === new URL(url).host && nameOf(shadowUrl) === nameOf(url))
    throw new Error('shadowDatabaseUrl must name another database than url')
  const adapter = await open(shadowUrl)
  const schema = quote(schemaOf(shadowUrl))
  await adapter.executeScript(`DROP SCHEMA IF EXISTS ${schema} CASCADE; CREATE SCHEMA ${schema}`)
  return adapter
}

export const lock = undefined // the engine takes its advisory lock itself
export const reset = undefined // and empties the schema itself

export async function assertReachable(url) {
  const adapter = await open(url)
  try {
    await adapter.queryRaw({ sql: 'SELECT 1', args: [], argTypes: [] })
  } finally {
    await adapter.dispose()
  }
}

export async function create(url) {
  try {
    await administer(url, `CREATE DATABASE ${quote(nameOf(url))}`)
  } catch (error) {
    // another process was first, which is as good
    if (!['42P04', '23505'].includes(error.cause?.originalCode)) throw error
  }
}

export const drop = (url) => administer(url, `DROP DATABASE IF EXISTS ${quote(nameOf(url))} WITH (FORCE)`)
