import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AppFolder, appFolder } from './codegen-project'
import { large, largePath, type Place } from './fixtures/v0.1/registry'
import { createDatabase, onServer, type TestDatabase } from './postgres'

const FIXTURE = join(__dirname, 'fixtures/v0.1')

/** What every version of the frozen registries is known by. */
export const EXPECTED = JSON.parse(readFileSync(join(FIXTURE, 'expected.json'), 'utf8')) as Record<string, unknown>

const SETTINGS = `import { databaseStore, defineConfig, diskStore } from 'persistables'

export default defineConfig({ stores: [diskStore('./.persistables/files'), databaseStore()] })
`

const databases: TestDatabase[] = []
afterEach(async () => {
  await Promise.all(databases.splice(0).map((database) => database.drop()))
})

/** A PostgreSQL database with nothing in it, dropped after the test. */
export const emptyDatabase = async (): Promise<string> => {
  const database = await createDatabase({ empty: true })
  databases.push(database)
  return database.url
}

const server = async (folder: string): Promise<string> => {
  const url = await emptyDatabase()
  await onServer(url, (client) => client.query(readFileSync(join(folder, 'dump.sql'), 'utf8')))
  return url
}

/** A copy of one of the frozen registries, as it would be on the machine of a user. */
export const thaw = async (kind: 'embedded' | 'sqlite' | 'postgresql'): Promise<AppFolder & { readonly place: Place }> => {
  const app = await appFolder({})
  const { folder } = app
  cpSync(join(FIXTURE, kind), folder, { recursive: true })
  const files = join(folder, '.persistables/files')
  mkdirSync(join(folder, '.persistables'), { recursive: true })
  cpSync(join(folder, 'files'), files, { recursive: true })
  mkdirSync(join(files, largePath(), '..'), { recursive: true })
  writeFileSync(join(files, largePath()), large())
  if (kind === 'embedded') {
    cpSync(join(folder, 'registry.db'), join(folder, '.persistables/registry.db'))
    app.write('persistables.config.ts', SETTINGS)
  }
  const url = kind === 'postgresql' ? await server(folder) : `file:${join(folder, kind === 'sqlite' ? 'dev.db' : '.persistables/registry.db')}`
  if (kind !== 'embedded') Object.assign(app.env, { DATABASE_URL: url, PERSISTABLES_URL: url })
  return { ...app, place: { url, files, cwd: folder, companion: kind !== 'embedded' } }
}
