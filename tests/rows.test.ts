import { randomUUID } from 'node:crypto'
import { blobsOf } from '../src/blobs'
import { type PersistableTransaction, rawOf } from '../src/client'
import type { Repository } from '../src/contract'
import { dialectOf } from '../src/dialect'
import { isPersistablesError } from '../src/errors'
import { queryOf } from '../src/query'
import { type NewRow, PinsLost, type Rows, rowsOf, type Writes } from '../src/rows'
import { sorted, upTo } from './campaigns'
import { onEveryProvider } from './registries'

type Transactions = { $transaction<T>(run: (tx: PersistableTransaction) => Promise<T>, limits?: object): Promise<T> }
class Undo extends Error {}

const newRow = (name: string, more: Partial<NewRow> = {}): NewRow => ({
  id: randomUUID(),
  type: 'T',
  registeredName: 'T',
  project: 'p',
  name,
  author: 'a',
  versionDescription: '',
  hash: `oh1:${name}`,
  hasExternalFiles: false,
  filepaths: {},
  metadata: { config: { text: 'ä"\\ ' } },
  createdAt: new Date('2026-01-02T03:04:05.678Z'),
  modifiedAt: new Date('2026-01-02T03:04:05.678Z'),
  tags: {},
  edges: [],
  blobs: [],
  ...more,
})
const edge = (parent: NewRow, label: string | null, position = 0) => ({
  role: 'of',
  position,
  parentId: parent.id,
  parentHash: parent.hash,
  parentLabel: label,
})
const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work
    return 'none'
  } catch (error) {
    return isPersistablesError(error) ? error.code : error instanceof PinsLost ? 'PINS_LOST' : String(error)
  }
}

onEveryProvider((make, provider) => {
  for (const writes of ['statements', 'models'] as const) {
    describe(`by ${writes}`, () => {
      const dialect = dialectOf(provider)
      const open = async (way: Writes = writes) => {
        const registry = await make()
        const repo = await registry.open()
        const rows = rowsOf(repo.client, dialect, { transaction: false, writes: way, lone: true })
        const inside = (tx: PersistableTransaction): Rows => rowsOf(tx, dialect, { transaction: true, writes: way, lone: true })
        const transaction = <T>(run: (tx: PersistableTransaction) => Promise<T>): Promise<T> =>
          (repo.client as unknown as Transactions).$transaction(run, { maxWait: 30_000, timeout: 30_000 })
        return {
          registry,
          repo,
          rows,
          inside,
          transaction,
          query: queryOf(repo.client, dialect),
          blobs: blobsOf(repo.client, dialect, randomUUID, true),
        }
      }
      const scope = { project: 'p', type: 'T' }
      const versionsOf = async (query: ReturnType<typeof queryOf>, name: string) =>
        (await query.find(scope, { where: { name }, orderBy: { version: 'asc' } })).rows.map(({ version }) => version)
      const raw = (repo: Repository, sql: string) => rawOf(repo.client).$executeRawUnsafe(sql)

      test('a row comes back as it was given, with the next version of its name', async () => {
        const { rows, query } = await open()
        const given = newRow('n', { tags: { stage: 'a"b', clé: '' }, versionDescription: 'why', hasExternalFiles: true })
        const [inserted] = await rows.insert([given])
        const { edges: _e, blobs: _b, ...plain } = given
        expect(inserted).toEqual({ ...plain, version: 1, rowVersion: 1 })
        expect(await query.byId(scope, given.id)).toEqual(inserted)
        expect((await rows.insert([newRow('n')]))[0]?.version).toBe(2)
        expect((await rows.insert([newRow('other')]))[0]?.version).toBe(1)
        expect(await rows.insert([])).toEqual([])
      })

      test('many at once: in the order given, parents of each other, all or none', async () => {
        const { rows, query } = await open()
        const parent = newRow('b')
        const child = newRow('a', { edges: [edge(parent, null)], tags: { k: 'v' } })
        const inserted = await rows.insert([child, newRow('b'), parent, newRow('a')])
        expect(inserted.map(({ name, version }) => `${name}@${version}`)).toEqual(['a@1', 'b@1', 'b@2', 'a@2'])
        expect((await query.parents(child.id, 'of')).map(({ row, label }) => [row?.id, label])).toEqual([[parent.id, 'T/b@2']])
        expect((await query.byId(scope, child.id))?.tags).toEqual({ k: 'v' })
        const lost = newRow('gone')
        expect(await codeOf(rows.insert([newRow('c'), newRow('c', { edges: [edge(lost, 'T/gone@1')] })]))).toBe('NOT_FOUND')
        expect(await versionsOf(query, 'c')).toEqual([])
        expect((await rows.insert(upTo(1100).map((i) => newRow(`m${i % 3}`)))).map(({ version }) => version)).toEqual(
          upTo(1100).map((i) => Math.ceil(i / 3)),
        )
      })

      test('60 at once on one name, and on names in different orders: dense, none twice, no error', async () => {
        const { rows, query } = await open()
        const one = await Promise.all(upTo(60).map(() => rows.insert([newRow('one')])))
        expect(sorted(one.flat().map(({ version }) => version))).toEqual(upTo(60))
        const names = ['x', 'y', 'z']
        await Promise.all(upTo(20).map((i) => rows.insert((i % 2 === 0 ? names : [...names].reverse()).map((name) => newRow(name)))))
        for (const name of names) expect(await versionsOf(query, name)).toEqual(upTo(20))
      })

      test('next to the other way of writing: the same numbers', async () => {
        const { rows, query, repo } = await open()
        const other = rowsOf(repo.client, dialect, { transaction: false, writes: writes === 'models' ? 'statements' : 'models', lone: true })
        await Promise.all(upTo(40).map((i) => (i % 2 === 0 ? rows : other).insert([newRow('n')])))
        expect(await versionsOf(query, 'n')).toEqual(upTo(40))
      })

      test('rows put in past the counter do not stand in the way', async () => {
        const { rows, query, repo } = await open()
        const [first] = await rows.insert([newRow('n')])
        for (const version of [2, 4])
          await raw(
            repo,
            `INSERT INTO "persistables" SELECT 'by-hand-${version}' AS "id", "type", "registered_name", "project", "name", "author", ${version}, "version_description", "hash",
              "has_external_files", "filepaths", "metadata", "row_version", "created_at", "modified_at" FROM "persistables" WHERE "id" = '${first?.id}'`,
          )
        expect((await rows.insert([newRow('n'), newRow('n')])).map(({ version }) => version)).toEqual([5, 6])
        expect((await rows.insert([newRow('n')]))[0]?.version).toBe(7)
        expect(await versionsOf(query, 'n')).toEqual([1, 2, 4, 5, 6, 7])
      })

      test('an id that is there is refused, unless it may be from an attempt before', async () => {
        const { rows, query } = await open()
        const given = newRow('n', { tags: { k: 'v' } })
        const [inserted] = await rows.insert([given])
        expect(await codeOf(rows.insert([given]))).toBe('ALREADY_SAVED')
        expect(await codeOf(rows.insert([newRow('n'), given]))).toBe('ALREADY_SAVED')
        expect(await rows.insert([given], { maybeThere: true })).toEqual([inserted])
        expect((await rows.insert([newRow('n')], { maybeThere: true }))[0]?.version).toBe(2)
        expect(await versionsOf(query, 'n')).toEqual([1, 2])
      })

      test('pins that are gone: nothing is inserted', async () => {
        const { rows, query, blobs, repo } = await open()
        const blob = (n: number) => ({ store: 'disk', digest: String(n).repeat(64), size: 5 })
        await blobs.pin([blob(1), blob(2)])
        await rows.insert([newRow('n', { blobs: [blob(1), blob(1), blob(2)] })])
        // By models no clock is asked: what is live has not been removed.
        const lapsed = writes === 'models' ? [] : [`"state" = 'live', "pinned_until" = 5`, `"state" = 'live', "pinned_until" = NULL`]
        for (const change of [`"state" = 'condemned'`, `"state" = 'suspect'`, ...lapsed]) {
          await raw(repo, `UPDATE "persistable_blobs" SET ${change} WHERE "digest" = '${blob(2).digest}'`)
          expect(await codeOf(rows.insert([newRow('n', { blobs: [blob(1), blob(2)] })]))).toBe('PINS_LOST')
          expect(await codeOf(rows.insert([newRow('n'), newRow('n', { blobs: [blob(2)] })]))).toBe('PINS_LOST')
        }
        expect(await codeOf(rows.insert([newRow('n', { blobs: [blob(3)] })]))).toBe('PINS_LOST')
        expect(await versionsOf(query, 'n')).toEqual([1])
        expect((await rows.insert([newRow('n', { blobs: [blob(1)] })]))[0]?.version).toBe(2)
      })

      test('in a caller’s transaction: with it or not at all', async () => {
        const { rows, inside, transaction, query } = await open()
        const parent = newRow('n')
        await rows.insert([parent])
        const attempt = (undo: boolean) =>
          transaction(async (tx) => {
            const given = newRow('n', { edges: [edge(parent, 'T/n@1')], tags: { k: 'v' } })
            const inserted = [...(await inside(tx).insert([given])), ...(await inside(tx).insert([newRow('n'), newRow('m')]))]
            if (undo) throw new Undo()
            return inserted.map(({ name, version }) => `${name}@${version}`)
          })
        await expect(attempt(true)).rejects.toThrow(Undo)
        expect(await versionsOf(query, 'n')).toEqual([1])
        expect(await attempt(false)).toEqual(['n@2', 'n@3', 'm@1'])
        expect((await rows.insert([newRow('n')]))[0]?.version).toBe(4)
      })

      test('in a caller’s transaction, what is saved already says so, and not that the transaction should be retried', async () => {
        const { rows, inside, transaction } = await open()
        const given = newRow('n')
        await rows.insert([given])
        expect(await codeOf(transaction((tx) => inside(tx).insert([given])))).toBe('ALREADY_SAVED')
        expect(await codeOf(transaction((tx) => inside(tx).insert([newRow('n'), given])))).toBe('ALREADY_SAVED')
      })

      test('a draft that was changed after an attempt without an answer is not taken for what that saved', async () => {
        const { rows } = await open()
        const given = newRow('n', { tags: { k: 'v' } })
        await rows.insert([given])
        for (const changed of [
          { ...given, tags: { k: 'w' } },
          { ...given, metadata: { config: {}, state: { x: 2 } } },
          { ...given, hash: 'oh1:other' },
        ]) {
          expect(await codeOf(rows.insert([changed], { maybeThere: true }))).toBe('ALREADY_SAVED')
        }
      })

      test('deleting: the row, its tags and edges, never its number', async () => {
        const { rows, query, repo, inside, transaction } = await open()
        const parent = newRow('n')
        const child = newRow('c', { edges: [edge(parent, 'T/n@1')], tags: { k: 'v' } })
        const [inserted] = await rows.insert([parent])
        const [insertedChild] = await rows.insert([child])
        if (inserted === undefined || insertedChild === undefined) throw new Error('not inserted')
        expect(await codeOf(rows.remove(inserted, { force: false }))).toBe('IN_USE')
        expect(await rows.uses(parent.id)).toEqual({ children: ['T/c@1'], childCount: 1, aliases: [] })
        await transaction(async (tx) => {
          expect(await inside(tx).remove(insertedChild, { force: false })).toBe(true)
          throw new Undo()
        }).catch(() => {})
        expect(await query.byId(scope, child.id)).toEqual(insertedChild)
        expect(await rows.remove(inserted, { force: true })).toBe(true)
        expect((await query.parents(child.id, 'of')).map(({ row, label }) => [row, label])).toEqual([[null, 'T/n@1']])
        expect(await rows.remove(inserted, { force: true })).toBe(false)
        expect(await rows.remove(insertedChild, { force: false })).toBe(true)
        for (const table of ['persistables', 'persistable_edges', 'persistable_tags'])
          expect(Number((await rawOf(repo.client).$queryRawUnsafe<{ n: number }[]>(`SELECT count(*) AS n FROM "${table}"`))[0]?.n)).toBe(0)
        expect((await rows.insert([newRow('n')]))[0]?.version).toBe(2)
        expect((await rows.insert([newRow('c'), newRow('c')])).map(({ version }) => version)).toEqual([2, 3])
      })

      test('while the newest are deleted, numbers are still never used twice', async () => {
        const { rows, query } = await open()
        const given: number[] = []
        let removed = 0
        const save = async () => {
          for (let i = 0; i < 15; i++) {
            given.push(...(await rows.insert([newRow('n')])).map(({ version }) => version))
            const newest = i % 3 === 0 ? await query.byName(scope, 'n', 'latest') : null
            if (newest !== null && (await rows.remove(newest, { force: false }))) removed++
          }
        }
        await Promise.all([save(), save(), save(), save()])
        expect(sorted(given)).toEqual(upTo(60))
        expect(removed).toBeGreaterThan(0)
        expect(await versionsOf(query, 'n')).toHaveLength(60 - removed)
      })

      test('a version that is being made a parent is not deleted under its child', async () => {
        const { rows, query } = await open()
        for (let round = 0; round < 20; round++) {
          const parent = newRow(`p${round}`)
          const [inserted] = await rows.insert([parent])
          if (inserted === undefined) throw new Error('not inserted')
          const [saved, removed] = await Promise.all([
            codeOf(rows.insert([newRow(`c${round}`, { edges: [edge(parent, `T/p${round}@1`)] })])),
            codeOf(rows.remove(inserted, { force: false })),
          ])
          // One of them was first, and the other met it.
          expect([saved, removed].sort()).toEqual(saved === 'none' ? ['IN_USE', 'none'] : ['NOT_FOUND', 'none'])
          const [child] = (await query.find(scope, { where: { name: `c${round}` } })).rows
          if (child !== undefined) expect((await query.parents(child.id, 'of'))[0]?.row?.id).toBe(parent.id)
        }
      })
    })
  }
})
