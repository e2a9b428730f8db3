import { type Recorder, recorder } from '../scripts/bench/recorder'
import { createRepository, persistable, typed } from '../src'
import { KEPT } from '../src/prepared'
import { onEveryProvider } from './registries'

class Report extends persistable('Report', { config: typed<{ rate: number }>() }) {}
class Summary extends persistable('Summary', { parents: { report: Report } }) {}

const types = [Report, Summary]
const report = (name = 'q3'): Report => new Report({ name, config: { rate: 1 } })
const TAGS = { stage: 'raw', team: 'penguins' }

/** What a statement does to which tables, without what is inside of parentheses; `WITH` names all that it inserts. */
const kindOf = (text: string): string => {
  const named = text
    .replace(KEPT, '')
    .replaceAll(/[`"]/g, '')
    .replaceAll(/\b(public|main)\./g, '')
  if (named.startsWith('WITH')) return `WITH ${[...named.matchAll(/\bINSERT INTO (\w+)/g)].map(([, table]) => table).join(', ')}`
  let outer = named
  for (let before = ''; before !== outer; ) [before, outer] = [outer, outer.replaceAll(/\([^()]*\)/g, '')]
  const [, verb, table] = /^(INSERT|UPDATE|SELECT)(?: INTO|.*? FROM)? (\w+)/.exec(outer) ?? []
  return verb === undefined ? outer : `${verb} ${table}`
}

let watching: Recorder
beforeAll(() => void (watching = recorder()))
afterAll(() => watching.stop())
const kinds = async (work: () => Promise<unknown>): Promise<string[]> => (await watching.record(work)).map(kindOf)

onEveryProvider((make, provider) => {
  const sqlite = provider === 'sqlite'
  const open = async () => (await make()).open({ types })
  const [counters, rows, edges, tags] = ['persistable_counters', 'persistables', 'persistable_edges', 'persistable_tags']
  // What the connection adds to a transaction: on SQLite the adapter's own beginning is ended for one that takes the lock at once.
  const within = (...statements: string[]): string[] => [...(sqlite ? ['BEGIN', 'ROLLBACK', 'BEGIN IMMEDIATE'] : ['BEGIN']), ...statements, 'COMMIT']

  test('a save without artifacts is one statement, of a new name too, and so is saveMany', async () => {
    const repo = await open()
    const one = [sqlite ? `INSERT ${rows}` : `WITH ${counters}, ${rows}`]
    expect(await kinds(() => repo.save(report()))).toEqual(one)
    expect(await kinds(() => repo.save(report()))).toEqual(one)
    expect(await kinds(() => repo.saveMany([report(), report('q4')]))).toEqual(one)
  })

  test('a save with a parent and tags is one statement, on SQLite one batch', async () => {
    const repo = await open()
    const parent = await repo.save(report())
    const batch = sqlite ? within(`INSERT ${rows}`, `INSERT ${edges}`, `INSERT ${tags}`) : [`WITH ${counters}, ${rows}, ${edges}, ${tags}`]
    expect(await kinds(() => repo.save(new Summary({ parents: { report: parent }, tags: TAGS })))).toEqual(batch)
    expect(await kinds(() => repo.save(new Summary({ parents: { report: 'q3' }, tags: TAGS })))).toEqual([`SELECT ${rows}`, ...batch])
  })

  test('on a client of the caller a save is one statement, on SQLite in a batch with nothing else to write', async () => {
    const repo = createRepository({ client: (await open()).client, types })
    expect(await kinds(() => repo.save(report()))).toEqual(sqlite ? within(`INSERT ${rows}`, 'SELECT 1') : [`WITH ${counters}, ${rows}`])
  })

  test('a save by models is a transaction of as few statements as can give a version', async () => {
    const repo = createRepository({ client: (await open()).client, types, writes: 'models' })
    const [update, insert, select, newest] = [`UPDATE ${counters}`, `INSERT ${counters}`, `SELECT ${counters}`, `SELECT ${rows}`]
    expect(await kinds(() => repo.save(report()))).toEqual(within(update, insert, select, newest, `INSERT ${rows}`))
    const parent = await repo.load(Report, 'q3')
    expect(await kinds(() => repo.save(report()))).toEqual(within(update, select, newest, `INSERT ${rows}`))
    const summary = new Summary({ parents: { report: parent }, tags: TAGS })
    expect(await kinds(() => repo.save(summary))).toEqual(
      within(update, insert, select, newest, `INSERT ${rows}`, `INSERT ${edges}`, `INSERT ${tags}`),
    )
  })

  test('a load is one statement, whichever way a version is named', async () => {
    const repo = await open()
    const { id, hash } = await repo.save(report())
    for (const ref of ['q3', 'q3@1', 'q3@latest', { id }, { hash }]) expect(await kinds(() => repo.load(Report, ref))).toEqual([`SELECT ${rows}`])
    expect(await kinds(() => repo.load('Report/q3'))).toEqual([`SELECT ${rows}`])
    expect(await kinds(() => repo.tryLoad(Report, 'q5'))).toEqual([`SELECT ${rows}`])
  })
})
