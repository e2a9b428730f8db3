import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  artifact,
  bytes,
  databaseStore,
  diskStore,
  type Finding,
  gzip,
  json,
  ndjson,
  persistable,
  type Repository,
  type Saved,
  type Store,
  typed,
  type VerifyOptions,
  type VerifyProgress,
} from '../src'
import { atomically, rawOf } from '../src/client'
import { upTo } from './campaigns'
import { onEveryProvider, type TestRegistry } from './registries'
import { seededRandom } from './support'

interface Value {
  readonly w: number
}
class Model extends persistable('Model', {
  artifacts: {
    small: artifact(json<Value[]>().to('disk'), json<Value[]>().to('backup')),
    big: artifact(bytes().to('disk'), bytes().to('backup')),
  },
}) {}
class Single extends persistable('Single', { artifacts: { rows: artifact(json<Value[]>().to('disk')) } }) {}
class Wide extends persistable('Wide', { config: typed<{ text: string }>(), artifacts: { rows: artifact(json<Value[]>().to('disk')) } }) {}
/** What the class has become since. */
class SingleNow extends persistable('Single', {
  artifacts: { rows: artifact(json<Value[]>().to('disk'), json<Value[]>().to('backup'), ndjson<Value>().to('disk')) },
}) {}

/** What needs a temporary file on its way to the other store. */
class SingleLines extends persistable('Single', {
  artifacts: { rows: artifact(json<Value[]>().to('disk'), ndjson<Value>().to('backup')) },
}) {}

class Wrapped extends persistable('Wrapped', { artifacts: { data: artifact(gzip(bytes(), { level: 1 }).to('disk'), bytes().to('backup')) } }) {}

const BIG = 2 * (1 << 20) + 12_345
const pathOf = (root: string, digest: string): string => join(root, 'sha256', digest.slice(0, 2), digest.slice(2, 4), digest.slice(4))
const all = async (repo: Repository, options?: VerifyOptions): Promise<Finding[]> => {
  const found: Finding[] = []
  for await (const finding of repo.verify(options)) found.push(finding)
  return found
}
const bad = (found: readonly Finding[]) => found.filter(({ kind }) => kind !== 'ok')
const short = ({ kind, ref, artifact, pattern, part, repaired }: Finding) =>
  `${kind} ${ref} ${artifact} ${pattern} ${part}${repaired ? ' repaired' : ''}`
const sql = async (repo: Repository, text: string): Promise<Record<string, unknown>[]> => {
  const db = rawOf(repo.client)
  return (await atomically(db, [db.$queryRawUnsafe<Record<string, unknown>[]>(text)]))[0] ?? []
}
const damage = async (path: string): Promise<Buffer> => {
  const whole = await readFile(path)
  const damaged = Buffer.from(whole)
  damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] as number) ^ 1
  await rm(path)
  await writeFile(path, damaged)
  return damaged
}

onEveryProvider((make) => {
  const roots = (registry: TestRegistry) => ({ disk: join(registry.folder, 'files'), backup: join(registry.folder, 'backup') })
  const setUp = async (wrap: (store: Store) => Store = (store) => store) => {
    const registry = await make()
    const { disk, backup } = roots(registry)
    const stores = [wrap(diskStore(disk)), wrap(diskStore(backup, { name: 'backup' }))]
    const repo = await registry.open({ types: [Model, Single], stores })
    const random = seededRandom()
    const save = (name: string, w: number) => repo.save(new Model({ name, artifacts: { small: [{ w }], big: random.bytes(BIG) } }))
    return { registry, repo, stores, save, disk, backup }
  }
  const record = (model: Saved<Model>, name: string, pattern: string) => {
    const found = model.filepaths[name]?.[pattern]
    if (found === undefined) throw new Error(`no ${name} ${pattern}`)
    return found
  }

  test('all is well: one finding for each row, artifact and pattern; each blob is read once', async () => {
    const reads = new Map<string, number>()
    const { repo, save } = await setUp((store) => ({
      ...store,
      get: (blob, options) => {
        const key = `${store.name}/${blob.digest}`
        reads.set(key, (reads.get(key) ?? 0) + 1)
        return store.get(blob, options)
      },
    }))
    const first = await save('a', 1)
    await repo.save(first.next({ artifacts: { small: [{ w: 1 }], big: await first.artifact('big') } }))
    await repo.save(new Model({ name: 'b', artifacts: { small: [{ w: 1 }], big: await first.artifact('big') } }))
    reads.clear()
    const progress: VerifyProgress[] = []
    const found = await all(repo, { onProgress: (now) => void progress.push(now) })
    expect(found.map(short)).toEqual(
      ['a@1', 'a@2', 'b@1'].flatMap((ref) =>
        ['big disk_bytes', 'big backup_bytes', 'small disk_json', 'small backup_json'].map((of) => `ok Model/${ref} ${of} bytes`),
      ),
    )
    expect(found[0]).toMatchObject({
      store: 'disk',
      size: BIG,
      reason: null,
      repaired: false,
      quarantined: null,
      place: expect.stringMatching(/sha256/),
    })
    // Both large ones, both small ones, and the checksums of the large ones, in two stores each.
    expect([...reads.values()]).toEqual(Array.from({ length: 6 }, () => 1))
    expect(progress.at(-1)).toEqual({ rows: 3, totalRows: 3, blobs: 6, bytes: 2 * (BIG + 12 + 9) })
  })

  test('what is missing, damaged, unreadable or an orphan is found, and named', async () => {
    const { repo, save, disk, backup, registry } = await setUp()
    const model = await save('a', 1)
    await rm(pathOf(disk, record(model, 'small', 'disk_json').digest))
    await damage(pathOf(backup, record(model, 'small', 'backup_json').digest))
    await writeFile(await fresh(pathOf(disk, record(model, 'big', 'disk_bytes').digest)), 'short')
    await damage(pathOf(backup, record(model, 'big', 'backup_bytes').chunks?.digest as string))
    await (repo.stores.get('disk') as Store).put({ digest: 'a'.repeat(64), size: 2 }, async function* () {
      yield Buffer.from('xy')
    })
    const found = await all(repo)
    expect(bad(found).map(short)).toEqual([
      'corrupt Model/a@1 big disk_bytes bytes',
      'corrupt Model/a@1 big backup_bytes checksums',
      'missing Model/a@1 small disk_json bytes',
      'corrupt Model/a@1 small backup_json bytes',
      'orphan null null null null',
    ])
    expect(bad(found).map(({ reason }) => reason)).toEqual([
      `It has 5 of ${BIG} bytes.`,
      'Its sha256 is another.',
      'There is nothing.',
      'Its sha256 is another.',
      'The registry does not know of it; gc removes it after a term of grace.',
    ])
    // Sizes alone do not tell.
    expect(bad(await all(repo, { deep: false, orphans: false })).map(short)).toEqual([
      'corrupt Model/a@1 big disk_bytes bytes',
      'missing Model/a@1 small disk_json bytes',
    ])
    expect(bad(await all(repo, { stores: ['backup'] })).map(short)).toEqual([
      'corrupt Model/a@1 big backup_bytes checksums',
      'corrupt Model/a@1 small backup_json bytes',
    ])
    expect(await all(repo, { type: 'Single' })).toEqual([])
    expect(await all(repo, { where: { name: 'b' } })).toEqual([])
    const without = await registry.open({ stores: [diskStore(disk)] })
    expect(bad(await all(without, { type: 'Model', deep: false })).map(short)).toContain('unreadable Model/a@1 small backup_json bytes')
    await sql(
      repo,
      `UPDATE persistables SET filepaths = '{"small":{"disk_json":{"store":"disk","digest":"../../etc/passwd","size":1}}}' RETURNING id`,
    )
    expect(bad(await all(repo, { orphans: false })).map(short)).toEqual(['unreadable Model/a@1 small disk_json bytes'])
    await expect(all(repo, { stores: ['nowhere'] })).rejects.toMatchObject({ code: 'UNKNOWN_STORE' })
    await expect(all(repo, { after: 'nonsense' })).rejects.toMatchObject({ code: 'INVALID_QUERY' })
    await expect(all(repo, { concurrency: 0 })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  const fresh = async (path: string): Promise<string> => {
    await rm(path)
    return path
  }

  test('repair copies from what is intact, keeps the damaged bytes aside, and makes checksums anew', async () => {
    const { repo, save, disk, backup } = await setUp()
    const model = await save('a', 1)
    const content = Buffer.from(await model.artifact('big'))
    const small = record(model, 'small', 'disk_json')
    const big = record(model, 'big', 'disk_bytes')
    await rm(pathOf(disk, small.digest))
    const damaged = await damage(pathOf(backup, big.digest))
    for (const root of [disk, backup]) await rm(pathOf(root, big.chunks?.digest as string))
    const found = bad(await all(repo, { repair: true }))
    expect(found.map(short)).toEqual([
      'missing Model/a@1 big disk_bytes checksums repaired',
      'corrupt Model/a@1 big backup_bytes bytes repaired',
      'missing Model/a@1 big backup_bytes checksums repaired',
      'missing Model/a@1 small disk_json bytes repaired',
    ])
    expect(found.map(({ reason }) => reason)).toEqual([
      'There is nothing. Copied from the bytes that they are of.',
      'Its sha256 is another. Copied from the store "disk".',
      'There is nothing. Copied from the bytes that they are of.',
      'There is nothing. Copied from the store "backup".',
    ])
    expect(Buffer.compare(await readFile(found[1]?.quarantined as string), damaged)).toBe(0)
    expect(bad(await all(repo))).toEqual([])
    expect(Buffer.compare(await readFile(pathOf(backup, big.digest)), content)).toBe(0)
    expect(await readdir(join(backup, 'quarantine'))).toHaveLength(1)
    // Where nothing is intact, nothing is touched.
    for (const root of [disk, backup]) await damage(pathOf(root, small.digest))
    const hopeless = bad(await all(repo, { repair: true }))
    expect(hopeless.map(short)).toEqual(['corrupt Model/a@1 small disk_json bytes', 'corrupt Model/a@1 small backup_json bytes'])
    expect(hopeless[0]?.reason).toMatch(/No other store could give the bytes: backup: Its sha256 is another/)
    expect((await stat(pathOf(disk, small.digest))).size).toBe(small.size)
    expect(await readdir(join(backup, 'quarantine'))).toHaveLength(1)
  })

  test('repair makes the bytes of one pattern from another that keeps the same content in other wrappers', async () => {
    const { registry, disk, backup } = await setUp()
    const stores = [diskStore(disk), diskStore(backup, { name: 'backup' })]
    const repo = await registry.open({ types: [Wrapped], stores })
    const content = seededRandom().bytes(BIG)
    const wrapped = await repo.save(new Wrapped({ name: 'w', artifacts: { data: content } }))
    const digestOf = (pattern: string): string => wrapped.filepaths['data']?.[pattern]?.digest ?? ''
    const packedPath = pathOf(disk, digestOf('disk_bytes-gzip'))
    const plainPath = pathOf(backup, digestOf('backup_bytes'))
    const before = await readFile(packedPath)

    await damage(packedPath)
    expect(bad(await all(repo, { repair: true })).map(({ reason }) => reason)).toEqual([
      'Its sha256 is another. Copied from the pattern backup_bytes.',
    ])
    expect(Buffer.compare(await readFile(packedPath), before)).toBe(0)
    await rm(plainPath)
    expect(bad(await all(repo, { repair: true })).map(({ reason }) => reason)).toEqual(['There is nothing. Copied from the pattern disk_bytes-gzip.'])
    expect(Buffer.compare(await readFile(plainPath), content)).toBe(0)
    expect(bad(await all(repo))).toEqual([])

    // Nobody knows the class, hence the level: other bytes would come of it, and none of them are put there.
    const strange = await registry.open({ stores })
    await rm(packedPath)
    const [lost] = bad(await all(strange, { repair: true }))
    expect([lost?.repaired, lost?.reason]).toEqual([false, expect.stringContaining('could give the content: backup_bytes: It')])
    await expect(stat(packedPath)).rejects.toThrow('ENOENT')
    // Both of them damaged: what is there stays.
    await writeFile(packedPath, before.subarray(1))
    await damage(plainPath)
    const hopeless = bad(await all(repo, { repair: true }))
    expect(hopeless.map(({ repaired }) => repaired)).toEqual([false, false])
    expect((await readFile(packedPath)).length).toBe(before.length - 1)
  })

  test('several repairs at once, with readers, end with the right bytes, and no reader meets others', async () => {
    const { registry, repo, save, disk, stores } = await setUp()
    const model = await save('a', 1)
    const content = Buffer.from(await model.artifact('big'))
    const { digest } = record(model, 'big', 'disk_bytes')
    for (let round = 0; round < 3; round++) {
      await damage(pathOf(disk, digest))
      const repos = await Promise.all([1, 2, 3].map(() => registry.open({ types: [Model], stores })))
      const reader = async (from: Repository) => {
        for (let i = 0; i < 4; i++) expect(Buffer.compare(await (await from.load(Model, 'a')).artifact('big'), content)).toBe(0)
      }
      const results = await Promise.all([...repos.map((each) => all(each, { repair: true })), reader(repo), reader(repo)])
      for (const found of results.slice(0, 3) as Finding[][]) expect(bad(found).every(({ repaired }) => repaired)).toBe(true)
      expect(bad(await all(repo))).toEqual([])
    }
  })

  test('a store of the database is repaired as well, and lends its bytes', async () => {
    class Both extends persistable('Both', { artifacts: { body: artifact(bytes().to('disk'), bytes().to('database')) } }) {}
    const registry = await make()
    const { disk } = roots(registry)
    const repo = await registry.open({ types: [Both], stores: [diskStore(disk), databaseStore()] })
    const body = seededRandom().bytes(700_000)
    const saved = await repo.save(new Both({ artifacts: { body } }))
    const pg = repo.client as unknown as { _activeProvider: string }
    const zeros = pg._activeProvider === 'sqlite' ? 'zeroblob(262144)' : `decode(repeat('00', 262144), 'hex')`
    await sql(repo, `UPDATE persistable_chunks SET bytes = ${zeros} WHERE position = 1 RETURNING position`)
    expect(bad(await all(repo, { repair: true })).map(short)).toEqual(['corrupt Both/default@1 body database_bytes bytes repaired'])
    await rm(pathOf(disk, saved.filepaths['body']?.['disk_bytes']?.digest as string))
    expect(bad(await all(repo, { repair: true })).map(short)).toEqual(['missing Both/default@1 body disk_bytes bytes repaired'])
    expect(bad(await all(repo))).toEqual([])
    expect(Buffer.compare(await (await repo.load(Both, 'default')).artifact('body'), body)).toBe(0)
  })

  test('newly declared patterns are added to rows, whose hash stays as it was', async () => {
    const { registry, repo, stores } = await setUp()
    const before = await repo.save(new Single({ name: 's', artifacts: { rows: [{ w: 1 }, { w: 2 }] } }))
    const now = await registry.open({ types: [SingleNow], stores })
    // Two at once: one adds, the other finds it there.
    const [one, two] = await Promise.all([all(now, { toDeclared: true }), all(now, { toDeclared: true })])
    for (const found of [one, two]) {
      expect(bad(found).every(({ repaired }) => repaired)).toBe(true)
    }
    expect([...one, ...two].filter(({ repaired }) => repaired).map(short)).toEqual(
      expect.arrayContaining(['missing Single/s@1 rows backup_json bytes repaired', 'missing Single/s@1 rows disk_ndjson bytes repaired']),
    )
    const after = await now.load(SingleNow, 's')
    expect(Object.keys(after.filepaths['rows'] ?? {}).sort()).toEqual(['backup_json', 'disk_json', 'disk_ndjson'])
    expect(after.metadata['state']).toMatchObject({ save_patterns: { rows: expect.arrayContaining(['disk_json', 'backup_json', 'disk_ndjson']) } })
    expect(after.hash).toBe(before.hash)
    expect(await now.hash(after)).toBe(before.hash)
    expect(bad(await all(now, { toDeclared: true }))).toEqual([])
    await rm(roots(registry).disk, { recursive: true })
    expect(await after.artifact('rows')).toEqual([{ w: 1 }, { w: 2 }])
    expect(bad(await all(now, { repair: true, orphans: false })).map(short)).toEqual([
      'missing Single/s@1 rows disk_json bytes repaired',
      'missing Single/s@1 rows disk_ndjson bytes',
    ])
  })

  test('nothing is written into a store of another registry, neither to repair nor to add a pattern; a store that is nobody’s is claimed', async () => {
    const { registry, repo, disk, backup } = await setUp()
    await repo.save(new Single({ name: 's', artifacts: { rows: [{ w: 1 }] } }))
    const model = await repo.save(new Model({ name: 'm', artifacts: { small: [{ w: 1 }], big: 'b' } }))
    const other = await make()
    const theirs = diskStore(join(other.folder, 'theirs'), { name: 'backup' })
    const stranger = await other.open({ types: [Model], stores: [diskStore(join(other.folder, 'files')), theirs] })
    await stranger.save(new Model({ name: 'm', artifacts: { small: [{ w: 2 }], big: 'c' } }))
    const now = await registry.open({ types: [Model, SingleNow], stores: [diskStore(disk), theirs] })
    const found = bad(await all(now, { repair: true, toDeclared: true, orphans: false }))
    expect(found.filter(({ repaired }) => repaired).map(short)).toEqual(['missing Single/s@1 rows disk_ndjson bytes repaired'])
    expect(found.filter(({ store }) => store === 'backup')).toHaveLength(3)
    for (const { reason } of found.filter(({ store }) => store === 'backup')) expect(reason).toMatch(/"backup" belongs to another registry/)
    expect(await theirs.size(record(model, 'big', 'backup_bytes').digest)).toBeNull()

    // Nothing is left of what was on its way there.
    await repo.save(new Single({ name: 'large', artifacts: { rows: Array.from({ length: 200_000 }, (_, w) => ({ w })) } }))
    const lines = await registry.open({ types: [SingleLines], stores: [diskStore(disk), theirs] })
    const refused = bad(await all(lines, { type: 'Single', where: { name: 'large' }, toDeclared: true }))
    expect(refused.map(({ reason }) => reason)).toEqual([expect.stringMatching(/"backup" belongs to another registry/)])
    expect(await readdir(join(other.folder, 'theirs', 'tmp'))).toEqual([])

    await rm(backup, { recursive: true })
    const fresh = diskStore(backup, { name: 'backup' })
    const later = await registry.open({ types: [Model, SingleNow], stores: [diskStore(disk), fresh] })
    expect(bad(await all(later, { repair: true, toDeclared: true, orphans: false })).every(({ repaired }) => repaired)).toBe(true)
    expect(await fresh.owner?.()).toBe(await diskStore(disk).owner?.())
  })

  test('a record that reading refuses is unreadable, whatever is wrong with it, and stops nothing', async () => {
    const { registry, repo, stores, backup } = await setUp()
    const { filepaths } = await repo.save(new Single({ name: 's', artifacts: { rows: [{ w: 1 }] } }))
    const known = filepaths['rows']?.['disk_json']
    await rm(roots(registry).disk, { recursive: true })
    const strange = await registry.open({ stores })
    for (const odd of [
      { ...known, wrappers: undefined },
      { ...known, wrappers: 'gzip' },
      { ...known, contentDigest: 'f'.repeat(64) },
      { ...known, contentSize: -1 },
      { ...known, options: 7 },
      { ...known, chunks: null },
      { ...known, store: 7 },
      { ...known, serializer: {} },
      null,
    ]) {
      const text = JSON.stringify({ rows: { disk_other: odd } })
      await sql(repo, `UPDATE persistables SET filepaths = '${text}' RETURNING id`)
      const found = await all(strange, { repair: true, orphans: false })
      expect(found.map(short)).toEqual(['unreadable Single/s@1 rows disk_other bytes'])
    }
    await expect(stat(backup)).rejects.toThrow('ENOENT')
    // It is no pattern to copy from either, and the reader says what is wrong with it.
    const now = await registry.open({ types: [SingleNow], stores })
    for (const odd of [null, { ...known, store: 7 }, { ...known, serializer: {} }]) {
      await sql(repo, `UPDATE persistables SET filepaths = '${JSON.stringify({ rows: { disk_other: odd } })}' RETURNING id`)
      for (const { reason } of await all(now, { toDeclared: true, orphans: false })) expect(reason).toMatch(/record of it makes no sense/)
    }
  })

  test('a row whose files or metadata are none is named by an error with a code, wherever it is met', async () => {
    const { repo, registry } = await setUp()
    const { id } = await repo.save(new Single({ name: 's', artifacts: { rows: [{ w: 1 }] } }))
    const later = await registry.open({ types: [Single] })
    for (const [column, odd] of [
      ['filepaths', 'null'],
      ['filepaths', '"x"'],
      ['filepaths', '[]'],
      ['metadata', 'null'],
      ['metadata', '{"config":null}'],
      ['metadata', '{"parents":{"dataset":5}}'],
      ['metadata', '{"parents":{"dataset":[null]}}'],
      ['metadata', '{"digests":5,"sources":{}}'],
      ['metadata', '{"library_versions":[]}'],
    ] as const) {
      const [before] = await sql(repo, `SELECT CAST(${column} AS TEXT) AS before FROM persistables`)
      await sql(repo, `UPDATE persistables SET ${column} = '${odd}' RETURNING id`)
      for (const met of [() => all(later), () => later.load(Single, 's'), () => later.find(Single), () => later.versions(Single, 's')])
        await expect(met()).rejects.toMatchObject({ code: 'DATABASE_FAILED', details: { id }, message: expect.stringContaining(column) })
      await sql(repo, `UPDATE persistables SET ${column} = '${String(before?.['before']).replaceAll("'", "''")}' RETURNING id`)
    }
    expect(bad(await all(later))).toEqual([])
  })

  test('it goes on where it was left, may be cancelled, and stops when nobody listens', async () => {
    const { repo } = await setUp()
    for (let i = 0; i < 120; i++) await repo.save(new Single({ name: `n${i}`, artifacts: { rows: [{ w: i }] } }))
    const whole = (await all(repo)).map(({ ref }) => ref)
    expect(new Set(whole).size).toBe(120)
    const seen: (string | null)[] = []
    let cursor = ''
    for await (const finding of repo.verify()) {
      seen.push(finding.ref)
      ;({ cursor } = finding)
      if (seen.length === 77) break
    }
    const rest = (await all(repo, { after: cursor })).map(({ ref }) => ref)
    // The row where it was left is looked at once more.
    expect([...seen, ...rest.slice(1)]).toEqual(whole)
    await sql(repo, `DELETE FROM persistables WHERE name = 'n76' RETURNING id`)
    expect((await all(repo, { after: cursor, orphans: false })).map(({ ref }) => ref)).toEqual(expect.arrayContaining(rest.slice(1)))
    const controller = new AbortController()
    const cancelled = (async () => {
      for await (const _ of repo.verify({ signal: controller.signal })) controller.abort(new Error('enough'))
    })()
    await expect(cancelled).rejects.toThrow('enough')
  })

  test('rows of all widths are looked at once each, a page after the other', async () => {
    const repo = await (await make()).open({ types: [Wide] })
    await repo.saveMany(upTo(430).map((i) => new Wide({ name: `n${i}`, config: { text: 'x'.repeat(i % 100) }, artifacts: { rows: [{ w: i }] } })))
    const names = upTo(430).map((i) => `Wide/n${i}@1`)
    const seen = async () => (await all(repo)).map(({ ref }) => ref).sort()
    expect(await seen()).toEqual(names.sort())
    await repo.save(new Wide({ name: 'wide', config: { text: 'x'.repeat(400_000) }, artifacts: { rows: [{ w: 0 }] } }))
    expect(await seen()).toEqual([...names, 'Wide/wide@1'].sort())
    // All of them are marked, too.
    await sql(repo, 'UPDATE persistable_blobs SET pinned_until = 1 RETURNING digest')
    expect((await repo.gc({ dryRun: true }))[0]).toMatchObject({ condemned: 0, kept: 431 })
  })

  test('what is deleted while it is looked at is not missing', async () => {
    const registry = await make()
    let deleting: (() => Promise<void>) | undefined
    const under = diskStore(roots(registry).disk)
    const store: Store = {
      ...under,
      async *get(blob, options) {
        const first = deleting
        deleting = undefined
        await first?.()
        yield* under.get(blob, options)
      },
    }
    const repo = await registry.open({ types: [Single], stores: [store] })
    await repo.save(new Single({ name: 'kept', artifacts: { rows: [{ w: 1 }] } }))
    const gone = await repo.save(new Single({ name: 'gone', artifacts: { rows: [{ w: 2 }] } }))
    deleting = async () => {
      await sql(repo, `DELETE FROM persistables WHERE id = '${gone.id}' RETURNING id`)
      await under.delete(gone.filepaths['rows']?.['disk_json']?.digest as string)
    }
    expect((await all(repo, { concurrency: 1 })).map(short)).toEqual(['ok Single/kept@1 rows disk_json bytes'])
  })

  test('bytes that a save has pinned are no orphans; what lost its row is one', async () => {
    const { repo } = await setUp()
    await repo.stage(new Single({ name: 'staged', artifacts: { rows: [{ w: 1 }] } }))
    expect(await all(repo)).toEqual([])
    await sql(repo, 'UPDATE persistable_blobs SET pinned_until = 1 RETURNING digest')
    expect((await all(repo)).map(({ kind, store, reason }) => [kind, store, reason])).toEqual([
      ['orphan', 'disk', 'No row refers to it; gc removes it.'],
    ])
  })
})
