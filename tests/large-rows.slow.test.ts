import { figures } from './campaigns'
import { tempDir } from './support'
import { runWorker } from './workers'
import type { RowsAnswer, RowsTask } from './workers/rows'

test('a million rows, gzipped and as CSV, are saved from a generator and read one by one in under 150 MB of memory', async () => {
  const task: RowsTask = { folder: await tempDir(), rows: 1_000_000 }
  const { answer } = await runWorker<RowsAnswer>('rows', task)
  expect(answer?.failed).toBeUndefined()
  figures('a million rows twice', { 'content, MB': (answer?.size ?? 0) / 1e6, 'growth, MB': answer?.growth ?? 0 })
  expect([answer?.lines, answer?.table]).toEqual([1_000_000, 1_000_000])
  expect(answer?.growth).toBeLessThan(150)
}, 180_000)
