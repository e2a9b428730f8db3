import { atomically, rawOf } from '../src/client'
import { figures } from './campaigns'
import type { TestRegistry } from './registries'
import { runWorker } from './workers'
import type { ManyAnswer, ManyTask } from './workers/many'

/** Verify and gc over that many rows of ten artifacts each, in processes of their own: all is found, in little memory. */
export const keepingMany = async (registry: TestRegistry, rows: number): Promise<void> => {
  const run = async (task: Pick<ManyTask, 'verb' | 'rows'>): Promise<ManyAnswer> => {
    const { answer } = await runWorker<ManyAnswer>('many', { url: registry.url, folder: registry.folder, ...task })
    if (answer === undefined || answer.failed !== undefined) throw new Error(answer?.failed ?? 'the worker gave no answer')
    figures(`${task.verb} of ${rows * 10} artifacts on ${registry.url.split(':')[0]}`, {
      'growth, MB': answer.growth,
      seconds: answer.seconds,
      'artifacts/s': (rows * 10) / answer.seconds,
    })
    return answer
  }
  await run({ verb: 'save', rows })
  const verified = await run({ verb: 'verify' })
  expect(verified.count).toBe(rows * 10)
  expect(verified.growth).toBeLessThan(150)
  const repo = await registry.open()
  const sql = (text: string) => atomically(rawOf(repo.client), [rawOf(repo.client).$queryRawUnsafe(text)])
  // Half of the rows go, and pins are over.
  await sql(`DELETE FROM persistables WHERE version % 2 = 0 RETURNING id`)
  await sql(`UPDATE persistable_blobs SET pinned_until = 1 RETURNING digest`)
  const collected = await run({ verb: 'gc' })
  expect(collected.count).toBe(rows * 10)
  expect(collected.growth).toBeLessThan(150)
  const left = await run({ verb: 'verify' })
  expect(left.count).toBe((rows * 10) / 2)
  expect(left.growth).toBeLessThan(150)
}
