import type { Writes } from '../src/rows'
import { figures, sorted, upTo } from './campaigns'
import type { TestRegistry } from './registries'
import { quantile, runTogether } from './workers'
import type { ChurnAnswer, ChurnTask } from './workers/churn'
import { Note, TYPES } from './workers/models'

/**
 * Processes that save, with parents and tags, in transactions that commit and in some that roll back, while each deletes the newest versions. Fails unless no
 * caller met an error, and versions are dense as they were given and none was given twice.
 */
export const churn = async (registry: TestRegistry, options: { workers: number; saves: number; names: number; writes: Writes }): Promise<void> => {
  const repo = await registry.open({ types: TYPES })
  const { workers, ...rest } = options
  const tasks = upTo(workers).map((worker): ChurnTask => ({ url: registry.url, folder: registry.folder, worker, ...rest }))
  const { answers, seconds } = await runTogether<ChurnAnswer>('churn', tasks)
  expect(answers.flatMap(({ failed }) => failed ?? [])).toEqual([])
  expect(answers.flatMap(({ errors }) => errors)).toEqual([])
  const saved = answers.flatMap((answer) => answer.saved)
  const deleted = answers.flatMap((answer) => answer.deleted)
  const times = answers.flatMap(({ milliseconds }) => milliseconds)
  figures(`${workers} processes x ${options.saves} over ${options.names} names by ${options.writes}`, {
    'saves/s': times.length / seconds,
    'p50 ms': quantile(times, 0.5),
    'p99 ms': quantile(times, 0.99),
    deleted: deleted.length,
    'rolled back': answers.reduce((sum, { rolledBack }) => sum + rolledBack, 0),
  })
  expect(saved).toHaveLength(workers * options.saves)
  expect(new Set(deleted).size).toBe(deleted.length)
  expect(deleted.length).toBeGreaterThan(0)
  const byName = new Map<string, (typeof saved)[number][]>()
  for (const one of saved) byName.set(one[0], [...(byName.get(one[0]) ?? []), one])
  expect(byName.size).toBe(Math.min(options.names, saved.length))
  for (const given of byName.values()) expect(sorted(given.map(([, version]) => version))).toEqual(upTo(given.length))
  const there = await repo.find(Note)
  const gone = new Set(deleted)
  expect(there.map(({ id }) => id).sort()).toEqual(
    saved
      .map(([, , id]) => id)
      .filter((id) => !gone.has(id))
      .sort(),
  )
  for (const note of there) expect(saved.find(([, , id]) => id === note.id)?.slice(0, 2)).toEqual([note.name, note.version])
  // And none is given again.
  for (const [name, given] of [...byName].slice(0, 5)) {
    const next = await repo.save(new Note({ name, config: { worker: 0, i: -1 }, parents: { base: `base-1` } }))
    expect(next.version).toBe(given.length + 1)
  }
}
