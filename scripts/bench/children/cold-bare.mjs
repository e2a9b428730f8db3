// The same by a Prisma client alone, with the registry's settings of SQLite: node cold-bare.mjs <url> <version>
import { randomUUID } from 'node:crypto'
import { begin } from './begin.mjs'

const tell = begin()
const { PrismaBetterSqlite3 } = await import('@prisma/adapter-better-sqlite3')
const { PrismaClient } = await import('../../../dist/generated/sqlite/client.js')
const adapter = new PrismaBetterSqlite3({ url: process.argv[2] })
const connect = adapter.connect.bind(adapter)
adapter.connect = async () => {
  const driver = await connect()
  await driver.executeScript('PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON')
  return driver
}
const prisma = new PrismaClient({ adapter })
const told = { type: 'Report', registeredName: 'Report', project: 'default', author: 'bench', hash: `oh1:${'0'.repeat(64)}` }
const metadata = { config: { rate: 0.1, layers: [64, 32, 10] }, state: { save_patterns: {} } }
await prisma.persistable.create({ data: { ...told, id: randomUUID(), name: 'bare', version: Number(process.argv[3]), filepaths: {}, metadata } })
tell()
await prisma.$disconnect()
