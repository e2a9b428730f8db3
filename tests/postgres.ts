import { randomBytes } from 'node:crypto'
import { Client } from 'pg'

export const TEMPLATE = 'persistables_template'

export interface TestDatabase {
  /** `postgresql://…` of a database that nobody else uses. */
  readonly url: string
  /** Drops it, whoever is still connected. Every database is gone after the run in any case. */
  drop(): Promise<void>
}

let server: Promise<string> | undefined

const askForServer = async (): Promise<string> => {
  const broker = process.env['PERSISTABLES_TEST_POSTGRES']
  if (broker === undefined) throw new Error('No test PostgreSQL: run this by jest with the config of the project, whose globalSetup offers one')
  const response = await fetch(broker)
  const body = await response.text()
  if (!response.ok) throw new Error(body)
  return (JSON.parse(body) as { url: string }).url
}

/** Runs `work` on a connection of its own to a server. */
export const onServer = async <T>(url: string, work: (client: Client) => Promise<T>): Promise<T> => {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/**
 * A new PostgreSQL database with the registry's tables, or with nothing in it.
 *
 * @param options.empty no tables at all, to migrate; `false` by default
 * @example
 * const database = await createDatabase()
 * afterAll(() => database.drop())
 * const repo = await openRepository({ url: database.url, types: [] })
 */
export const createDatabase = async ({ empty = false }: { empty?: boolean } = {}): Promise<TestDatabase> => {
  server ??= askForServer()
  const url = await server
  const name = `t_${randomBytes(8).toString('hex')}`
  await onServer(url, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${empty ? 'template0' : TEMPLATE}`))
  return {
    url: url.replace(/\/postgres$/, `/${name}`),
    drop: () => onServer(url, async (client) => void (await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))),
  }
}
