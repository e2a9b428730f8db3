import { figures } from './campaigns'
import { startS3Server } from './s3-server'
import { tempDir } from './support'
import { runWorker } from './workers'
import type { S3LargeAnswer, S3LargeTask } from './workers/s3-large'

/** Saves a stream of that many bytes to S3 and streams it back, in a process of its own: equal, each part once, and in little memory. */
export const toS3InLittleMemory = async (size: number): Promise<void> => {
  const server = await startS3Server({ folder: await tempDir() })
  try {
    const task: S3LargeTask = { folder: await tempDir(), endpoint: server.url, size }
    const { answer } = await runWorker<S3LargeAnswer>('s3-large', task)
    expect(answer?.failed).toBeUndefined()
    if (answer === undefined) throw new Error('the worker gave no answer')
    const { saved, read, size: count, ...measured } = answer
    figures(`${size / 2 ** 20} MiB to S3`, {
      'growth while saving, MB': measured.saveGrowth,
      'growth, MB': measured.growth,
      'saving, MB/s': size / 1e6 / measured.saveSeconds,
      'reading, MB/s': size / 1e6 / measured.readSeconds,
      seconds: measured.saveSeconds + measured.readSeconds,
    })
    expect([read, count]).toEqual([saved, size])
    expect(measured.growth).toBeLessThan(150)
    const parts = server.log.filter(({ operation }) => operation === 'UploadPart').map(({ part }) => part)
    expect(parts.sort((a = 0, b = 0) => a - b)).toEqual(Array.from({ length: Math.ceil(size / (8 << 20)) }, (_, i) => i + 1))
    expect(server.bucket.uploads.size).toBe(0)
  } finally {
    await server.close()
  }
}
