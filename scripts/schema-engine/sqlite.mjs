import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { forEngine } from './adapter.mjs'

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

const openDriver = (file) => {
  const Database = createRequire(require.resolve('@prisma/adapter-better-sqlite3'))('better-sqlite3')
  return new Database(file, { timeout: BUSY_MS })
}

/**
 * Empties the database. The engine's own reset leaves tables behind, and to drop every table would leave sqlite_sequence, which the engine then takes for
 * somebody's data. The file stays, so that other connections see an empty database and not a ghost.
 */
export async function reset(url) {
  const file = fileOf(url)
  if (!existsSync(file)) return
  const database = openDriver(file)
  try {
    database.unsafeMode() // else the schema table cannot be written to
    database.pragma('writable_schema = ON')
    database.exec('DELETE FROM sqlite_master')
    database.pragma('writable_schema = OFF')
    database.exec('VACUUM')
  } finally {
    database.close()
  }
}

/**
 * Lets one process at a time migrate a file: nothing in the engine does. Returns how to let go.
 * The lock is a transaction on an empty file beside it, so it ends with the process that holds it. The file stays: to remove it would let two in.
 */
export async function lock(url) {
  const database = openDriver(`${fileOf(url)}-migrate-lock`)
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
  for (const suffix of ['', '-wal', '-shm', '-journal', '-migrate-lock']) rmSync(fileOf(url) + suffix, { force: true })
}
