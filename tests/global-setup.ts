import { randomBytes, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Client } from 'pg'
import { MIGRATIONS } from '../generated/migrations'
import { type PostgresServer, startPostgres } from '../scripts/postgres'
import { onServer, TEMPLATE } from './postgres'

// as Prisma makes it
const MIGRATIONS_TABLE = `CREATE TABLE _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL, logs TEXT,
  rolled_back_at TIMESTAMPTZ, started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0
)`

const makeTemplate = async (url: string): Promise<void> => {
  await onServer(url, (client) => client.query(`CREATE DATABASE ${TEMPLATE}`))
  const template = new Client({ connectionString: url.replace(/\/postgres$/, `/${TEMPLATE}`) })
  await template.connect()
  try {
    await template.query(MIGRATIONS_TABLE)
    for (const { name, checksum, sql } of MIGRATIONS.postgresql) {
      await template.query(sql)
      await template.query(
        'INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count) VALUES ($1, $2, $3, now(), now(), 1)',
        [randomUUID(), checksum, name],
      )
    }
  } finally {
    await template.end()
  }
}

/** Jest's main process holds the one PostgreSQL of a run, and starts it when a test first asks: pure tests pay nothing. */
export default async (): Promise<void> => {
  let server: Promise<PostgresServer> | undefined
  const start = async (): Promise<PostgresServer> => {
    const started = await startPostgres()
    await makeTemplate(started.url)
    return started
  }
  const token = randomBytes(18).toString('base64url')
  const broker = createServer((request, response) => {
    if (request.url !== `/${token}`) return void response.writeHead(404).end()
    server ??= start()
    server.then(
      ({ url }) => response.end(JSON.stringify({ url })),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  })
  await new Promise<void>((resolve) => broker.listen(0, '127.0.0.1', resolve))
  broker.unref()
  process.env['PERSISTABLES_TEST_POSTGRES'] = `http://127.0.0.1:${(broker.address() as AddressInfo).port}/${token}`
  globalThis.stopTestPostgres = async () => {
    broker.close()
    broker.closeAllConnections()
    await (await server?.catch(() => undefined))?.stop()
  }
}

declare global {
  /** Handed from the global set-up to the global tear-down, which Jest loads apart. */
  var stopTestPostgres: (() => Promise<void>) | undefined
}
