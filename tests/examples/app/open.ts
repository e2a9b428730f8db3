import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3'
import { createRepository, diskStore, type PersistableClient } from '../../../src'
import type { CreateOptions, Repository } from '../../../src/contract'
import { createDatabase, onServer } from '../../postgres'
import { tempDir } from '../../support'
import { clientFor } from './client'
import { types } from './generated/persistables'
import type { PrismaClient } from './generated/postgresql/client'

/** The example app on a database of its own. */
export interface App {
  /** the app's own client; typed as the one for PostgreSQL, which offers what both have */
  readonly prisma: PrismaClient
  readonly url: string
  /** root of its disk store */
  readonly files: string
  readonly repo: Repository
  /** Another repository on the same client. */
  again(options: Partial<CreateOptions>): Repository
  sql(text: string): Promise<void>
  close(): Promise<void>
}

const schemaOf = (provider: string): string => readFileSync(join(__dirname, 'prisma', provider, 'schema.sql'), 'utf8')

/** Opens it, with the tables that its own schema makes. */
export const openApp = async (provider: 'sqlite' | 'postgresql'): Promise<App> => {
  const folder = await tempDir()
  const files = join(folder, 'files')
  const stores = [diskStore(files)]
  const over = async (url: string, prisma: PrismaClient, drop: () => Promise<void>): Promise<App> => {
    const client = prisma as unknown as PersistableClient
    const again = (options: Partial<CreateOptions>): Repository => createRepository({ client, types, stores, author: 'tester', ...options })
    const repo = again({})
    const close = async (): Promise<void> => {
      await repo.close()
      await prisma.$disconnect()
      await drop()
    }
    return { prisma, url, files, repo, again, close, sql: async (text) => void (await prisma.$executeRawUnsafe(text)) }
  }
  if (provider === 'sqlite') {
    const url = `file:${join(folder, 'app.db')}`
    const driver = await new PrismaBetterSqlite3({ url }).connect()
    await driver.executeScript(`PRAGMA journal_mode = WAL; ${schemaOf(provider)}`)
    await driver.dispose()
    return over(url, await clientFor(provider, url), async () => {})
  }
  const { url, drop } = await createDatabase({ empty: true })
  await onServer(url, (client) => client.query(schemaOf(provider)))
  return over(url, await clientFor(provider, url), drop)
}
