import { createHash } from 'node:crypto'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  artifact,
  bytes,
  databaseStore,
  diskStore,
  type GcReport,
  isPersistablesError,
  memoryStore,
  type PersistableTransaction,
  persistable,
  type Repository,
  type Saved,
  type Store,
} from '../src'
import { atomically, rawOf } from '../src/client'
import { keepingOf } from '../src/keeping'
import { partsOf } from '../src/parts'
import type { Query } from '../src/query'
import type { GcContext } from '../src/upkeep/gc'
import { onEveryProvider, type TestRegistry } from './registries'

class Note extends persistable('Note', { artifacts: { body: artifact(bytes().to('disk')) } }) {}
class Twice extends persistable('Twice', { artifacts: { body: artifact(bytes().to('disk'), bytes().to('backup')) } }) {}
const TYPES = [Note, Twice]
type Transactions = { $transaction<T>(run: (tx: PersistableTransaction) => Promise<T>, limits?: object): Promise<T> }

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex')
const textOf = async (saved: Saved<Note>) => Buffer.from(await saved.artifact('body')).toString()
const listed = async (store: Store): Promise<string[]> => {
  const found: string[] = []
  for await (const { digest } of store.list()) found.push(digest)
  return found.sort()
}
const sql = async (repo: Repository, text: string): Promise<Record<string, unknown>[]> => {
  const db = rawOf(repo.client)
  return (await atomically(db, [db.$queryRawUnsafe<Record<string, unknown>[]>(text)]))[0] ?? []
}
/** Time passes: every pin is over. */
const unpin = (repo: Repository) => sql(repo, `UPDATE persistable_blobs SET pinned_until = 1 WHERE state = 'live' RETURNING digest`)
/** gc with something done between its steps. */
const stepwise = (repo: Repository, onStep: GcContext['onStep']) =>
  keepingOf(partsOf({ client: repo.client, stores: [...repo.stores.values()] }, [], true), {} as Query, onStep)
const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )
const only = (reports: readonly GcReport[]): GcReport => reports[0] as GcReport

onEveryProvider((make, provider) => {
  const disk = (registry: TestRegistry) => diskStore(join(registry.folder, 'files'))
  const setUp = async (stores?: (registry: TestRegistry) => Store[]) => {
    const registry = await make()
    const repo = await registry.open({ types: TYPES, ...(stores !== undefined && { stores: stores(registry) }) })
    const save = (body: string, name = 'n') => repo.save(new Note({ name, artifacts: { body } }))
    const store = repo.stores.get('disk') as Store
    return { registry, repo, save, store }
  }
  const forget = (repo: Repository, id: string) => sql(repo, `DELETE FROM persistables WHERE id = '${id}' RETURNING id`)
  /** no row points to bytes that are not there, or that are others */
  const intact = async (repo: Repository): Promise<void> => {
    for (const note of await repo.find(Note)) await note.artifact('body')
  }

  test('what nothing refers to is removed, and nothing else', async () => {
    const { repo, save, store } = await setUp()
    const kept = [await save('kept'), await save('kept too'), await save('k3'), await save('shared')]
    const gone = await save('to be removed')
    const other = await save('shared', 'other')
    for (const { id } of [gone, other]) await forget(repo, id)
    // Pinned by the saves of a moment ago.
    expect(only(await repo.gc())).toMatchObject({ store: 'disk', examined: 5, condemned: 0, deleted: 0, kept: 5 })
    await unpin(repo)
    const dry = only(await repo.gc({ dryRun: true }))
    expect(dry).toMatchObject({ examined: 5, condemned: 1, deleted: 0, bytesFreed: 13, kept: 4, unknown: 0, refused: null, errors: [] })
    expect((await listed(store)).length).toBe(5)
    expect(only(await repo.gc())).toEqual({ ...dry, deleted: 1 })
    expect(await listed(store)).toEqual(['kept', 'kept too', 'k3', 'shared'].map(digestOf).sort())
    for (const one of kept) await textOf(one)
    expect(only(await repo.gc())).toMatchObject({ condemned: 0, deleted: 0, kept: 4 })
    expect((await textOf(await save('to be removed'))).length).toBe(13)
  })

  test('rows of other projects, and sidecars, are referred to as well', async () => {
    const { registry, repo, save } = await setUp()
    const other = await registry.open({ types: TYPES, project: 'other' })
    const big = Buffer.alloc((1 << 20) + 5, 'x')
    await other.save(new Note({ artifacts: { body: big } }))
    await save('mine')
    await unpin(repo)
    expect(only(await repo.gc({ force: true }))).toMatchObject({ examined: 3, condemned: 0, kept: 3 })
    await rm(join(registry.folder, 'files'), { recursive: true })
  })

  test('a row that was tampered with keeps what it can be read to refer to, or stops everything', async () => {
    const { repo, save, store } = await setUp()
    await save('of some weight, so that half is not reached')
    const one = await save('referred to')
    const digest = digestOf('referred to')
    const say = (filepaths: string) => sql(repo, `UPDATE persistables SET filepaths = '${filepaths}' WHERE id = '${one.id}' RETURNING id`)
    await say(`{"body":{"x":{"store":"disk","digest":"${digest}","size":"many"},"y":null,"z":[1]},"__proto__":7}`)
    await unpin(repo)
    expect(only(await repo.gc())).toMatchObject({ condemned: 0, deleted: 0 })
    if (provider === 'sqlite') {
      await say('{"body":')
      expect(isPersistablesError(await failure(repo.gc({ force: true })), 'DATABASE_FAILED')).toBe(true)
    }
    expect((await listed(store)).length).toBe(2)
  })

  test('it refuses what it should, says why, and does it when forced', async () => {
    const { registry, repo, save, store } = await setUp()
    expect(only(await repo.gc())).toMatchObject({ examined: 0, refused: null })
    const saved = await save('one')
    await unpin(repo)
    await forget(repo, saved.id)
    const empty = await failure(repo.gc())
    expect(isPersistablesError(empty, 'GC_REFUSED')).toBe(true)
    expect(String(empty)).toMatch(/no rows at all/)
    const rest = await save('two')
    await unpin(repo)
    expect(only(await repo.gc())).toMatchObject({ deleted: 1 })
    await forget(repo, (await save('more than half of all that there is')).id)
    await unpin(repo)
    expect(String(await failure(repo.gc()))).toMatch(/more than half .* 35 of 38 bytes, 1 of 2 blobs/)
    expect(only(await repo.gc({ dryRun: true }))).toMatchObject({ condemned: 1, refused: expect.stringMatching(/more than half/) })
    expect((await listed(store)).length).toBe(2)
    expect(only(await repo.gc({ force: true }))).toMatchObject({ deleted: 1, bytesFreed: 35 })
    expect(await textOf(rest)).toBe('two')

    // A folder that is another registry's, and one that is nobody's.
    const foreign = await make()
    const stranger = await foreign.open({ types: TYPES, stores: [disk(registry)] })
    expect(String(await failure(stranger.gc()))).toMatch(/belongs to another registry/)
    await rm(join(registry.folder, 'files', 'persistables-store.json'))
    const unmarked = await registry.open({ types: TYPES })
    expect(String(await failure(unmarked.gc()))).toMatch(/no mark/)
    expect(isPersistablesError(await failure(repo.gc({ stores: ['nowhere'] })), 'UNKNOWN_STORE')).toBe(true)
    expect(isPersistablesError(await failure(repo.gc({ olderThan: -1 })), 'INVALID_OPTION')).toBe(true)
    expect(await textOf(rest)).toBe('two')
  })

  test('a store whose mark cannot be read is left alone, unless forced; the others are not', async () => {
    const { registry, repo, save, store } = await setUp((registry) => [
      disk(registry),
      diskStore(join(registry.folder, 'backup'), { name: 'backup' }),
    ])
    await save('of some weight, so that half is not reached')
    await repo.save(new Twice({ name: 't', artifacts: { body: 'of some weight as well' } }))
    for (const gone of [await save('gone'), await repo.save(new Twice({ name: 't', artifacts: { body: 'away' } }))]) await forget(repo, gone.id)
    await unpin(repo)
    await writeFile(join(registry.folder, 'files', 'persistables-store.json'), '{"layout":1,"owner":')
    const stranger = await registry.open({ types: TYPES, stores: [...repo.stores.values()] })
    const [left, other] = await stranger.gc()
    expect(left).toMatchObject({ store: 'disk', deleted: 0, errors: [expect.stringMatching(/marker .* is damaged/)] })
    expect(other).toMatchObject({ store: 'backup', deleted: 1, errors: [] })
    expect((await listed(store)).length).toBe(4)
    const [forced] = await stranger.gc({ force: true })
    expect(forced).toMatchObject({ deleted: 2 })
    await intact(repo)
  })

  test('what the registry does not know of is left alone for its term of grace, by the database’s clock', async () => {
    const { repo, save, store } = await setUp()
    const saved = await save('a long enough text that is kept')
    await unpin(repo)
    const lost = { digest: digestOf('lost'), size: 4 }
    const put = () =>
      store.put(lost, async function* () {
        yield Buffer.from('lost')
      })
    await put()
    expect(only(await repo.gc())).toMatchObject({ examined: 2, unknown: 1, condemned: 0 })
    expect(only(await repo.gc())).toMatchObject({ examined: 2, unknown: 0, condemned: 0 })
    await sql(repo, `UPDATE persistable_blobs SET marked = 5 WHERE digest = '${lost.digest}' RETURNING digest`)
    expect(only(await repo.gc())).toMatchObject({ condemned: 1, deleted: 1 })
    await put()
    expect(only(await repo.gc({ olderThan: 0 }))).toMatchObject({ unknown: 1, deleted: 1 })
    // In its term of grace nobody can rely on it without a pin of their own.
    const ready = await repo.stage(new Note({ artifacts: { body: 'lost' } }))
    await sql(repo, `DELETE FROM persistable_blobs WHERE digest = '${lost.digest}' RETURNING digest`)
    await repo.gc()
    const inside = (repo.client as unknown as Transactions).$transaction((tx) => repo.using(tx).save(ready))
    expect(isPersistablesError(await failure(inside), 'NOT_STAGED')).toBe(true)
    expect(await textOf(saved)).toMatch(/^a long/)
  })

  test('bytes that are gone already, or cannot be removed, do not stop it', async () => {
    const registry = await make()
    const failing = new Set<string>()
    const under = disk(registry)
    const store: Store = {
      ...under,
      delete: async (digest) => {
        if (failing.has(digest)) throw new Error('the disk is on fire')
        return under.delete(digest)
      },
    }
    const repo = await registry.open({ types: TYPES, stores: [store] })
    const saved = []
    for (const body of ['a', 'b', 'c']) saved.push(await repo.save(new Note({ artifacts: { body } })))
    await repo.save(new Note({ artifacts: { body: 'something that outweighs all of them' } }))
    for (const { id } of saved) await forget(repo, id)
    await unpin(repo)
    await under.delete(digestOf('a'))
    failing.add(digestOf('b'))
    expect(only(await repo.gc())).toMatchObject({
      condemned: 3,
      deleted: 1,
      missing: 1,
      bytesFreed: 1,
      errors: [`${digestOf('b')}: the disk is on fire`],
    })
    failing.clear()
    // It stays condemned for as long as a late removal may still come through.
    expect(only(await repo.gc())).toMatchObject({ condemned: 0 })
    await sql(repo, `UPDATE persistable_blobs SET pinned_until = 1 WHERE state = 'condemned' RETURNING digest`)
    expect(only(await repo.gc())).toMatchObject({ condemned: 1, deleted: 1, errors: [] })
  })

  test('a gc that dies, or is cancelled, at any step is taken up by the next, and nothing is lost', async () => {
    for (const dying of ['listed', 'marked', 'suspected', 'marked again', 'condemned']) {
      const { repo, save, store } = await setUp()
      const kept = await save('kept, and of some weight')
      const gone = await save('gone')
      await forget(repo, gone.id)
      await unpin(repo)
      const controller = new AbortController()
      const stop = (step: string) => {
        if (step === dying) controller.abort(new Error(`died when ${dying}`))
        if (controller.signal.aborted) throw controller.signal.reason
      }
      expect(String(await failure(stepwise(repo, stop).gc({ signal: controller.signal })))).toMatch(/died when/)
      // Savers do not have to wait, but for what is condemned.
      if (dying !== 'condemned') expect((await textOf(await save('gone'))).length).toBe(4)
      await sql(repo, `UPDATE persistable_blobs SET pinned_until = 1 WHERE state <> 'suspect' RETURNING digest`)
      const again = only(await repo.gc())
      expect([dying, again.deleted]).toEqual([dying, dying === 'condemned' ? 1 : 0])
      expect(await textOf(kept)).toMatch(/^kept/)
      await intact(repo)
      expect((await listed(store)).length).toBe(dying === 'condemned' ? 1 : 2)
    }
  })

  test.each(['listed', 'marked', 'suspected', 'marked again', 'condemned'])('a save of the same bytes between the steps: %s', async (between) => {
    const { registry, repo, save, store } = await setUp()
    await save('of some weight, so that half is not reached')
    const gone = await save('gone')
    await forget(repo, gone.id)
    await unpin(repo)
    const other = await registry.open({ types: TYPES })
    let saving: Promise<unknown> | undefined
    const onStep = async (step: string) => {
      if (step !== between || saving !== undefined) return
      saving = other.save(new Note({ name: 'again', artifacts: { body: 'gone' } }))
      // Of what is condemned it must wait; of the others it must not.
      if (between !== 'condemned') await saving
    }
    const report = only(await stepwise(repo, onStep).gc({}))
    await saving
    expect(report.deleted).toBe(between === 'condemned' ? 1 : 0)
    expect(await textOf(await other.load(Note, 'again'))).toBe('gone')
    expect((await listed(store)).length).toBe(2)
  })

  test('a row that was inserted before the suspicion, in a transaction that ends after it, keeps its bytes, though its pins are over', async () => {
    const { registry, repo, save, store } = await setUp()
    await save('of some weight, so that half is not reached')
    const other = await registry.open({ types: TYPES })
    const ready = await other.stage(new Note({ name: 'late', artifacts: { body: 'late' } }))
    let [began, end] = [() => {}, () => {}]
    const inserted = new Promise<void>((resolve) => {
      began = resolve
    })
    const ending = new Promise<void>((resolve) => {
      end = resolve
    })
    const transaction = (other.client as unknown as Transactions).$transaction(
      async (tx) => {
        await other.using(tx).save(ready)
        began()
        await ending
      },
      { timeout: 30_000 },
    )
    await inserted
    if (provider === 'sqlite') {
      // The one writer has the database: gc waits for it.
      end()
      await transaction
      await unpin(repo)
      expect(only(await repo.gc({ force: true }))).toMatchObject({ deleted: 0 })
    } else {
      await unpin(repo)
      const steps: string[] = []
      const report = await stepwise(repo, async (step) => {
        steps.push(step)
        if (step !== 'marked') return
        // The row is not to be seen while the rows are marked, nor its bytes to be had while it is not committed.
        expect(only(await repo.gc({ force: true }))).toMatchObject({ condemned: 0, deleted: 0 })
        end()
        await transaction
      }).gc({ force: true })
      expect(steps).toContain('marked again')
      expect(only(report)).toMatchObject({ condemned: 0, deleted: 0 })
    }
    expect(await textOf(await repo.load(Note, 'late'))).toBe('late')
    expect((await listed(store)).length).toBe(2)
  })

  test('a pin of before gc is worth nothing after it, even when somebody else pins the same bytes', async () => {
    const { registry, repo, save } = await setUp()
    await save('of some weight, so that half is not reached')
    const ready = await repo.stage(new Note({ name: 'slept', artifacts: { body: 'x' } }))
    // Longer than a pin holds.
    await unpin(repo)
    expect(only(await repo.gc())).toMatchObject({ deleted: 1 })
    const other = await registry.open({ types: TYPES })
    const blobs = partsOf({ client: other.client, stores: [] }, [], true).blobs
    await blobs.pin([{ store: 'disk', digest: digestOf('x'), size: 1 }])
    const inside = (repo.client as unknown as Transactions).$transaction((tx) => repo.using(tx).save(ready))
    expect(isPersistablesError(await failure(inside), 'NOT_STAGED')).toBe(true)
    expect(await textOf(await repo.save(ready))).toBe('x')
    await intact(repo)
  })

  test('a gc that slept longer than its lease removes nothing that others have by then', async () => {
    const { registry, repo, save, store } = await setUp()
    await save('of some weight, so that half is not reached')
    for (const { id } of [await save('gone'), await save('gone as well')]) await forget(repo, id)
    await unpin(repo)
    const other = await registry.open({ types: TYPES })
    const clock = jest.spyOn(Date, 'now')
    try {
      const report = await stepwise(repo, async (step) => {
        if (step !== 'condemned') return
        // While it sleeps its lease ends, and a save takes one of the two.
        await sql(repo, `UPDATE persistable_blobs SET pinned_until = 1 WHERE state = 'condemned' RETURNING digest`)
        await other.save(new Note({ name: 'again', artifacts: { body: 'gone' } }))
        const real = Date.now.bind(Date)
        const late = real() + 60_000
        clock.mockImplementation(() => late)
      }).gc({})
      expect(only(report)).toMatchObject({ deleted: 0, missing: 0 })
    } finally {
      clock.mockRestore()
    }
    expect(await textOf(await other.load(Note, 'again'))).toBe('gone')
    expect((await listed(store)).length).toBe(3)
    expect(only(await repo.gc())).toMatchObject({ deleted: 1 })
    await intact(repo)
  })

  test('two gcs at once, with savers, remove each blob once', async () => {
    const { registry, repo, save } = await setUp()
    const gone = []
    for (let i = 0; i < 40; i++) gone.push(await save(`gone ${i}`))
    await save('of some weight, '.repeat(100))
    for (const { id } of gone) await forget(repo, id)
    await unpin(repo)
    const others = await Promise.all([1, 2].map(() => registry.open({ types: TYPES })))
    const [reports] = await Promise.all([
      Promise.all([repo, ...others].map((each) => each.gc({ force: true }))),
      ...Array.from({ length: 20 }, (_, i) => save(`gone ${i * 2}`, 'again')),
    ])
    expect(reports.reduce((sum, report) => sum + only(report).deleted, 0)).toBeLessThanOrEqual(40)
    await intact(repo)
    expect(await repo.count(Note)).toBe(21)
  })

  test('every kind of store, and only those that are named', async () => {
    const { repo } = await setUp((registry) => [disk(registry), databaseStore({ name: 'backup' }), memoryStore()])
    const saved = await repo.save(new Twice({ artifacts: { body: 'both' } }))
    await repo.save(new Twice({ artifacts: { body: 'these are kept' } }))
    await forget(repo, saved.id)
    await unpin(repo)
    expect((await repo.gc({ stores: ['backup'] })).map(({ store, deleted }) => [store, deleted])).toEqual([['backup', 1]])
    expect((await repo.gc()).map(({ store, deleted }) => [store, deleted])).toEqual([
      ['disk', 1],
      ['backup', 0],
      ['memory', 0],
    ])
    expect(await listed(repo.stores.get('backup') as Store)).toEqual([digestOf('these are kept')])
  })

  test('progress is told, and temporary files go', async () => {
    const { registry, repo, save } = await setUp()
    const gone = await save('gone')
    await save('of some weight, so that half is not reached')
    await forget(repo, gone.id)
    await unpin(repo)
    const store = repo.stores.get('disk') as Store
    const spool = await store.spool?.(
      (async function* () {
        yield Buffer.from('x')
      })(),
    )
    const steps: string[] = []
    await repo.gc({ onProgress: ({ step, done, total }) => void steps.push(`${step} ${done} of ${total}`) })
    expect(steps).toEqual(['listing 2 of null', 'marking 1 of 1', 'marking 1 of 1', 'removing 1 of 1'])
    await spool?.discard()
    expect(await readdir(join(registry.folder, 'files', 'tmp'))).toEqual([])
  })
})
