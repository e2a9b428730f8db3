import { alternate, type Contestant } from './alternate'
import type { Bench, Benchmark } from './figure'
import { fillRows } from './fill'
import { open, PROVIDERS, Report } from './registry'

const VERSIONS = 1000

// Each name has as many versions in both, so that only the number of names differs.
const filled = async (provider: (typeof PROVIDERS)[number], bench: Bench, rows: number) => {
  const { repo } = await open(provider, bench)
  const names = rows / Math.min(VERSIONS, rows)
  await fillRows(repo, provider, 'Report', names, rows / names)
  return { repo, names, versions: rows / names }
}

type Filled = Awaited<ReturnType<typeof filled>>

const LOOKUPS: Readonly<Record<string, { says: string; run: (filled: Filled, i: number) => Promise<unknown> }>> = {
  latest: { says: 'load() of the latest version of a name', run: ({ repo, names }, i) => repo.load(Report, `name-${(i * 7919) % names}`) },
  version: {
    says: 'load() of one version',
    run: ({ repo, names, versions }, i) => repo.load(Report, `name-${(i * 7919) % names}@${((i * 104_729) % versions) + 1}`),
  },
  hash: {
    says: 'load() by hash',
    run: ({ repo, names, versions }, i) => repo.load(Report, { hash: `oh1:${((i * 7919) % (names * versions)).toString(16).padStart(64, '0')}` }),
  },
  page: { says: 'find() of the newest 50', run: ({ repo }) => repo.find(Report, { take: 50 }) },
}

export const benchmarks: readonly Benchmark[] = PROVIDERS.flatMap((provider) =>
  Object.entries(LOOKUPS).map(([name, { says, run }]) => ({
    name: `scale/${name}/${provider}`,
    says: `${says} among 10^6 rows, against the same among 10^3 (with --quick among 10^5)`,
    bar: 1.5,
    async run(bench) {
      const [large, small] = [await database(provider, bench.quick ? 1e5 : 1e6), await database(provider, 1000)]
      let at = 0
      const among = (what: string, of: Filled): Contestant => ({
        what,
        async run(times) {
          for (let i = 0; i < times; i++) await run(of, at++)
        },
      })
      return alternate({
        rounds: bench.quick ? 40 : 200,
        times: 5,
        ours: among(bench.quick ? '10^5' : '10^6', large),
        bare: among('10^3', small),
      })

      // Filled once for all lookups.
      function database(of: typeof provider, rows: number): Promise<Filled> {
        const key = `${of}/${rows}`
        const known = made.get(key) ?? filled(of, bench.whole, rows)
        made.set(key, known)
        return known
      }
    },
  })),
)

const made = new Map<string, Promise<Filled>>()
