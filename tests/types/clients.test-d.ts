import { readReplicas } from '@prisma/extension-read-replicas'
import type { PrismaClient as PostgresClient } from '../../generated/postgresql/client'
import type { PrismaClient as SqliteClient } from '../../generated/sqlite/client'
import { createRepository, type PersistableClient, type PersistableTransaction } from '../../src'

// Clients as Prisma 7 generates them, extended ones and transactions fit the structural type, for each provider.
declare const sqlite: SqliteClient
declare const postgres: PostgresClient
sqlite satisfies PersistableClient
postgres satisfies PersistableClient
const extended = postgres.$extends({ model: { persistable: { hello: () => 'hi' } } })
extended satisfies PersistableClient
const logged = sqlite.$extends({ query: { $allOperations: ({ args, query }) => query(args) } })
logged satisfies PersistableClient

const repo = createRepository({ client: extended, types: [] })
repo.client.persistable.hello()
void sqlite.$transaction(async (tx) => {
  tx satisfies PersistableTransaction
  createRepository({ client: sqlite }).using(tx)
})
void extended.$transaction(async (tx) => repo.using(tx))

// @ts-expect-error a client without the base models does not fit
createRepository({ client: {} as Omit<SqliteClient, 'persistable'> })

// With read replicas, and a replica itself.
const replicated = postgres.$extends(readReplicas({ replicas: [postgres] }))
replicated satisfies PersistableClient
void createRepository({ client: replicated.$replica() })
void replicated.$transaction(async (tx) => createRepository({ client: replicated, writes: 'models' }).using(tx))
// @ts-expect-error there are two ways of writing
createRepository({ client: sqlite, writes: 'magic' })
