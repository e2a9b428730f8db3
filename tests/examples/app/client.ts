import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3'
import { PrismaPg } from '@prisma/adapter-pg'
import type { PrismaClient } from './generated/postgresql/client'

/** The app's own client; typed as the one for PostgreSQL, which offers what both have. */
export const clientFor = async (provider: 'sqlite' | 'postgresql', url: string): Promise<PrismaClient> => {
  if (provider === 'postgresql') {
    const { PrismaClient: Client } = await import('./generated/postgresql/client')
    return new Client({ adapter: new PrismaPg({ connectionString: url }) })
  }
  const { PrismaClient: Client } = await import('./generated/sqlite/client')
  return new Client({ adapter: new PrismaBetterSqlite3({ url }) }) as unknown as PrismaClient
}
