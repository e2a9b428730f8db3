import { onEveryProvider, type TestRegistry } from './registries'
import { quantile, runTogether } from './workers'
import { Base, Dataset, Note, TYPES } from './workers/models'
import type { SaveAnswer, SaveTask } from './workers/save'

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1)
const sorted = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b)

const campaign = async (registry: TestRegistry, workers: number, task: Pick<SaveTask, 'saves' | 'mixed' | 'at'>) => {
  const tasks = Array.from({ length: workers }, (_, worker): SaveTask => ({ url: registry.url, folder: registry.folder, worker, ...task }))
  const { answers, seconds } = await runTogether<SaveAnswer>('save', tasks)
  const all = <T>(of: (answer: SaveAnswer) => readonly T[]): T[] => answers.flatMap(of)
  const sum = (of: (answer: SaveAnswer) => number): number => answers.reduce((total, answer) => total + of(answer), 0)
  expect(answers.map(({ failed }) => failed).filter((failed) => failed !== undefined)).toEqual([])
  expect(all(({ errors }) => errors)).toEqual([])
  const times = all(({ milliseconds }) => milliseconds)
  const figures = {
    saves: all(({ versions }) => versions).length,
    seconds,
    perSecond: Math.round(times.length / seconds),
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    max: quantile(times, 1),
    reads: sum(({ reads }) => reads),
    rolledBack: sum(({ rolledBack }) => rolledBack),
    foreign: sum(({ foreign }) => foreign),
  }
  if (process.env['FIGURES']) console.error(JSON.stringify(figures))
  return { figures, versions: all(({ versions }) => versions), datasets: all(({ datasets }) => datasets) }
}

onEveryProvider((make) => {
  test('8 processes x 100 saves of one name, mixed with readers, rollbacks and others’ transactions', async () => {
    const registry = await make()
    const repo = await registry.open({ types: TYPES })
    const { versions, datasets, figures } = await campaign(registry, 8, { saves: 100, mixed: true })
    expect(sorted(versions)).toEqual(upTo(800 + figures.foreign))
    expect(sorted(datasets)).toEqual(upTo(160))
    const found = await repo.find(Note, { orderBy: { version: 'asc' } })
    expect(found.map(({ version }) => version)).toEqual(upTo(versions.length))
    expect(found.filter(({ config, tags }) => tags['i'] !== String(config.i) || tags['worker'] !== String(config.worker))).toEqual([])
    expect(new Set(found.map(({ config }) => `${config.worker}/${config.i}`)).size).toBe(versions.length)
    expect(await repo.count(Base)).toBe(8)
    for (const data of await repo.find(Dataset)) expect(await data.artifact('rows')).toEqual([{ i: data.config.i }])
  })
})
