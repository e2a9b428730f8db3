import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3'
import { isPersistablesError } from '../src'
import { APP_SCHEMA, type AppFolder, appFolder } from './codegen-project'
import { config, known, open, type Place, Source } from './fixtures/v0.1/registry'
import { onServer } from './postgres'
import { EXPECTED, emptyDatabase, thaw } from './thaw'

/** What `init` changes of a schema that 0.1 wrote, without the lines around. Whoever changes the models says here what comes to their users. */
const CHANGES: readonly string[] = []

for (const kind of ['sqlite', 'postgresql'] as const) {
  test(`a project of 0.1 is brought up by init and prisma migrate (${kind})`, async () => {
    const app = await thaw(kind)
    const before = readFileSync(join(app.folder, 'prisma/schema.prisma'), 'utf8')
    const dry = await app.cli('init', '--dry-run')
    expect(dry.out.split('\n').filter((line) => /^[+-](?!\+\+|--)/.test(line))).toEqual(CHANGES)
    const done = await app.cli('init', '--json')
    expect([done.code, done.json().changed]).toEqual([0, CHANGES.length === 0 ? [] : [join(app.folder, 'prisma/schema.prisma')]])
    // What the app wrote is as it was.
    const outside = (text: string): string => text.replace(/\/\/ persistables: begin[\s\S]*\/\/ persistables: end\.\n/, '')
    expect(outside(readFileSync(join(app.folder, 'prisma/schema.prisma'), 'utf8'))).toBe(outside(before))
    for (const command of [
      ['migrate', 'dev', '--name', 'upgrade'],
      ['migrate', 'deploy'],
      ['migrate', 'status'],
    ]) {
      const { code, output } = app.prisma(...command)
      expect([command.join(' '), code, code === 0 ? '' : output]).toEqual([command.join(' '), 0, ''])
    }
    expect(readdirSync(join(app.folder, 'prisma/migrations')).filter((name) => name.endsWith('upgrade'))).toHaveLength(Math.min(1, CHANGES.length))
    expect((await app.cli('generate', '--check')).code).toBe(0)
    expect(await known(app.place)).toEqual(EXPECTED)
  })
}

// The registry's models when 20260101000000_init was all that there was, copied by hand as the README of then said.
const FIRST = readFileSync(join(__dirname, 'fixtures/first/models.prisma'), 'utf8')
const CONFIG = `import { defineConfig } from 'prisma/config'

export default defineConfig({ schema: 'prisma', datasource: { url: process.env['DATABASE_URL'] ?? '' } })
`
const COLUMNS = {
  persistables:
    'id type registered_name project name author version version_description hash has_external_files filepaths metadata row_version created_at modified_at',
  persistable_tags: 'persistable_id key value',
  persistable_aliases: 'project type name alias persistable_id created_at',
  persistable_counters: 'project type name version',
  persistable_blobs: 'store digest size state pinned_until',
  persistable_registry: 'id registry_id created_at',
}
// The database store came later, and with it what Sample and Report rely on.
const ONLY: Record<string, string> = {
  persistables: `WHERE "type" = 'Source'`,
  persistable_tags: `WHERE "persistable_id" IN (SELECT "id" FROM "persistables")`,
  persistable_blobs: `WHERE "store" = 'disk'`,
}

/** Rows of a frozen registry, in the tables as they were then. */
const carry = async (provider: 'sqlite' | 'postgresql', from: string, to: string): Promise<void> => {
  const tables = Object.entries(COLUMNS).map(([table, names]) => ({
    table,
    names: names
      .split(' ')
      .map((name) => `"${name}"`)
      .join(', '),
  })) // prettier-ignore
  if (provider === 'sqlite') {
    const driver = await new PrismaBetterSqlite3({ url: to }).connect()
    await driver.executeScript(`ATTACH '${from.slice('file:'.length)}' AS frozen`)
    for (const { table, names } of tables)
      await driver.executeScript(`INSERT INTO ${table} (${names}) SELECT ${names} FROM frozen.${table} ${ONLY[table] ?? ''}`)
    await driver.dispose()
    return
  }
  for (const { table, names } of tables) {
    const texts = names.replace(/"\w+"/g, '$&::text')
    const { rows } = await onServer(from, (client) => client.query({ text: `SELECT ${texts} FROM ${table} ${ONLY[table] ?? ''}`, rowMode: 'array' }))
    for (const row of rows as unknown[][])
      await onServer(to, (client) => client.query(`INSERT INTO ${table} (${names}) VALUES (${row.map((_, i) => `$${i + 1}`).join(', ')})`, row))
  }
}

const ran = (app: AppFolder, ...command: string[]): void => {
  const { code, output } = app.prisma(...command)
  expect([command.join(' '), code, code === 0 ? '' : output]).toEqual([command.join(' '), 0, ''])
}

for (const provider of ['sqlite', 'postgresql'] as const) {
  // Each way of having the models once: Prisma takes its time, and databases and marks have nothing to do with each other.
  for (const marked of [provider === 'postgresql']) {
    test(`a project of the first migration, its models ${marked ? 'between marks' : 'copied by hand'}, is brought up with its data (${provider})`, async () => {
      const frozen = await thaw(provider)
      const models = marked ? `// persistables: begin. The models.\n\n${FIRST}\n// persistables: end.\n` : FIRST
      const app = await appFolder({ 'prisma/app.prisma': APP_SCHEMA(provider), 'prisma/models.prisma': models, 'prisma.config.ts': CONFIG })
      const url = provider === 'sqlite' ? `file:${join(app.folder, 'dev.db')}` : await emptyDatabase()
      Object.assign(app.env, { DATABASE_URL: url, PERSISTABLES_URL: url })
      ran(app, 'migrate', 'dev', '--name', 'first')
      await carry(provider, frozen.place.url, url)
      const place: Place = { ...frozen.place, url, cwd: app.folder, companion: false }

      const refused = await open(place).catch((error: unknown) => error)
      expect(isPersistablesError(refused, 'SCHEMA_OUTDATED') && refused.message).toMatch(
        /lack "persistable_blobs\.marked".*npx persistables init.*prisma migrate dev/s,
      )
      if (!marked) {
        const hand = await app.cli('init')
        expect([hand.code, hand.err]).toEqual([1, expect.stringMatching(/models\.prisma declares the model Persistable.*persistables: begin/s)])
        // As the advice says.
        const [, begin = '', end = ''] = /Put the line "(.*?)" before.* and "(.*?)" behind/.exec(hand.err) ?? []
        app.write('prisma/models.prisma', `${begin}\n${FIRST}${end}\n`)
      }
      const done = await app.cli('init')
      expect([done.err, done.code, done.out]).toEqual(['', 0, expect.stringMatching(/changed prisma\/models\.prisma/)])
      expect(readdirSync(join(app.folder, 'prisma')).sort()).toEqual(['app.prisma', 'migrations', 'models.prisma'])
      expect(done.out).toMatch(/ npx prisma migrate dev --name persistables\n +npx prisma generate$/m)
      ran(app, 'migrate', 'dev', '--name', 'persistables')
      ran(app, 'generate')
      ran(app, 'migrate', 'status')
      cpSync(frozen.place.files, join(app.folder, '.persistables/files'), { recursive: true })

      const sources = Object.entries(EXPECTED).filter(([ref]) => ref.includes('/Source/'))
      expect(await known(place)).toEqual(Object.fromEntries(sources))
      const repo = await open(place, { warn: () => {} })
      const first = await repo.load(Source, 'penguins@prod')
      expect([first.config, (await first.artifact('rows')).length]).toEqual([config(), 2])
      expect((await repo.save(first.next({ artifacts: { rows: [] } }))).version).toBe(4)
      // A number that a deleted version had is not given again.
      expect((await repo.save(new Source({ name: 'lost', config: {}, artifacts: { rows: [] } }))).version).toBe(2)
      const [disk] = await repo.gc({ dryRun: true, stores: ['disk'], force: true })
      expect(disk?.kept).toBeGreaterThan(0)
      await repo.close()
      expect((await app.cli('verify')).code).toBe(0)
      const doctor = await app.cli('doctor', '--json')
      expect(doctor.json().checks.filter(({ status }: { status: string }) => status !== 'ok')).toEqual([])
    }, 180_000)
  }
}
