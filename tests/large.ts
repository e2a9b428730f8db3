import { figures } from './campaigns'
import { tempDir } from './support'
import { runWorker } from './workers'
import type { LargeAnswer, LargeTask } from './workers/large'

/** Saves a stream of that many bytes and streams it back, in a process of its own: equal, and in little memory. */
export const throughLittleMemory = async (size: number, options: Pick<LargeTask, 'twice'> = {}): Promise<void> => {
  const task: LargeTask = { folder: await tempDir(), size, ...options }
  const { answer } = await runWorker<LargeAnswer>('large', task)
  expect(answer?.failed).toBeUndefined()
  if (answer === undefined) throw new Error('the worker gave no answer')
  const { saved, read, recorded, size: count, ...measured } = answer
  figures(`${size / 2 ** 20} MiB${options.twice ? ' to two stores' : ''}`, {
    'growth while saving, MB': measured.saveGrowth,
    'growth, MB': measured.growth,
    'saving, MB/s': size / 1e6 / measured.saveSeconds,
    'reading, MB/s': size / 1e6 / measured.readSeconds,
    seconds: measured.saveSeconds + measured.readSeconds,
  })
  expect([read, recorded, count]).toEqual([saved, saved, size])
  expect(measured.growth).toBeLessThan(150)
}
