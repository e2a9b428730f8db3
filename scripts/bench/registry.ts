import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Client } from 'pg'
import type { PrismaClient } from '../../generated/sqlite/client'
import { diskStore, openRepository, persistable, typed } from '../../src'
import type { Provider } from '../../src/client'
import type { Repository } from '../../src/contract'
import { migrate } from '../../src/migrate'
import type { OpenOptions } from '../../src/open'
import { startPostgres } from '../postgres'
import { type Bench, CannotMeasure } from './figure'

export const PROVIDERS: readonly Provider[] = ['sqlite', 'postgresql']

/** A record without artifacts, as small as records mostly are. */
export class Report extends persistable('Report', { config: typed<{ rate: number; layers: number[]; data: { url: string; rows: number } }>() }) {}

export const CONFIG = { rate: 0.1, layers: [64, 32, 10], data: { url: 'https://example.org/penguins.json', rows: 344 } }

/** A new draft of {@link Report}. */
export const report = (name: string): Report => new Report({ name, config: CONFIG })

/** A registry of its own: a repository, and the Prisma client that it uses, for the bare counterpart on the same connection and settings. */
export interface Opened {
  readonly repo: Repository
  readonly prisma: PrismaClient
  readonly url: string
}

export const open = async (provider: Provider, bench: Bench, options: OpenOptions = {}): Promise<Opened> => {
  const folder = await bench.folder()
  const url = provider === 'sqlite' ? `file:${join(folder, 'registry.db')}` : await createDatabase()
  if (provider === 'postgresql') await migrate(url, { logger: SILENT })
  const repo = await openRepository({ url, types: [Report], stores: [diskStore(join(folder, 'files'))], author: 'bench', ...options })
  bench.after(() => repo.close())
  // Both providers' clients have the calls that are made here; SQLite's types stand for them.
  return { repo, prisma: repo.client as unknown as PrismaClient, url }
}

/** The row of a saved report as `create` and `createMany` take it, but for id, name and version. */
export const bareRow = ({ type, registeredName, project, author, hash, filepaths, metadata }: Awaited<ReturnType<typeof saved>>) => ({
  type,
  registeredName,
  project,
  author,
  versionDescription: '',
  hash,
  hasExternalFiles: false,
  filepaths: JSON.parse(JSON.stringify(filepaths)),
  metadata: JSON.parse(JSON.stringify(metadata)),
})

/** One saved report. */
export const saved = (repo: Repository, name = 'first') => repo.save(report(name))

const SILENT = { warn: () => {} }

let server: Promise<string> | undefined
let stop: (() => Promise<void>) | undefined

// One server for the whole run, begun when it is first needed.
const serverUrl = async (): Promise<string> => {
  server ??= startPostgres().then((started) => {
    stop = started.stop
    return started.url
  })
  return server.catch((error: unknown) => {
    throw new CannotMeasure(`no PostgreSQL here: ${error instanceof Error ? error.message : String(error)}`)
  })
}

/** An empty database of the run's server. */
export const createDatabase = async (): Promise<string> => {
  const url = await serverUrl()
  const name = `b_${randomBytes(8).toString('hex')}`
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(`CREATE DATABASE ${name} TEMPLATE template0`)
  } finally {
    await client.end()
  }
  return url.replace(/\/postgres$/, `/${name}`)
}

/** Ends what was begun for the run. */
export const stopServers = async (): Promise<void> => stop?.()
