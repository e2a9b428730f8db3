import { join } from 'node:path'
import { openRepository } from '../src'
import type { Repository } from '../src/contract'
import type { OpenOptions } from '../src/open'
import { createDatabase } from './postgres'
import { tempDir } from './support'

/** A registry of its own for one test: open it as often as needed, also from other processes. */
export interface TestRegistry {
  readonly url: string
  /** folder of its default disk store and of whatever else the test keeps */
  readonly folder: string
  /** Opens it; closed after the test. */
  open(options?: OpenOptions): Promise<Repository>
  /** what was warned about, by all that were opened without a logger of their own */
  readonly warnings: string[]
}

export const PROVIDERS = ['sqlite', 'postgresql'] as const

/**
 * The same tests on both databases. `make()` gives each test a registry of its own.
 *
 * @example
 * onEveryProvider((make) => { test('saves', async () => { const repo = await (await make()).open() … }) })
 */
export const onEveryProvider = (tests: (make: () => Promise<TestRegistry>, provider: (typeof PROVIDERS)[number]) => void): void => {
  for (const provider of PROVIDERS) {
    describe(provider, () => {
      const opened: Repository[] = []
      const dropped: (() => Promise<void>)[] = []
      afterEach(async () => {
        await Promise.all(opened.splice(0).map((repo) => repo.close()))
        await Promise.all(dropped.splice(0).map((drop) => drop()))
      })
      tests(async () => {
        const folder = await tempDir()
        const database = provider === 'sqlite' ? { url: `file:${join(folder, 'registry.db')}`, drop: async () => {} } : await createDatabase()
        dropped.push(database.drop)
        const warnings: string[] = []
        const { diskStore } = await import('../src')
        return {
          url: database.url,
          folder,
          warnings,
          open: async (options = {}) => {
            const logger = { warn: (message: string) => void warnings.push(message) }
            const repo = await openRepository({ url: database.url, stores: [diskStore(join(folder, 'files'))], logger, author: 'tester', ...options })
            opened.push(repo)
            return repo
          },
        }
      }, provider)
    })
  }
}
