import type { TestRegistry } from './registries'
import { quantile, runTogether } from './workers'
import { Base, Dataset, Note, TYPES } from './workers/models'
import type { SaveAnswer, SaveTask } from './workers/save'

/** 1…n. */
export const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1)
export const sorted = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b)

/** Prints measured values when the environment variable `FIGURES` is set. */
export const figures = (what: string, values: Readonly<Record<string, number>>): void => {
  if (process.env['FIGURES'] === undefined) return
  const shown = Object.entries(values).map(
    ([name, value]) => `${name} ${value >= 100 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)}`,
  )
  process.stderr.write(`${what}: ${shown.join(', ')}\n`)
}

/**
 * Workers that save one name at once. Fails unless every save got through, no caller met an error, the versions are 1…n, and every row is whole.
 *
 * @param options.saves of each worker
 */
export const saveTogether = async (
  registry: TestRegistry,
  workers: number,
  options: Pick<SaveTask, 'saves' | 'mixed' | 'at' | 'own'>,
): Promise<void> => {
  const repo = await registry.open({ types: TYPES })
  const tasks = upTo(workers).map((worker): SaveTask => ({ url: registry.url, folder: registry.folder, worker, ...options }))
  const { answers, seconds } = await runTogether<SaveAnswer>('save', tasks)
  const all = <T>(of: (answer: SaveAnswer) => readonly T[]): T[] => answers.flatMap(of)
  const sum = (of: (answer: SaveAnswer) => number): number => answers.reduce((total, answer) => total + of(answer), 0)
  expect(answers.map(({ failed }) => failed).filter((failed) => failed !== undefined)).toEqual([])
  expect(all(({ errors }) => errors)).toEqual([])
  expect(all(({ warnings }) => warnings)).toEqual([])
  const times = all(({ milliseconds }) => milliseconds)
  const versions = all((answer) => answer.versions)
  figures(`${workers} processes x ${options.saves}`, {
    saves: versions.length,
    seconds,
    'saves/s': times.length / seconds,
    'p50 ms': quantile(times, 0.5),
    'p99 ms': quantile(times, 0.99),
    'max ms': quantile(times, 1),
    reads: sum(({ reads }) => reads),
    'rolled back': sum(({ rolledBack }) => rolledBack),
    foreign: sum(({ foreign }) => foreign),
  })

  expect(versions.length).toBe(workers * options.saves + sum(({ foreign }) => foreign))
  expect(sorted(versions)).toEqual(upTo(versions.length))
  const notes = await repo.find(Note, { orderBy: { version: 'asc' } })
  expect(notes.map(({ version }) => version)).toEqual(upTo(versions.length))
  expect(new Set(notes.map(({ config }) => `${config.worker}/${config.i}`)).size).toBe(versions.length)
  expect(notes.filter(({ config, tags }) => tags['i'] !== String(config.i) || tags['worker'] !== String(config.worker))).toEqual([])
  const bases = new Map((await repo.find(Base)).map((base) => [base.config.of, base.id]))
  expect(bases.size).toBe(workers)
  for (const note of notes.filter((_, i) => i % 25 === 0)) expect((await note.parent('base')).id).toBe(bases.get(note.config.worker))
  if (!options.mixed) return
  expect(sum(({ rolledBack }) => rolledBack)).toBeGreaterThan(0)
  const datasets = await repo.find(Dataset, { orderBy: { version: 'asc' } })
  expect(sorted(all((answer) => answer.datasets))).toEqual(upTo(datasets.length))
  expect(datasets.map(({ version }) => version)).toEqual(upTo(datasets.length))
  for (const data of datasets) expect(await data.artifact('rows')).toEqual([{ i: data.config.i }])
}
