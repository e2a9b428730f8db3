import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Random, seededNumbers } from './seeded'

export type { Random } from './seeded'

declare global {
  /** Full names, as in `expect.getState().currentTestName`. Set by tests/environment.ts. */
  var failedTests: readonly string[]
}

const folders: { readonly path: string; readonly test: string | undefined }[] = []
const seeds = new Set<number>()

afterAll(async () => {
  const failed = globalThis.failedTests
  const kept = folders.filter(({ test }) => failed.length > 0 && (test === undefined || failed.includes(test)))
  await Promise.all(folders.filter((each) => !kept.includes(each)).map(({ path }) => rm(path, { recursive: true, force: true, maxRetries: 3 })))
  if (failed.length > 0 && seeds.size > 0) console.error(`To have the same random values again: SEED=${[...seeds].join(' or SEED=')}`)
  if (kept.length > 0) console.error(`Kept for a look, because a test failed:\n  ${kept.map(({ path }) => path).join('\n  ')}`)
})

/**
 * A new empty folder, removed after the last test of the file, unless the test that asked for it (or, asked for outside of one, any test) failed: then it is
 * kept, and its path printed.
 *
 * @example
 * const store = diskStore(await tempDir())
 */
export const tempDir = async (): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), 'persistables-test-'))
  folders.push({ path, test: expect.getState().currentTestName })
  return path
}

/**
 * Random numbers that can be had again (mulberry32): begun with the environment variable `SEED`, or with a
 * seed that is printed when a test of the file fails.
 *
 * @example
 * const random = seededRandom()
 * fc.assert(property, { seed: random.seed })
 */
export const seededRandom = (seed: number = Number(process.env['SEED'] ?? randomInt(2 ** 31))): Random => {
  seeds.add(seed)
  return seededNumbers(seed)
}
