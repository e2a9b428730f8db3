import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { forEngine, quote } from './adapter.mjs'

const require = createRequire(import.meta.url)
const BUSY_MS = 60_000
// the engine's own definition of its table
const MIGRATIONS_TABLE = `CREATE TABLE "_prisma_migrations" (
  "id" TEXT PRIMARY KEY NOT NULL, "checksum" TEXT NOT NULL, "finished_at" DATETIME, "migration_name" TEXT NOT NULL, "logs" TEXT,
  "rolled_back_at" DATETIME, "started_at" DATETIME NOT NULL DEFAULT current_timestamp, "applied_steps_count" INTEGER UNSIGNED NOT NULL DEFAULT 0
)`

export const provider = 'sqlite'
// Under its real name the engine would send PRAGMA locking_mode=EXCLUSIVE and lock itself out; under this one it does not. `lock` stands in for it.
export const adapterName = '@prisma/adapter-libsql'

const fileOf = (url) => resolve(url.replace(/^file:(\/\/)?/, '').replace(/\?.*$/, ''))

async function open(url, afterDispose) {
  const { PrismaBetterSqlite3 } = require('@prisma/adapter-better-sqlite3')
  const adapter = await new PrismaBetterSqlite3({ url, timeout: BUSY_MS }).connect()
  adapter.adapterName = adapterName
  const script = adapter.executeScript.bind(adapter)
  const query = adapter.queryRaw.bind(adapter)
  // The engine takes a missing migrations table for a missing database (P1014) and gives up, where it should begin one.
  adapter.queryRaw = async (request) => {
    try {
      return await query(request)
    } catch (error) {
      if (!/no such table: (main\.)?_prisma_migrations/.test(error.cause?.originalMessage)) throw error
      await script(MIGRATIONS_TABLE)
      return query(request)
    }
  }
  return forEngine(adapter, { script, afterDispose })
}

export const connect = async (url) => {
  mkdirSync(dirname(fileOf(url)), { recursive: true })
  return open(url)
}

/** A scratch database, gone when its connection is closed. */
export const connectShadow = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'persistables-shadow-'))
  return open(`file:${join(folder, 'shadow.db')}`, async () => rmSync(folder, { recursive: true }))
}

/** Empties the database. The engine's own reset leaves tables behind. */
export async function reset(url) {
  const adapter = await connect(url)
  try {
    const { rows } = await adapter.queryRaw({
      sql: "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
      args: [],
      argTypes: [],
    })
    await adapter.executeScript(`PRAGMA foreign_keys=OFF;${rows.map(([type, name]) => `DROP ${type} IF EXISTS ${quote(name)};`).join('')}`)
  } finally {
    await adapter.dispose()
  }
}

/**
 * Lets one process at a time migrate a file: nothing in the engine does. Returns how to let go.
 * The lock is a transaction on a file beside nothing of the user's, so it ends with the process that holds it.
 */
export async function lock(url) {
  const Database = createRequire(require.resolve('@prisma/adapter-better-sqlite3'))('better-sqlite3')
  const name = createHash('sha256').update(fileOf(url)).digest('hex').slice(0, 32)
  const database = new Database(join(tmpdir(), `persistables-migrate-${name}.lock`), { timeout: BUSY_MS })
  database.exec('BEGIN EXCLUSIVE')
  return () => {
    database.exec('ROLLBACK')
    database.close()
  }
}

export async function assertReachable(url) {
  if (!existsSync(fileOf(url))) throw Object.assign(new Error(`Database \`${url}\` does not exist`), { code: 'P1003' })
}

export async function create(url) {
  const adapter = await connect(url)
  try {
    await adapter.executeScript('VACUUM') // a file exists only once something is written
  } finally {
    await adapter.dispose()
  }
}

export async function drop(url) {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(fileOf(url) + suffix, { force: true })
}
