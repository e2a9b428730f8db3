import type { Sql } from '@prisma/client/runtime/client'
import { PersistablesError } from './errors'

/** The databases that the registry runs on. */
export type Provider = 'sqlite' | 'postgresql'

/** The base models by their names in a generated client: they prove that the schema holds the registry's tables. */
interface Delegates {
  readonly persistable: object
  readonly persistableEdge: object
  readonly persistableAlias: object
  readonly persistableTag: object
  readonly persistableCounter: object
  readonly persistableBlob: object
  readonly persistableRegistry: object
}

/**
 * What a transaction client must offer: `tx` of `prisma.$transaction(async (tx) => …)` fits, of any provider and with any extension.
 * The parameters are `never` so that the narrower signatures of generated clients are assignable; {@link rawOf} gives the usable view.
 */
export interface PersistableTransaction extends Delegates {
  $queryRawUnsafe(query: string, ...values: never[]): PromiseLike<unknown>
  $executeRawUnsafe(query: string, ...values: never[]): PromiseLike<number>
}

/** What a Prisma client must offer: every client that Prisma 7 generates from a schema with the base models fits, extended ones too. */
export interface PersistableClient extends PersistableTransaction {
  $transaction(work: never, options?: never): Promise<unknown>
  $disconnect(): Promise<void>
}

/** Whether a value is the client of an interactive transaction: Prisma takes from it what only a whole client can do. */
export function isTransaction(value: unknown): value is PersistableTransaction {
  return typeof (value as Partial<PersistableTransaction> | null | undefined)?.$queryRawUnsafe === 'function' && !('$connect' in (value as object))
}

/** The raw calls of a client as the registry makes them. */
export interface RawClient {
  $queryRawUnsafe<T>(query: string, ...values: unknown[]): PromiseLike<T>
  $executeRawUnsafe(query: string, ...values: unknown[]): PromiseLike<number>
  $transaction(work: readonly PromiseLike<unknown>[], options?: BatchOptions): Promise<unknown[]>
}

/** Milliseconds that a batch waits for a connection, and may take. */
export interface BatchOptions {
  maxWait: number
  timeout: number
}

/** One raw view of the structural types: the only cast between them. */
export function rawOf(client: PersistableTransaction): RawClient {
  return client as unknown as RawClient
}

/**
 * The rows of one statement.
 *
 * Prisma sends the statements that a transaction is given in one moment as a batch, and when one of them fails, the others resolve to nothing at all (seen with
 * 7.10): they were not done either. Throws `DATABASE_FAILED` then.
 */
export async function ask<T>(db: RawClient, text: string, values: readonly unknown[]): Promise<T[]> {
  const rows = await db.$queryRawUnsafe<T[] | undefined>(text, ...values)
  if (rows !== undefined) return rows
  throw new PersistablesError(
    'DATABASE_FAILED',
    'Another statement that this transaction was given in the same moment failed, and with it the transaction.',
    {
      fix: 'Retry the whole transaction; await each of its statements to learn which one failed.',
      details: { kind: 'ended-transaction' },
    },
  )
}

const BATCH: BatchOptions = { maxWait: 30_000, timeout: 120_000 }

/** The model methods of a client as the registry makes them, for rows that its query extensions are to see. */
export interface ModelClient {
  readonly persistable: Model
  readonly persistableEdge: Model
  readonly persistableTag: Model
  readonly persistableCounter: Model
  readonly persistableBlob: Model
}

type Data = Readonly<Record<string, unknown>>

interface Model {
  create(args: { data: Data; select?: Data }): PromiseLike<unknown>
  createMany(args: { data: readonly Data[] }): PromiseLike<{ count: number }>
  updateMany(args: { where: Data; data: Data }): PromiseLike<{ count: number }>
  findFirst(args: { where: Data; orderBy?: Data; select: Data }): PromiseLike<Data | null>
}

/** A model of a client by its name in the schema. Throws `SCHEMA_OUTDATED` for one that the client does not have. */
export function modelOf(client: ModelClient, name: string): Model {
  const model = (client as unknown as Readonly<Record<string, Model | undefined>>)[`${name.charAt(0).toLowerCase()}${name.slice(1)}`]
  if (model !== undefined) return model
  throw new PersistablesError('SCHEMA_OUTDATED', `The Prisma client does not know the model ${name}.`, {
    fix: 'Run `prisma generate`, and pass the client that is made from the schema with the companion models.',
    details: { model: name },
  })
}

/** Runs work on the models of a client: in the transaction that `client` is, or in one of its own. */
export async function withModels<T>(client: PersistableTransaction, transaction: boolean, work: (models: ModelClient) => Promise<T>): Promise<T> {
  if (transaction) return work(client as unknown as ModelClient)
  const own = client as unknown as { $transaction(work: (models: ModelClient) => Promise<T>, options: BatchOptions): Promise<T> }
  return own.$transaction(work, BATCH)
}

/**
 * Runs statements in one transaction of their own, in order, and gives their results.
 *
 * On SQLite a client has one connection, and a single call made while an interactive transaction is open on it joins that, and vanishes with
 * its rollback; a batch waits its turn. But Prisma sends a batch of one as a single call (seen with 7.10), so a lone statement gets company.
 * PostgreSQL's batches wait only 2 s for a connection unless told otherwise.
 */
export async function atomically<T>(db: RawClient, statements: readonly PromiseLike<T>[]): Promise<T[]> {
  const company = statements.length === 1 ? [db.$queryRawUnsafe<T>('SELECT 1')] : []
  return (await db.$transaction([...statements, ...company], BATCH)).slice(0, statements.length) as T[]
}

/** One statement with its values, from a `sql` template. */
export type Statement = Sql

/** Which provider a client talks to, read from the client itself. Throws `INVALID_OPTION` when it is not one that the registry runs on. */
export function providerOf(client: PersistableTransaction): Provider {
  const name: unknown = (client as { _activeProvider?: unknown })._activeProvider
  if (name === 'sqlite') return 'sqlite'
  if (name === 'postgresql' || name === 'postgres') return 'postgresql'
  throw new PersistablesError(
    'INVALID_OPTION',
    `This Prisma client is for ${typeof name === 'string' ? `the provider "${name}"` : 'an unknown provider'}.`,
    {
      fix: "persistables runs on SQLite and PostgreSQL. Pass { provider: 'sqlite' | 'postgresql' } if the client hides which one it is.",
    },
  )
}
