import { fillRows } from '../scripts/bench/fill'
import { createRepository, type PersistableClient, persistable, typed } from '../src'
import { rawOf } from '../src/client'
import { onEveryProvider } from './registries'

class Run extends persistable('Run', { config: typed<{ i: number; optimizer: { name: string } }>(), state: typed<{ cost?: number }>() }) {}

/** As the README has them. */
const INDEXES = {
  sqlite: [
    `CREATE INDEX "run_i" ON "persistables" ("project", "type", json_extract("metadata", '$.config.i'))`,
    `CREATE INDEX "run_optimizer" ON "persistables" ("project", "type", json_extract("metadata", '$.config.optimizer.name'))`,
    `CREATE INDEX "paired_objects" ON "persistables" ("project", "type", instr("metadata", '"$":"object"'))`,
  ],
  postgresql: [
    `CREATE INDEX "run_i" ON "persistables" ("project", "type", ("metadata" -> 'config' -> 'i'))`,
    `CREATE INDEX "run_optimizer" ON "persistables" ("project", "type", ("metadata" -> 'config' -> 'optimizer' ->> 'name') COLLATE "C")`,
    `CREATE INDEX "paired_objects" ON "persistables" ("project", "type", strpos("metadata"::text, '"$": "object"'))`,
  ],
} as const

onEveryProvider((make, provider) => {
  test('conditions on config leave the index that drives a page alone, and an expression index of the user’s own is used', async () => {
    const opened = await (await make()).open({ types: [Run] })
    await fillRows(opened, provider, 'Run', 200, 100)
    const raw = rawOf(opened.client)
    const config = (json: string, i: string) =>
      provider === 'sqlite'
        ? `json_set(${json}, '$.config.i', ${i}, '$.config.optimizer', json_object('name', 'o' || (${i})))`
        : `jsonb_set(${json}, '{config}', jsonb_build_object('i', ${i}, 'optimizer', jsonb_build_object('name', 'o' || (${i}))))`
    await raw.$executeRawUnsafe(
      `UPDATE "persistables" SET "metadata" = ${config('"metadata"', `"version" * 200 + CAST(substr("name", 6) AS INTEGER)`)}`,
    )
    await raw.$executeRawUnsafe('ANALYZE')
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
    const repo = createRepository({ client, provider, types: [Run] })
    const plan = async (work: () => Promise<unknown>): Promise<string> => {
      asked.length = 0
      await work()
      const { text, values } = asked.at(-1)!
      const explain = provider === 'sqlite' ? 'EXPLAIN QUERY PLAN' : 'EXPLAIN'
      const rows = await raw.$queryRawUnsafe<Record<string, unknown>[]>(`${explain} ${text}`, ...values)
      return rows.map((row) => String(row['detail'] ?? row['QUERY PLAN'])).join('\n')
    }

    const where = { config: { i: { gte: 250, lt: 19_000 } }, state: { cost: { exists: false } } }
    const { cursor } = await repo.find(Run, { where, take: 50 })
    for (const page of [
      () => repo.find(Run, { where, take: 50 }),
      () => repo.find(Run, { where, take: 50, cursor }),
      () => repo.find({ where: { NOT: where }, take: 50 }),
      () => repo.find(Run, { where: { OR: [where, { tags: { stage: 'ok' } }] }, take: 50 }),
      () => repo.find(Run, { where: { ...where, name: 'name-7' }, orderBy: { version: 'desc' }, take: 5 }),
    ]) {
      const text = await plan(page)
      expect(text).toMatch(/_created_at_id_idx|_version_key/)
      expect(text).not.toMatch(
        provider === 'sqlite' ? /TEMP B-TREE FOR ORDER BY|SCAN p(?! USING)/ : /(?<!Incremental )Sort +\(|Seq Scan on persistables/,
      )
    }

    for (const index of INDEXES[provider]) await raw.$executeRawUnsafe(index)
    await raw.$executeRawUnsafe('ANALYZE')
    const cases: [string, () => Promise<readonly unknown[] | number>, number][] = [
      ['run_i', () => repo.find(Run, { where: { config: { i: 777 } } }), 1],
      ['run_i', () => repo.find(Run, { where: { config: { i: { in: [777, 778] } } } }), 2],
      ['run_i', () => repo.count(Run, { where: { config: { i: { gt: 20_190 } } } }), 9],
      ['run_i', () => repo.count(Run, { where: { config: { i: { gte: 300, lt: 310 } } } }), 10],
      ['run_optimizer', () => repo.find(Run, { where: { config: { optimizer: { name: 'o777' } } } }), 1],
      ['run_optimizer', () => repo.count(Run, { where: { config: { optimizer: { name: { gte: 'o777', lt: 'o778' } } } } }), 11],
    ]
    for (const [index, work, count] of cases) {
      const found = await work()
      expect(Array.isArray(found) ? found.length : found).toBe(count)
      const text = await plan(work)
      expect(text).toContain(index)
      expect(text).toContain('paired_objects')
    }
  })
})
