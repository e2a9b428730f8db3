import { alternate } from './alternate'
import { runChild } from './child'
import { type Benchmark, roundsOf } from './figure'
import { open } from './registry'

export const benchmarks: readonly Benchmark[] = [
  {
    name: 'cold/sqlite',
    says: 'a new process: import, open and first save(), against import of the bare Prisma client and first create, on SQLite',
    bar: 1.3,
    async run(bench) {
      const { url } = await open('sqlite', bench)
      return alternate({
        rounds: roundsOf(bench, { quick: 5, full: 31 }),
        // Both find their files in the system's cache.
        warmup: 2,
        ours: { what: 'registry', run: async () => (await runChild('cold-registry.mjs', url)).ms },
        bare: { what: 'Prisma client', run: async (_, round) => (await runChild('cold-bare.mjs', url, String(round + 1))).ms },
      })
    },
  },
]
