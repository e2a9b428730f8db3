import { fillRows } from '../scripts/bench/fill'
import { createRepository, type PersistableClient, persistable, typed } from '../src'
import { rawOf } from '../src/client'
import { onEveryProvider } from './registries'

class Dataset extends persistable('Dataset', { config: typed<{ i: number }>() }) {}

onEveryProvider((make, provider) => {
  test('lookups and first pages use an index, and touch no table from end to end', async () => {
    const opened = await (await make()).open({ types: [Dataset] })
    await fillRows(opened, provider, 'Dataset', 200, 100)
    const asked: { text: string; values: unknown[] }[] = []
    const client = new Proxy(opened.client, {
      get(target, key) {
        const member: unknown = Reflect.get(target, key)
        if (key !== '$queryRawUnsafe') return typeof member === 'function' ? (member as (...args: unknown[]) => unknown).bind(target) : member
        return (text: string, ...values: unknown[]) => {
          asked.push({ text, values })
          return rawOf(target).$queryRawUnsafe(text, ...values)
        }
      },
    }) as PersistableClient
    const repo = createRepository({ client, provider, types: [Dataset] })
    const plan = async (work: () => Promise<unknown>): Promise<string[]> => {
      asked.length = 0
      await work()
      const plans: string[] = []
      for (const { text, values } of asked.splice(0)) {
        const explain = provider === 'sqlite' ? 'EXPLAIN QUERY PLAN' : 'EXPLAIN'
        const rows = await rawOf(opened.client).$queryRawUnsafe<Record<string, unknown>[]>(`${explain} ${text}`, ...values)
        plans.push(rows.map((row) => String(row['detail'] ?? row['QUERY PLAN'])).join('\n'))
      }
      return plans
    }
    const { hash, id } = await repo.load(Dataset, 'name-7@5')
    const first = await repo.find(Dataset, { take: 50 })
    const cursor = (await repo.find(Dataset, { take: 50, cursor: first.cursor })).cursor
    const cases: Record<string, () => Promise<unknown>> = {
      latest: () => repo.load(Dataset, 'name-7'),
      version: () => repo.load(Dataset, 'name-7@5'),
      id: () => repo.load(Dataset, { id }),
      hash: () => repo.load(Dataset, { hash }),
      'hash of any type': () => repo.load({ hash }),
      'newest page': () => repo.find(Dataset, { take: 50 }),
      'newest page of all types': () => repo.find({ take: 50 }),
      'a later page': () => repo.find(Dataset, { take: 50, cursor }),
      'versions of a name': () => repo.versions(Dataset, 'name-7'),
      'newest of a name, by where': () => repo.find(Dataset, { where: { name: 'name-7' }, latest: true }),
      save: () => repo.save(new Dataset({ name: 'name-7', config: { i: 1 } })),
    }
    const scanned: Record<string, string> = {}
    for (const [what, work] of Object.entries(cases)) {
      for (const text of await plan(work)) {
        // A table from end to end; or, where a page is a part of many rows, all of them sorted for it.
        const scan = provider === 'sqlite' ? /SCAN (p|persistables)(?! USING)/ : /Seq Scan on persistables/
        const sort = provider === 'sqlite' ? /TEMP B-TREE FOR ORDER BY/ : /(?<!Incremental )Sort +\(/
        if (scan.test(text) || (/page/.test(what) && sort.test(text))) scanned[what] = text
      }
    }
    expect(scanned).toEqual({})
    // It begins behind what was seen also among many rows of one moment, and does not pass over them.
    const [later] = await plan(() => repo.find(Dataset, { take: 50, cursor }))
    expect(later).toMatch(provider === 'sqlite' ? /INDEX \w+ \(.*\(created_at,id\)<\(/ : /Index Cond: .*ROW\(created_at, id\) < ROW/)
  })
})
