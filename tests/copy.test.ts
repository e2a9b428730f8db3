import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  artifact,
  bytes,
  copyRegistry,
  databaseStore,
  diskStore,
  isPersistablesError,
  json,
  openRepository,
  persistable,
  type Repository,
  typed,
} from '../src'
import { rawOf } from '../src/client'
import { upTo } from './campaigns'
import { persistables } from './cli-run'
import { createDatabase, type TestDatabase } from './postgres'
import { tempDir } from './support'

class Dataset extends persistable('Dataset', {
  config: typed<{ i: number; odd?: unknown }>(),
  artifacts: { rows: artifact(json<number[]>().to('disk')) },
}) {}
class Note extends persistable('Note', { config: typed<{ text?: string }>(), parents: { of: [Dataset] } }) {}
class Blob extends persistable('Blob', { artifacts: { data: artifact(bytes().to('database')) } }) {}
const TYPES = [Dataset, Note, Blob]
const BYTES = Uint8Array.from({ length: 700_001 }, (_, i) => (i * 7) % 253)
const SILENT = { warn: () => {} }

const databases: TestDatabase[] = []
afterEach(async () => {
  await Promise.all(databases.splice(0).map((database) => database.drop()))
})
const server = async (options?: { empty?: boolean }): Promise<string> => {
  const database = await createDatabase(options)
  databases.push(database)
  return database.url
}
const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work
    return 'none'
  } catch (error) {
    return isPersistablesError(error) ? error.code : String(error)
  }
}

interface Place {
  readonly url: string
  readonly files: string
}
const place = async (provider: 'sqlite' | 'postgresql'): Promise<Place> => {
  const folder = await tempDir()
  return { url: provider === 'sqlite' ? `file:${join(folder, 'registry.db')}` : await server(), files: join(folder, 'files') }
}
const open = (url: string, files: string, project = 'default'): Promise<Repository> =>
  openRepository({ url, types: TYPES, stores: [diskStore(files), databaseStore()], logger: SILENT, project, author: 'tester' })

const fill = async ({ url, files }: Place): Promise<void> => {
  await using repo = await open(url, files)
  const odd = { m: new Map([[1n, new Date(5)]]), z: -0, s: 'ä"\\ 😀', __proto__x: null, list: [undefined, 1e300] }
  const first = await repo.save(new Dataset({ name: 'd', config: { i: 0, odd }, artifacts: { rows: [0] }, tags: { clé: 'v"' } }))
  await repo.saveMany(upTo(450).map((i) => new Dataset({ name: `d${i % 7}`, config: { i }, artifacts: { rows: [i % 5] }, tags: { i: String(i) } })))
  const second = await repo.save(new Dataset({ name: 'd', config: { i: -1 }, artifacts: { rows: [] } }))
  const lost = await repo.save(new Dataset({ name: 'lost', config: { i: 1 }, artifacts: { rows: [] } }))
  await repo.save(new Note({ name: 'n', config: { text: 'x' }, parents: { of: [second, first, lost] } }))
  await repo.delete(lost, { force: true })
  await repo.save(new Note({ name: 'gone', parents: { of: [] } }))
  await repo.delete(Note, 'gone@1')
  await rawOf(repo.client).$executeRawUnsafe(
    `INSERT INTO "persistable_aliases" ("project", "type", "name", "alias", "persistable_id", "created_at")
      SELECT "project", "type", "name", 'prod', "id", "created_at" FROM "persistables" WHERE "name" = 'd' AND "version" = 1`,
  )
  await repo.save(new Blob({ name: 'b', artifacts: { data: BYTES } }))
  await using other = await open(url, files, 'other')
  await other.save(new Note({ name: 'n', parents: { of: [] } }))
}

/** Everything that a user can see of a registry. */
const seen = async (url: string, files: string): Promise<unknown> => {
  const all: unknown[] = []
  for (const project of ['default', 'other']) {
    await using repo = await open(url, files, project)
    const { rows } = await repo.rows({ orderBy: { name: 'asc' } })
    all.push(rows.map((row) => ({ ...row, filepaths: sortedKeys(row.filepaths), metadata: sortedKeys(row.metadata) })))
    for (const note of await repo.find(Note)) {
      // The parent that was deleted has left its label.
      all.push(note.name, await note.parent('of').catch((error: Error) => error.message))
    }
    if (project === 'default')
      all.push(
        Buffer.from(await (await repo.load(Blob, 'b')).artifact('data'))
          .toString('hex')
          .slice(-1000),
      )
    if (project === 'default') all.push((await repo.load(Dataset, 'd@prod')).id, await (await repo.load(Dataset, 'd')).artifact('rows'))
  }
  return JSON.parse(JSON.stringify(all))
}
const sortedKeys = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sortedKeys)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sortedKeys(member)]),
  )
}

for (const [from, to] of [
  ['sqlite', 'postgresql'],
  ['postgresql', 'sqlite'],
  ['sqlite', 'sqlite'],
  ['postgresql', 'postgresql'],
] as const) {
  test(`${from} to ${to}: all that can be seen is the same, versions go on, and the stores are the copy’s`, async () => {
    const [source, target] = [await place(from), await place(to)]
    await fill(source)
    const before = await seen(source.url, source.files)
    const progress: number[] = []
    const counted = await copyRegistry({ from: source.url, to: target.url, dryRun: true })
    const report = await copyRegistry({
      from: source.url,
      to: target.url,
      onProgress: ({ done, total }) => {
        progress.push(done)
        expect(done).toBeLessThanOrEqual(total)
      },
    })
    expect(report).toMatchObject({ dryRun: false })
    expect(counted.tables.map(({ table, rows, written }) => [table, rows, written])).toEqual(
      report.tables.map(({ table, rows, written }) => [table, rows, written]),
    )
    expect(report.tables.filter(({ rows, written, extra }) => rows !== written || extra !== 0).map(({ table }) => table)).toEqual([])
    expect(progress.at(-1)).toBe(report.tables.reduce((sum, { rows }) => sum + rows, 0))
    expect(await seen(target.url, source.files)).toEqual(before)
    // Again: nothing to do.
    const again = await copyRegistry({ from: source.url, to: target.url })
    expect(again.tables.filter(({ written }) => written > 0)).toEqual([])

    await using copy = await open(target.url, source.files)
    const draft = new Dataset({ name: 'd', config: { i: 5 }, artifacts: { rows: [1, 2, 3] } })
    expect((await copy.save(draft)).version).toBe(3)
    expect((await copy.save(new Note({ name: 'gone', parents: { of: [] } }))).version).toBe(2)
    expect(
      (await copy.saveMany([new Note({ name: 'n', parents: { of: [] } }), new Note({ name: 'n', parents: { of: [] } })])).map(
        ({ version }) => version,
      ),
    ).toEqual([2, 3])
    expect(await copy.hash(await copy.load(Dataset, 'd@1'))).toBe((await copy.load(Dataset, 'd@1')).hash)
  }, 120_000)
}

test('stopped in the middle, and with a source that grows: running it again does the rest', async () => {
  const [source, target] = [await place('sqlite'), await place('postgresql')]
  await fill(source)
  const stop = new AbortController()
  let calls = 0
  const stopped = copyRegistry({
    from: source.url,
    to: target.url,
    signal: stop.signal,
    onProgress: () => {
      if (++calls === 2) stop.abort(new Error('enough'))
    },
  })
  await expect(stopped).rejects.toThrow('enough')
  await using repo = await open(source.url, source.files)
  await repo.save(new Note({ name: 'later', parents: { of: ['d@1', 'd3'] } }))
  // While it is copied, others save: they are not in this copy, and nobody waits.
  let saving = true
  let saved = 0
  const busy = (async () => {
    while (saving) {
      await repo.save(new Note({ name: 'busy', parents: { of: ['d@1'] } }))
      saved++
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })()
  await copyRegistry({ from: source.url, to: target.url })
  saving = false
  await busy
  expect(saved).toBeGreaterThan(0)
  const last = await copyRegistry({ from: source.url, to: target.url })
  expect(last.tables.every(({ extra }) => extra === 0)).toBe(true)
  expect(await seen(target.url, source.files)).toEqual(await seen(source.url, source.files))
}, 120_000)

test('a source and a copy that were both saved to are not mixed; rows of a megabyte take little at once', async () => {
  const [source, target] = [await place('sqlite'), await place('sqlite')]
  await fill(source)
  await using repo = await open(source.url, source.files)
  for (let i = 0; i < 24; i++) await repo.save(new Note({ name: 'large', config: { text: 'x'.repeat(900_000) }, parents: { of: [] } }))
  let pages = 0
  await copyRegistry({ from: source.url, to: target.url, onProgress: ({ table }) => void (pages += Number(table === 'persistables')) })
  expect(pages).toBeGreaterThan(4)
  await using copy = await open(target.url, source.files)
  await copy.save(new Note({ name: 'both', parents: { of: [] } }))
  await repo.save(new Note({ name: 'both', parents: { of: [] } }))
  expect(await codeOf(copyRegistry({ from: source.url, to: target.url }))).toBe('IN_USE')
  await expect(
    copyRegistry({
      from: source.url,
      to: (await place('sqlite')).url,
      onProgress: () => {
        throw new RangeError('mine')
      },
    }),
  ).rejects.toThrow(RangeError)
})

test('what cannot be: each with its code, and nothing is written', async () => {
  const [source, other, empty] = [await place('sqlite'), await place('sqlite'), await server({ empty: true })]
  await fill(source)
  await fill(other)
  expect(await codeOf(copyRegistry({ from: source.url, to: other.url }))).toBe('IN_USE')
  expect(await codeOf(copyRegistry({ from: source.url, to: source.url }))).toBe('INVALID_OPTION')
  expect(await codeOf(copyRegistry({ from: source.url } as never))).toBe('INVALID_OPTION')
  expect(await codeOf(copyRegistry(undefined as never))).toBe('INVALID_OPTION')
  expect(await codeOf(copyRegistry({ from: source.url, to: empty }))).toBe('SCHEMA_MISSING')
  expect(await codeOf(copyRegistry({ from: source.url, to: empty, dryRun: true }))).toBe('SCHEMA_MISSING')
  expect(await codeOf(copyRegistry({ from: 'file:/nowhere/registry.db', to: other.url }))).toBe('SCHEMA_MISSING')
  const fresh = `file:${join(await tempDir(), 'new.db')}`
  const dry = await copyRegistry({ from: source.url, to: fresh, dryRun: true })
  expect(dry.tables.reduce((sum, { written }) => sum + written, 0)).toBeGreaterThan(450)
  expect(await codeOf(openRepository({ url: fresh, migrate: false, logger: SILENT }))).toBe('SCHEMA_MISSING')
  // A row of the copy that somebody changed is set right, one that somebody keeps changing is reported.
  const target = await place('sqlite')
  await copyRegistry({ from: source.url, to: target.url })
  await using copy = await open(target.url, source.files)
  await rawOf(copy.client).$executeRawUnsafe(`UPDATE "persistables" SET "hash" = 'oh1:wrong' WHERE "name" = 'n'`)
  expect((await copyRegistry({ from: source.url, to: target.url })).tables[0]?.written).toBe(2)
  await rawOf(copy.client).$executeRawUnsafe(
    `CREATE TRIGGER spoil AFTER UPDATE ON "persistables" BEGIN UPDATE "persistables" SET "hash" = 'oh1:spoilt' WHERE "id" = new."id" AND "hash" <> 'oh1:spoilt'; END`,
  )
  await rawOf(copy.client).$executeRawUnsafe(`UPDATE "persistables" SET "author" = 'nobody' WHERE "name" = 'n'`)
  expect(await codeOf(copyRegistry({ from: source.url, to: target.url }))).toBe('DATABASE_FAILED')
})

test('the command: dry run, copy, and what it says', async () => {
  const [source, target] = [await place('sqlite'), await place('sqlite')]
  await fill(source)
  await copyFile(join(__dirname, '../package.json'), join(await tempDir(), 'package.json'))
  const cwd = await tempDir()
  const dry = await persistables({ cwd }, 'copy', '--url', source.url, '--to', target.url, '--dry-run')
  expect([dry.code, dry.out]).toEqual([0, expect.stringContaining('would be copied')])
  const done = await persistables({ cwd }, 'copy', '--url', source.url, '--to', target.url, '--json')
  expect(done.code).toBe(0)
  expect(done.json().tables[0]).toMatchObject({ table: 'persistables', extra: 0 })
  expect((await persistables({ cwd }, 'copy', '--url', source.url, '--to', target.url)).out).toContain('0 rows copied')
  expect((await persistables({ cwd }, 'copy', '--url', source.url)).code).toBe(2)
  const bad = await persistables({ cwd }, 'copy', '--url', source.url, '--to', 'postgresql://me:s3cret@127.0.0.1:1/x')
  expect([bad.code, bad.err.includes('s3cret')]).toEqual([1, false])
})
