import { alternate, type Contestant } from './alternate'
import { type Bench, type Benchmark, roundsOf } from './figure'
import { fillRows } from './fill'
import { open, PROVIDERS, Report } from './registry'

/** Versions among which is looked up, by what figures call their number. Each is compared with 10^3. */
export const COUNTS = { '10^4': 1e4, '10^5': 1e5, '10^6': 1e6 } as const

const VERSIONS = 1000

// Each name has as many versions in all of them, so that only the number of names differs.
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
  Object.entries(COUNTS).flatMap(([count, rows]) =>
    Object.entries(LOOKUPS).map(([name, { says, run }]) => ({
      name: `scale/${name}/${count}/${provider}`,
      says: `${says} among ${count} rows, against the same among 10^3`,
      bar: 1.5,
      async run(bench) {
        const rounds = roundsOf(bench, { quick: rows > 1e4 ? 0 : 40, full: 200 })
        const database = (of: number) => bench.whole.once(`scale/${provider}/${of}`, () => filled(provider, bench.whole, of))
        const [large, small] = [await database(rows), await database(1000)]
        let at = 0
        const among = (what: string, of: Filled): Contestant => ({
          what,
          async run(times) {
            for (let i = 0; i < times; i++) await run(of, at++)
          },
        })
        return alternate({ rounds, times: 5, ours: among(count, large), bare: among('10^3', small) })
      },
    })),
  ),
)
