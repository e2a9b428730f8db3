import type { Writes } from '../src/rows'
import { sorted, upTo } from './campaigns'
import { type App, openApp } from './examples/app/open'
import { Dataset } from './examples/app/persistables/Dataset'
import { seededRandom } from './support'
import { runTogether, startWorker } from './workers'
import type { ColumnsAnswer, ColumnsTask } from './workers/columns'

type Provider = 'sqlite' | 'postgresql'

const withApp = async (provider: Provider, work: (app: App) => Promise<void>): Promise<void> => {
  const app = await openApp(provider)
  try {
    await work(app)
  } finally {
    await app.close()
  }
}

/** Every row has its columns, all columns their row, versions are dense. Gives rowCount by id. */
const check = async ({ repo, prisma }: App): Promise<ReadonlyMap<string, number>> => {
  const rows = await prisma.persistable.findMany({ select: { id: true, version: true } })
  const columns = await prisma.dataset.findMany({ select: { id: true, rowCount: true, source: true } })
  expect(columns.map(({ id }) => id).sort()).toEqual(rows.map(({ id }) => id).sort())
  expect(sorted(rows.map(({ version }) => version))).toEqual(upTo(rows.length))
  for (const { rowCount, source } of columns) expect(source).toBe(`w${Math.floor(rowCount / 1_000_000)}`)
  // Newest first: the first page is what a user sees.
  const seen = new Map(columns.map(({ id, rowCount }) => [id, rowCount]))
  for (const one of await repo.find(Dataset, { take: 50 })) expect(one.rowCount).toBe(seen.get(one.id))
  return seen
}

/** Processes that save to one name, with columns, alone and many at once, and update some. */
export const saveWithColumns = (provider: Provider, writes: Writes, { workers, saves }: { workers: number; saves: number }): Promise<void> =>
  withApp(provider, async (app) => {
    const tasks = upTo(workers).map((worker): ColumnsTask => ({ provider, url: app.url, files: app.files, worker, saves, writes }))
    const { answers } = await runTogether<ColumnsAnswer>('columns', tasks)
    expect(answers.flatMap(({ failed, errors }) => failed ?? errors)).toEqual([])
    const saved = answers.flatMap((answer) => answer.saved)
    expect(saved).toHaveLength(workers * (saves + Math.floor(saves / 4)))
    expect(await check(app)).toEqual(new Map(saved.map(([id, , rowCount]) => [id, rowCount])))
  })

/** Processes that save with columns until each is killed, at any moment: what was answered is there, and nothing is there by half. */
export const killWithColumns = (provider: Provider, writes: Writes, { workers, rounds }: { workers: number; rounds: number }): Promise<void> =>
  withApp(provider, async (app) => {
    const random = seededRandom()
    const answered = new Map<string, number>()
    for (let round = 0; round < rounds; round++) {
      const all = upTo(workers).map((i) => {
        const task: ColumnsTask = { provider, url: app.url, files: app.files, worker: round * workers + i, writes }
        // At any moment after its first save.
        let saving = false
        const onSaid = (fact: unknown): void => {
          if (saving || !('saved' in (fact as object))) return
          saving = true
          setTimeout(() => worker.kill(), random.int(700))
        }
        const worker = startWorker<ColumnsAnswer>('columns', task, { onSaid })
        return worker
      })
      await Promise.all(all.map(({ ready }) => ready))
      for (const worker of all) worker.go()
      for (const { signal, said, answer } of await Promise.all(all.map(({ done }) => done))) {
        expect([signal, answer]).toEqual(['SIGKILL', undefined])
        for (const { saved = [] } of said as { saved?: [string, number][] }[]) for (const [id, rowCount] of saved) answered.set(id, rowCount)
      }
      const there = await check(app)
      expect([...answered].filter(([id, rowCount]) => there.get(id) !== rowCount)).toEqual([])
    }
    expect(answered.size).toBeGreaterThan(0)
    // And it goes on.
    const next = await app.repo.save(
      new Dataset({ name: 'shared', config: { url: '0' }, artifacts: { rows: [] }, columns: { source: 'w0', rowCount: 1 } }),
    )
    expect(next.version).toBe((await check(app)).size)
  })
