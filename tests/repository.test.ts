import type { PersistableTransaction } from '../src'
import {
  artifact,
  createRepository,
  isPersistablesError,
  json,
  memoryStore,
  ndjson,
  openRepository,
  type PersistablesError,
  persistable,
  source,
  structured,
  text,
  typed,
} from '../src'
import { onEveryProvider } from './registries'

interface Row {
  island: string
  mass: number
}

class Dataset extends persistable('Dataset', {
  config: typed<{ url: string; options?: object }>(),
  artifacts: { rows: source(ndjson<Row>().to('disk')) },
}) {
  get host(): string {
    return new URL(this.config.url).host
  }
}
class CleanDataset extends Dataset {
  static override readonly registeredName = 'CleanDataset'
}
class Note extends persistable('Note', { config: typed<{ text?: string }>(), state: typed<{ seen?: number }>() }) {}
class Model extends persistable('Model', {
  revision: '1',
  config: typed<{ rate: number }>(),
  parents: { dataset: Dataset, notes: [Note] },
  artifacts: { weights: artifact(json<number[]>().to('disk')) },
}) {}

const TYPES = [Dataset, CleanDataset, Note, Model]
const ROWS: Row[] = [
  { island: 'Biscoe', mass: 3750 },
  { island: 'Dream', mass: 3800 },
]
const dataset = (name = 'penguins', rows = ROWS) => new Dataset({ name, config: { url: 'https://example.org/p.json' }, artifacts: { rows } })
const failure = async (work: Promise<unknown> | (() => unknown)): Promise<PersistablesError> => {
  try {
    await (typeof work === 'function' ? work() : work)
  } catch (error) {
    if (isPersistablesError(error)) return error
    throw error
  }
  throw new Error('it did not fail')
}

onEveryProvider((make, provider) => {
  test('a value that has members of a stream’s names, and is none, is read as often as needed', async () => {
    class Page extends persistable('Page', { artifacts: { page: source(json().to('disk'), structured().to('disk')) } }) {}
    const repo = await (await make()).open({ types: [Page] })
    for (const page of [{ next: 'page 2' }, { pipe: 1 }, { getReader: null }, { next: { next: 3 } }]) {
      const draft = new Page({ name: 'p', artifacts: { page } })
      const hash = await repo.hash(draft)
      await expect(repo.save(draft, { signal: AbortSignal.abort(new Error('not now')) })).rejects.toThrow('not now')
      const saved = await repo.save(draft)
      expect([saved.hash, await saved.artifact('page')]).toEqual([hash, page])
    }
  })

  test('saves, versions and loads back what was saved', async () => {
    const registry = await make()
    const repo = await registry.open({ types: TYPES })
    const draft = dataset()
    const saved = await repo.save(draft)
    expect(saved).toBe(draft)
    expect(saved).toMatchObject({
      version: 1,
      type: 'Dataset',
      registeredName: 'Dataset',
      project: 'default',
      name: 'penguins',
      author: 'tester',
      hasExternalFiles: true,
    })
    expect(saved.hash).toMatch(/^oh1:[0-9a-f]{64}$/)
    expect(saved.libraryVersions).toMatchObject({ node: process.versions.node, 'object-hash': expect.any(String) })

    const other = await registry.open({ types: TYPES })
    const loaded = await other.load(Dataset, 'penguins')
    expect(loaded).toBeInstanceOf(Dataset)
    expect(loaded.host).toBe('example.org')
    expect(loaded.id).toBe(saved.id)
    expect(loaded.createdAt).toEqual(saved.createdAt)
    expect(loaded.filepaths).toEqual(saved.filepaths)
    expect(loaded.metadata).toEqual(saved.metadata)
    expect(loaded.unloadedArtifacts).toEqual(['rows'])
    expect(await loaded.artifact('rows')).toEqual(ROWS)
    expect(loaded.unloadedArtifacts).toEqual([])
    expect(await other.hash(loaded)).toBe(saved.hash)

    const second = await repo.save(saved.next({ config: { url: 'https://example.org/2' }, artifacts: { rows: ROWS } }))
    expect(second.version).toBe(2)
    expect((await other.load(Dataset, 'penguins')).version).toBe(2)
    expect((await other.load(Dataset, 'penguins@latest')).version).toBe(2)
    expect((await other.load(Dataset, 'penguins@1')).id).toBe(saved.id)
    expect((await other.load('Dataset/penguins@1')).id).toBe(saved.id)
    expect((await other.load(Dataset, { id: saved.id })).version).toBe(1)
    expect((await other.load(Dataset, { hash: second.hash })).version).toBe(2)
    expect((await other.versions(Dataset, 'penguins')).map(({ version }) => version)).toEqual([2, 1])
    expect(await other.tryLoad(Dataset, 'penguins@3')).toBeNull()
  })

  test('the hash of a draft is the hash of its row, and says what it should', async () => {
    const repo = await (await make()).open({ types: TYPES })
    const draft = dataset()
    const before = await repo.hash(draft)
    const saved = await repo.save(draft)
    expect(saved.hash).toBe(before)
    // Name, project, state and places are not identity; content, config and parents are.
    expect(await repo.hash(dataset('other'))).toBe(before)
    expect(await repo.hash(dataset('penguins', [...ROWS].reverse()))).not.toBe(before)
    const model = (rate: number, parent = saved) => new Model({ name: 'm', config: { rate }, parents: { dataset: parent, notes: [] } })
    const hash = await repo.hash(model(0.1))
    expect(await repo.hash(model(0.1).set('weights', [1]))).toBe(hash)
    expect(await repo.hash(model(0.2))).not.toBe(hash)
    const elsewhere = await repo.save(dataset('elsewhere', [ROWS[0] as Row]))
    expect(await repo.hash(model(0.1, elsewhere))).not.toBe(hash)
  })

  test('parents: by object, reference and id; in order; and through next()', async () => {
    const registry = await make()
    const repo = await registry.open({ types: TYPES })
    const data = await repo.save(dataset())
    const notes = await repo.saveMany([new Note({ name: 'b' }), new Note({ name: 'a' })])
    const model = await repo.save(
      new Model({
        name: 'm',
        config: { rate: 1 },
        parents: { dataset: 'penguins@1', notes: [notes[0], { id: notes[1].id }] },
        artifacts: { weights: [1, 2] },
      }),
    )
    const loaded = await (await registry.open({ types: TYPES })).load(Model, 'm')
    expect((await loaded.parent('dataset')).id).toBe(data.id)
    expect((await loaded.parent('notes')).map(({ name }) => name)).toEqual(['b', 'a'])
    const next = await repo.save(loaded.next({ config: { rate: 2 } }).set('weights', [3]))
    expect(next.version).toBe(2)
    expect((await next.parent('dataset')).id).toBe(data.id)
    expect((await next.parent('notes')).map(({ name }) => name)).toEqual(['b', 'a'])
    expect(next.hash).not.toBe(model.hash)
  })

  test('saveMany: all or none, drafts as parents of each other, versions in the order given', async () => {
    const repo = await (await make()).open({ types: TYPES })
    const data = dataset()
    const model = new Model({ name: 'm', config: { rate: 1 }, parents: { dataset: data, notes: [] }, artifacts: { weights: [] } })
    const [m, d, n1, n2] = await repo.saveMany([
      model,
      data,
      new Note({ name: 'n', config: { text: '1' } }),
      new Note({ name: 'n', config: { text: '2' } }),
    ])
    expect([m.version, d.version, n1.version, n2.version]).toEqual([1, 1, 1, 2])
    expect((await m.parent('dataset')).id).toBe(d.id)
    expect(await repo.hash(await repo.load(Model, 'm'))).toBe(m.hash)

    const good = new Note({ name: 'good' })
    const bad = new Model({ name: 'bad', config: { rate: 1 }, parents: { dataset: d, notes: [] } })
    expect((await failure(repo.saveMany([good, bad]))).code).toBe('ARTIFACT_MISSING')
    expect(await repo.tryLoad(Note, 'good')).toBeNull()
    expect((await repo.save(good)).version).toBe(1)
    const orphan = new Model({ name: 'orphan', config: { rate: 1 }, parents: { dataset: dataset('unsaved'), notes: [] }, artifacts: { weights: [] } })
    expect((await failure(repo.save(orphan))).code).toBe('NOT_SAVED')
  })

  test('saveMany of more than one statement takes: names mixed, versions in the order given, rows exactly as save writes them', async () => {
    const repo = await (await make()).open({ types: TYPES })
    const config = { text: '"quoted" \\back\\ 1e21 \u2028 \u{1f642} é \n\t' }
    const first = await repo.save(new Note({ name: 'a', config, state: { seen: 1e21 } }))
    const names = Array.from({ length: 1103 }, (_, i) => ['a', 'b', 'a', 'é'][i % 4] as string)
    const saved = await repo.saveMany(names.map((name) => new Note({ name, config, state: { seen: 1e21 } })))
    const next = new Map([['a', first.version]])
    const expected = names.map((name) => {
      next.set(name, (next.get(name) ?? 0) + 1)
      return `${name}@${next.get(name)}`
    })
    expect(saved.map(({ name, version }) => `${name}@${version}`)).toEqual(expected)
    expect((await repo.save(new Note({ name: 'a' }))).version).toBe((next.get('a') as number) + 1)
    const loaded = await repo.find(Note, { where: { id: { in: saved.map(({ id }) => id) } } })
    expect(new Set(loaded.map(({ id, name, version }) => `${id} ${name}@${version}`))).toEqual(
      new Set(saved.map(({ id, name, version }) => `${id} ${name}@${version}`)),
    )
    expect(loaded[0]).toMatchObject({ config, state: { seen: 1e21 }, hasExternalFiles: false, versionDescription: '' })
    expect(loaded[0]?.createdAt).toEqual(saved[0]?.createdAt)

    const stored = (id: string | undefined) =>
      repo.client.$queryRawUnsafe(
        `SELECT CAST("metadata" AS text) AS "metadata", CAST("filepaths" AS text) AS "filepaths", "has_external_files", "row_version", "author", "hash",
          ${provider === 'sqlite' ? 'length("created_at") || typeof("created_at") || typeof("has_external_files") || typeof("row_version")' : '1'} AS "types"
        FROM "persistables" WHERE "id" = '${id}'`,
      )
    expect(await stored(saved[0]?.id)).toEqual(await stored(first.id))
  })

  test('saveMany and save of the same names at once', async () => {
    const registry = await make()
    const repos = [await registry.open({ types: TYPES }), await registry.open({ types: TYPES })]
    const many = repos.flatMap((repo) =>
      Array.from({ length: 4 }, (_, k) => repo.saveMany(Array.from({ length: 30 }, (_, i) => new Note({ name: 'xyz'[(i + k) % 3] as string })))),
    )
    const one = repos.flatMap((repo) => Array.from({ length: 30 }, (_, i) => repo.save(new Note({ name: 'xyz'[i % 3] as string }))))
    const saved = [...(await Promise.all(many)).flat(), ...(await Promise.all(one))]
    for (const name of ['x', 'y', 'z']) {
      const versions = saved.flatMap((note) => (note.name === name ? [note.version] : []))
      expect(versions.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
    }
  })

  test('a pin that is lost between staging and saving, of one or of many, is noticed: nothing is half-saved, and bytes are put again', async () => {
    const repo = await (await make()).open({ types: TYPES })
    type Client = { $transaction<T>(work: (tx: PersistableTransaction) => Promise<T>): Promise<T> }
    const client = repo.client as unknown as Client
    const lose = (of: string) => repo.client.$executeRawUnsafe(`UPDATE "persistable_blobs" SET "pinned_until" = 0 WHERE "size" = ${of.length}`)
    const row = (island: string) => [{ island, mass: 1 }]
    const text = (island: string) => `${JSON.stringify(row(island)[0])}\n`
    for (const others of [[], ['bb', 'ccc']]) {
      const drafts = ['dddd', ...others].map((island) => dataset(`of ${others.length}`, row(island)))
      for (const draft of drafts) await repo.stage(draft)
      expect(await lose(text('dddd'))).toBe(1)
      expect((await failure(client.$transaction((tx) => repo.using(tx).saveMany(drafts)))).code).toBe('NOT_STAGED')
      expect(await repo.count(Dataset, { where: { name: `of ${others.length}` } })).toBe(0)
      await lose(text('dddd'))
      expect((await repo.saveMany(drafts)).map(({ version }) => version)).toEqual(drafts.map((_, i) => i + 1))
    }
  })

  test('rows put in past the counters, by hand, do not stand in the way', async () => {
    const repo = await (await make()).open({ types: TYPES })
    await repo.save(new Note({ name: 'n' }))
    const copy = (version: number) =>
      repo.client.$executeRawUnsafe(
        `INSERT INTO "persistables" SELECT 'by-hand-${version}' AS "id", "type", "registered_name", "project", "name", "author", ${version}, "version_description", "hash",
          "has_external_files", "filepaths", "metadata", "row_version", "created_at", "modified_at" FROM "persistables" WHERE "version" = 1`,
      )
    await copy(2)
    await copy(4)
    const saved = await repo.saveMany([new Note({ name: 'n' }), new Note({ name: 'other' }), new Note({ name: 'n' })])
    expect(saved.map(({ name, version }) => `${name}@${version}`)).toEqual(['n@5', 'other@1', 'n@6'])
  })

  test('200 saves of one name at once in one process', async () => {
    const repo = await (await make()).open({ types: TYPES })
    const saved = await Promise.all(
      Array.from({ length: 200 }, (_, i) => repo.save(new Note({ name: 'n', config: { text: String(i) }, tags: { i: String(i) } }))),
    )
    expect(saved.map(({ version }) => version).sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1))
    expect(await repo.count(Note)).toBe(200)
  })

  test('a save made while another transaction of the client rolls back is not lost', async () => {
    const repo = await (await make()).open({ types: TYPES })
    const client = repo.client as unknown as {
      $transaction(work: (tx: { $executeRawUnsafe(sql: string): Promise<number> }) => Promise<void>): Promise<void>
    }
    let began = (): void => {}
    const open = new Promise<void>((resolve) => {
      began = resolve
    })
    let finish = (): void => {}
    const gate = new Promise<void>((resolve) => {
      finish = resolve
    })
    const rollback = client.$transaction(async (tx) => {
      await tx.$executeRawUnsafe(`INSERT INTO "persistable_counters" ("project", "type", "name", "version") VALUES ('p', 't', 'n', 1)`)
      began()
      await gate
      throw new Error('rolled back')
    })
    await open
    const saving = repo.save(new Note({ name: 'kept' }))
    setTimeout(finish, 50)
    await expect(rollback).rejects.toThrow('rolled back')
    expect((await saving).version).toBe(1)
    expect((await repo.load(Note, 'kept')).id).toBe((await saving).id)
    expect(await repo.count(Note)).toBe(1)
  })

  test('staged in a transaction: commits or rolls back with it, and can be retried', async () => {
    const repo = await (await make()).open({ types: TYPES })
    const client = repo.client as unknown as { $transaction<T>(work: (tx: typeof repo.client) => Promise<T>): Promise<T> }
    const ready = await repo.stage(dataset())
    await expect(
      client.$transaction(async (tx) => {
        expect((await repo.using(tx).save(ready)).version).toBe(1)
        throw new Error('undone')
      }),
    ).rejects.toThrow('undone')
    expect(await repo.tryLoad(Dataset, 'penguins')).toBeNull()
    const saved = await client.$transaction(async (tx) => repo.using(tx).save(ready))
    expect(saved.version).toBe(1)
    expect(await (await repo.load(Dataset, 'penguins')).artifact('rows')).toEqual(ROWS)
    expect((await failure(client.$transaction(async (tx) => repo.using(tx).save(dataset())))).code).toBe('NOT_STAGED')
  })

  test('staged together, drafts may be parents of each other in a transaction; none can be saved twice in one', async () => {
    const repo = await (await make()).open({ types: TYPES })
    const client = repo.client as unknown as { $transaction<T>(work: (tx: typeof repo.client) => Promise<T>): Promise<T> }
    const parent = dataset()
    const note = new Note({ name: 'n' })
    const model = new Model({ name: 'm', config: { rate: 1 }, parents: { dataset: parent, notes: [note] }, artifacts: { weights: [1] } })
    const ready = await repo.stageMany([model, parent, note])
    const attempt = (undo: boolean) =>
      client.$transaction(async (tx) => {
        const saved = await repo.using(tx).saveMany(ready)
        expect((await failure(repo.using(tx).save(note))).code).toBe('ALREADY_SAVED')
        if (undo) throw new Error('undone')
        return saved
      })
    await expect(attempt(true)).rejects.toThrow('undone')
    const [saved, savedParent] = await attempt(false)
    expect(saved.version).toBe(1)
    const loaded = await repo.load(Model, 'm')
    expect([(await loaded.parent('dataset')).id, (await loaded.parent('notes')).map(({ name }) => name)]).toEqual([savedParent.id, ['n']])
    expect(await repo.hash(loaded)).toBe(loaded.hash)
    const children = [new Note({ name: 'late' }), new Model({ name: 'm', config: { rate: 1 }, parents: { dataset: savedParent, notes: [] } })]
    expect((await failure(client.$transaction((tx) => repo.using(tx).saveMany(children)))).code).toBe('NOT_STAGED')
  })

  test('find: filters, order by code point, pages, count', async () => {
    const repo = await (await make()).open({ types: TYPES })
    const names = ['b', 'a', 'B', 'ä', '😀', 'ﬀ', 'a b', '10', '9']
    for (const name of names) await repo.save(new Note({ name, author: name === 'a' ? 'ann' : 'bob', tags: { stage: name < 'b' ? 'low' : 'high' } }))
    await repo.save(new Note({ name: 'a' }))
    const byCodePoint = [...new Set(names)].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)))
    const all = await repo.find(Note, { orderBy: { name: 'asc' } })
    expect([...new Set(all.map(({ name }) => name))]).toEqual(byCodePoint)
    expect(all.cursor).toBeNull()
    const paged: string[] = []
    let cursor: string | null | undefined
    do {
      const page: Awaited<ReturnType<typeof repo.find<typeof Note>>> = await repo.find(Note, {
        orderBy: { name: 'desc' },
        take: 3,
        ...(cursor && { cursor }),
      })
      paged.push(...page.map(({ id }) => id))
      cursor = page.cursor
    } while (cursor !== null)
    expect(paged).toEqual((await repo.find(Note, { orderBy: { name: 'desc' } })).map(({ id }) => id))
    expect(paged).toHaveLength(10)
    expect((await repo.find(Note, { where: { author: 'ann' } })).map(({ name }) => name)).toEqual(['a'])
    expect((await repo.find(Note, { where: { name: { startsWith: 'a' } }, orderBy: { name: 'asc' } })).map(({ name }) => name)).toEqual([
      'a',
      'a',
      'a b',
    ])
    expect(await repo.count(Note, { where: { name: { in: ['a', '9'] } } })).toBe(3)
    expect(await repo.count(Note, { where: { name: { in: ['a', '9'] } }, latest: true })).toBe(2)
    expect((await repo.find(Note, { where: { name: 'a' }, latest: true })).map(({ version }) => version)).toEqual([2])
    expect(await repo.count(Note, { where: { tags: { stage: 'high' } } })).toBe(names.filter((n) => n >= 'b').length)
    expect(await repo.count({ where: { type: 'Note', version: { gte: 2 } } })).toBe(1)
    const [newest] = await repo.find(Note, { take: 1 })
    expect(await repo.count(Note, { where: { createdAt: { gt: newest?.createdAt as Date } } })).toBe(0)
    expect(await repo.count(Note, { where: { createdAt: { lte: newest?.createdAt as Date } } })).toBe(10)
    for (const wrong of [
      { where: { nmae: 'a' } },
      { take: -1 },
      { cursor: 'zz' },
      { orderBy: { size: 'asc' } },
      { where: { version: 'x' } },
      { where: { name: { like: 'a' } } },
      { where: { tags: { stage: 1 } } },
      { where: { tags: 'stage' } },
    ]) {
      expect((await failure(repo.find(Note, wrong as never))).code).toBe('INVALID_QUERY')
    }
    // Written in another Unicode form than it is stored in.
    await repo.save(new Note({ name: 'caf\u00e9', author: 'zo\u00eb', tags: { 'cl\u00e9': 'v' } }))
    for (const where of [{ name: 'cafe\u0301' }, { author: 'zoe\u0308' }, { tags: { 'cle\u0301': 'v' } }, { name: { startsWith: 'cafe\u0301' } }]) {
      expect(await repo.count(Note, { where })).toBe(1)
    }
    const page = await repo.find(Note, { take: 1 })
    expect((await failure(repo.find(Note, { orderBy: { name: 'asc' }, cursor: page.cursor as string }))).code).toBe('INVALID_QUERY')
  })

  test('subclasses: found by registered name, load gives the concrete class', async () => {
    const registry = await make()
    const repo = await registry.open({ types: TYPES })
    await repo.save(dataset())
    await repo.save(new CleanDataset({ name: 'penguins', config: { url: 'https://c' }, artifacts: { rows: [] } }))
    const loaded = await repo.load(Dataset, 'penguins')
    expect(loaded).toBeInstanceOf(CleanDataset)
    expect(loaded.version).toBe(2)
    expect((await repo.find(CleanDataset)).map(({ version }) => version)).toEqual([2])
    expect(await repo.count(Dataset)).toBe(2)
    expect((await failure(repo.load(CleanDataset, 'penguins@1'))).code).toBe('TYPE_MISMATCH')
    expect((await failure(repo.load(Model, 'Dataset/penguins'))).code).toBe('TYPE_MISMATCH')
    const bare = await registry.open({ types: [Note] })
    expect((await failure(bare.load('Dataset/penguins'))).code).toBe('UNKNOWN_TYPE')
    expect(await bare.load(Dataset, 'penguins')).not.toBeInstanceOf(CleanDataset)
  })

  test('instance-level patterns, and their order', async () => {
    const registry = await make()
    const repo = await registry.open({ types: TYPES, stores: [memoryStore({ name: 'b' }), memoryStore({ name: 'a' })] })
    const draft = new Dataset({ name: 'p', config: { url: 'x:y' }, savePatterns: { rows: ['b_ndjson', 'a_json'] }, artifacts: { rows: ROWS } })
    const saved = await repo.save(draft)
    const loaded = await repo.load(Dataset, 'p')
    expect(loaded.metadata['state']).toEqual({ save_patterns: { rows: ['b_ndjson', 'a_json'] } })
    expect(loaded.state).toEqual({})
    expect(Object.keys(loaded.filepaths['rows'] ?? {}).sort()).toEqual(['a_json', 'b_ndjson'])
    expect(await loaded.artifact('rows')).toEqual(ROWS)
    const elsewhere = await repo.hash(dataset('p'))
    expect(saved.hash).not.toBe(elsewhere)
    const same = new Dataset({ config: { url: 'https://example.org/p.json' }, savePatterns: { rows: ['a_json'] }, artifacts: { rows: ROWS } })
    expect(await repo.hash(same)).toBe(elsewhere)
    const wrong = (names: string[]) => repo.save(new Dataset({ config: { url: 'x:y' }, savePatterns: { rows: names }, artifacts: { rows: [] } }))
    expect((await failure(wrong(['nowhere_json']))).code).toBe('UNKNOWN_STORE')
    expect((await failure(wrong(['a_xml']))).code).toBe('UNKNOWN_SERIALIZER')
  })

  test('scoped overrides end with their callback, also when it throws', async () => {
    const repo = await (await make()).open({ types: [Note] })
    let leaked: typeof repo | undefined
    await repo.with({ types: [Dataset], stores: [memoryStore({ name: 'extra' })] }, async (inner) => {
      leaked = inner
      await inner.save(new Dataset({ config: { url: 'x:y' }, savePatterns: { rows: ['extra_ndjson'] }, artifacts: { rows: [] } }))
      expect(await inner.load('Dataset/default')).toBeInstanceOf(Dataset)
    })
    expect((await failure(repo.load('Dataset/default'))).code).toBe('UNKNOWN_TYPE')
    expect((await failure((leaked as typeof repo).count(Note))).code).toBe('CLOSED')
    await expect(repo.with({}, async () => Promise.reject(new Error('x')))).rejects.toThrow('x')
    expect(await repo.count(Note)).toBe(0)
  })

  test('projects keep to themselves', async () => {
    const registry = await make()
    const one = await registry.open({ types: TYPES, project: 'one' })
    const two = await registry.open({ types: TYPES, project: 'two' })
    const saved = await one.save(new Note({ name: 'n' }))
    expect((await two.save(new Note({ name: 'n' }))).version).toBe(1)
    expect(await two.tryLoad(Note, { id: saved.id })).toBeNull()
    expect(await two.count(Note)).toBe(1)
    expect(await two.tryLoad(Note, { hash: saved.hash })).not.toBeNull()
    await two.save(new Note({ name: 'n', project: 'one' }))
    expect((await one.load(Note, 'n')).version).toBe(2)
  })

  test('values of every kind in config come back equal, and hash the same', async () => {
    const registry = await make()
    const repo = await registry.open({ types: TYPES })
    const options = {
      date: new Date(0),
      big: 2n ** 70n,
      map: new Map<unknown, unknown>([['k', new Set([1, 2])]]),
      floats: new Float32Array([1.5, -0]),
      zero: -0,
      nan: Number.NaN,
      inf: Number.POSITIVE_INFINITY,
      gone: undefined,
      list: [undefined, null],
      constructor: 'data',
      $: 'tag',
      nested: JSON.parse('{"__proto__": {"polluted": true}}'),
    }
    const saved = await repo.save(new Dataset({ config: { url: 'x:y', options }, artifacts: { rows: [] } }))
    const loaded = await (await registry.open({ types: TYPES })).load(Dataset, 'default')
    const { gone: _gone, ...rest } = options
    expect(loaded.config.options).toEqual(rest)
    expect(Object.is((loaded.config.options as { zero: number }).zero, -0)).toBe(true)
    expect(await repo.hash(loaded)).toBe(saved.hash)
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  test('a saved one is sealed, a failed one is a draft again', async () => {
    const repo = await (await make()).open({ types: TYPES })
    const draft = new Note({ name: 'n', state: { seen: 1 }, tags: { a: 'b' } })
    ;(draft.state as { seen: number }).seen = 2
    draft.tags['c'] = 'd'
    const both = await Promise.allSettled([repo.save(draft), repo.save(draft)])
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect((both[1] as PromiseRejectedResult).reason.code).toBe('ALREADY_SAVED')
    expect((await failure(repo.save(draft))).code).toBe('ALREADY_SAVED')
    expect((await failure(async () => draft.set('x' as never, 1 as never))).code).toBe('ALREADY_SAVED')
    const loaded = await repo.load(Note, 'n')
    expect(loaded.state).toEqual({ seen: 2 })
    expect(loaded.tags).toEqual({ a: 'b', c: 'd' })
    expect(() => {
      ;(loaded.state as { seen: number }).seen = 3
    }).toThrow(TypeError)

    class Strange extends persistable('Strange', { artifacts: { a: artifact(text().to('disk')) } }) {}
    const strange = new Strange({}).set('a', 5 as never)
    expect((await failure(repo.save(strange))).code).toBe('INVALID_ARTIFACT')
    expect((await repo.save(strange.set('a', 'now it fits'))).version).toBe(1)
  })

  test('what is not there: the message has the near names and the latest version', async () => {
    const repo = await (await make()).open({ types: TYPES })
    await repo.save(new Note({ name: 'iris' }))
    const near = await failure(repo.load(Note, 'irsi'))
    expect(near.code).toBe('NOT_FOUND')
    expect(near.message).toContain('Did you mean "iris"?')
    const version = await failure(repo.load(Note, 'iris@7'))
    expect(version.message).toMatch(/No Note "iris" has the version 7\. The latest is 1\. Try 'iris' or 'iris@1'\./)
    expect((await failure(repo.load('iris'))).code).toBe('INVALID_REF')
    expect((await failure(repo.load(Note, 'a@b@c'))).code).toBe('INVALID_REF')
    expect((await failure(repo.load(Note, { id: 'nope' }))).code).toBe('NOT_FOUND')
    expect((await failure(repo.load(Note, 'iris@prod'))).message).toContain('alias "prod"')
  })

  test('delete: one exact version, refused while it is used, its number never given again', async () => {
    const repo = await (await make()).open({ types: TYPES })
    const parent = await repo.save(dataset())
    const old = await repo.save(dataset())
    const model = await repo.save(new Model({ name: 'm', config: { rate: 1 }, parents: { dataset: parent, notes: [] }, artifacts: { weights: [1] } }))
    const used = await failure(repo.delete(Dataset, 'penguins@1'))
    expect([used.code, used.details['children'], used.message]).toEqual([
      'IN_USE',
      ['Model/m@1'],
      expect.stringContaining('is a parent of Model/m@1'),
    ])
    expect((await failure(repo.delete(parent, { dryRun: true }))).code).toBe('IN_USE')
    expect(await repo.delete(parent, { dryRun: true, force: true })).toMatchObject({
      ref: 'Dataset/penguins@1',
      children: ['Model/m@1'],
      childCount: 1,
    })
    expect(await repo.count(Dataset)).toBe(2)
    for (const vague of ['penguins', 'penguins@latest', 'penguins@prod', { hash: parent.hash }]) {
      expect((await failure(repo.delete(Dataset, vague as string))).code).toBe('INVALID_REF')
    }
    expect((await failure(repo.delete(Dataset, 'penguins@9'))).code).toBe('NOT_FOUND')
    expect((await failure(repo.delete(Note, { id: parent.id }))).code).toBe('TYPE_MISMATCH')
    expect((await failure(repo.delete(CleanDataset, 'penguins@2'))).code).toBe('TYPE_MISMATCH')
    expect((await failure(repo.delete(dataset() as never))).code).toBe('NOT_SAVED')
    expect((await failure(repo.delete(undefined as never))).code).toBe('INVALID_REF')

    expect(await repo.delete('Dataset/penguins@2')).toEqual({ id: old.id, ref: 'Dataset/penguins@2', children: [], childCount: 0, aliases: [] })
    expect((await failure(repo.delete(old))).code).toBe('NOT_FOUND')
    await repo.delete(parent, { force: true })
    const lost = await failure(async () => (await repo.load(Model, 'm')).parent('dataset'))
    expect([lost.code, lost.message]).toEqual(['NOT_FOUND', expect.stringContaining('Dataset/penguins@1')])
    expect(await repo.hash(await repo.load(Model, 'm'))).toBe(model.hash)
    // What was loaded before still reads: its bytes are there until gc.
    expect(await parent.artifact('rows')).toEqual(ROWS)
    expect((await repo.save(dataset())).version).toBe(3)
    await repo.delete(model)
    expect(await repo.count()).toBe(1)
  })

  test('options that are none are an error, or count as left out', async () => {
    const repo = await (await make()).open({ types: TYPES })
    expect((await repo.save(new Note({ name: 'n' }), null as never)).version).toBe(1)
    expect((await repo.load(Note, 'n', null as never)).version).toBe(1)
    expect(await repo.find(Note, null as never)).toHaveLength(1)
    for (const call of [
      () => repo.save(new Note({ name: 'n' }), 'now' as never),
      () => repo.load(Note, 'n', 'eager' as never),
      () => repo.count(Note, 5 as never),
    ]) {
      expect((await failure(call)).code).toBe('INVALID_OPTION')
    }
    expect(await repo.count(Note)).toBe(1)
  })

  test('what cannot be meant is an error, not something else', async () => {
    const repo = await (await make()).open({ types: TYPES })
    const note = await repo.save(new Note({ name: 'n', project: 'other' }))
    expect((await failure(() => new Note({ tags: 'prod' as never }))).code).toBe('INVALID_OPTION')
    expect((await failure(() => new Note({ tags: new Map([['a', 'b']]) as never }))).code).toBe('INVALID_OPTION')
    for (const where of [
      new Map(),
      5,
      true,
      { tags: new Map([['a', 'b']]) },
      { createdAt: { lt: new Date(8.64e15) } },
      { name: { in: Array(9000).fill('x') } },
    ]) {
      expect((await failure(repo.find(Note, { where } as never))).code).toBe('INVALID_QUERY')
    }
    for (const call of [
      () => repo.rows(5 as never),
      () => repo.delete(note, { dryrun: true } as never),
      () => repo.saveMany('x' as never),
      () => repo.save(new Note({}), { signal: {} as never }),
      () => repo.with(null as never, async () => {}),
      () => createRepository(null as never),
      () => createRepository({ client: repo.client, provider: 'mysql' as never }),
      () => createRepository({ client: repo.client, stores: 5 as never }),
      () => openRepository({ cwd: 5 as never }),
      () => openRepository(null as never),
      () => openRepository({ url: 5 as never }),
    ]) {
      expect((await failure(call)).code).toBe('INVALID_OPTION')
    }
    expect((await failure(repo.find(Note, { orderBy: null } as never))).code).toBe('INVALID_QUERY')
    expect(await repo.tryLoad(Note, { id: 'a\0b' })).toBeNull()
    // A saved one is of its own project, whatever the repository's is.
    expect((await repo.delete(note)).ref).toBe('Note/n@1')
  })

  test('the event loop gets its turns while saves and loads are awaited one after the other', async () => {
    const repo = await (await make()).open({ types: TYPES })
    await repo.save(new Note({ name: 'n' }))
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    for (let i = 0; i < 150; i++) {
      await repo.save(new Note({ name: 'n' }))
      await repo.load(Note, 'n')
    }
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(2)
  })

  test('closed means closed, and closing waits for saves', async () => {
    const registry = await make()
    const repo = await registry.open({ types: TYPES })
    const saving = repo.save(dataset())
    const closing = repo.close()
    const loaded = await saving
    await closing
    expect((await failure(repo.count(Note))).code).toBe('CLOSED')
    expect((await failure(loaded.artifact('rows'))).code).toBe('CLOSED')
    await repo.close()
    expect((await (await registry.open({ types: TYPES })).load(Dataset, 'penguins')).version).toBe(1)
  })

  test('an instance reads well in a log', async () => {
    const { inspect } = await import('node:util')
    const repo = await (await make()).open({ types: TYPES })
    const shown = inspect(await repo.save(dataset()))
    expect(shown).toMatch(/^Dataset\/penguins@1 \{/)
    expect(shown).toContain('disk_ndjson, 63 bytes')
    expect(inspect(dataset())).toMatch(
      /^Dataset\/penguins \(draft\) \{\s+config: \{ url: .https:\/\/example\.org\/p\.json. \},\s+artifacts: \[ .rows. \]\s+\}$/,
    )
  })
})

class Odd extends persistable('Odd', {
  parents: { __proto__role: [Note], constructor: [Note] },
  artifacts: { constructor: artifact(json<object>().to('disk')), toString: artifact(json<object>().to('disk')) },
}) {}

onEveryProvider((make) => {
  test('names that every object has are names like any other', async () => {
    const registry = await make()
    const repo = await registry.open({ types: [Odd, Note] })
    const note = await repo.save(new Note({ name: 'constructor', tags: { constructor: 'x', ['__proto__']: 'y' } }))
    expect((await repo.load(Note, 'constructor')).tags).toEqual(
      Object.fromEntries([
        ['constructor', 'x'],
        ['__proto__', 'y'],
      ]),
    )
    const value = JSON.parse('{"__proto__":{"a":1},"constructor":{"prototype":{"b":2}}}')
    const odd = new Odd({
      name: '__proto__',
      parents: { __proto__role: [], constructor: [note] },
      artifacts: { constructor: value, toString: { a: 1 } },
    })
    const saved = await repo.save(odd)
    const loaded = await repo.load(Odd, '__proto__')
    expect(Object.getOwnPropertyNames(await loaded.artifact('constructor'))).toEqual(['__proto__', 'constructor'])
    expect(await loaded.artifact('toString')).toEqual({ a: 1 })
    expect((await loaded.parent('constructor')).map(({ id }) => id)).toEqual([note.id])
    expect(await repo.hash(loaded)).toBe(saved.hash)
    expect((await failure(loaded.artifact('hasOwnProperty' as never))).code).toBe('UNKNOWN_ARTIFACT')
    expect(({} as { a?: number }).a).toBeUndefined()
  })
})

onEveryProvider((make) => {
  test('state and tags count as they are when it is saved, also after staging', async () => {
    const repo = await (await make()).open({ types: TYPES })
    const draft = new Note({ name: 'n', state: { seen: 1 }, tags: { a: '1' } })
    await repo.stage(draft)
    ;(draft.state as { seen: number }).seen = 2
    draft.tags['b'] = '2'
    const saved = await repo.save(draft)
    const loaded = await repo.load(Note, 'n')
    expect([saved.state, loaded.state, saved.tags, loaded.tags]).toEqual([{ seen: 2 }, { seen: 2 }, { a: '1', b: '2' }, { a: '1', b: '2' }])
    for (const state of [{ $: 1 }, JSON.parse('{"__proto__":{"x":1}}'), { save_patterns: 1 }]) {
      expect((await failure(repo.save(new Note({ state })))).code).toBe('INVALID_CONFIG')
    }
    expect(await repo.count()).toBe(1)
  })

  test('a class that is undefined is an error, not everything; using() takes transactions only', async () => {
    const repo = await (await make()).open({ types: TYPES })
    await repo.save(new Note({ name: 'n' }))
    for (const wrong of [undefined, null, 'Note', {}]) {
      expect((await failure(repo.find(wrong as never, { where: { name: 'nope' } }))).code).toBe('INVALID_OPTION')
      expect((await failure(repo.versions(wrong as never, 'nope'))).code).toBe('INVALID_OPTION')
      expect((await failure(async () => repo.using(wrong as never))).code).toBe('INVALID_OPTION')
    }
    expect((await failure(async () => repo.using(repo.client))).code).toBe('INVALID_OPTION')
    expect((await failure(repo.find(Note, { where: { constructor: 'x' } as never }))).code).toBe('INVALID_QUERY')
    expect((await failure(repo.load(Note, 'n', { artifacts: 'eagre' as never }))).code).toBe('INVALID_OPTION')
  })
})
