import { childRounds, type Rounds, runChild, told } from './child'
import { type Bench, type Benchmark, roundsOf } from './figure'
import { fillArtifacts } from './fill-artifacts'
import { PROVIDERS } from './registry'

const COUNT = { quick: 1000, full: 100_000 }
const QUICK = '(with --quick of 10^3)'

const TASKS = {
  verify: { bare: 'read', says: 'verify() of 10^5 artifacts, all intact, against a loop over the rows that reads and hashes their files' },
  gc: { bare: 'sweep', says: 'gc() of 10^5 artifacts, none to remove, against a set of the rows’ digests and a walk over the files' },
} as const

type Task = keyof typeof TASKS

// The same processes tell of time and of memory.
const rounds = (provider: (typeof PROVIDERS)[number], task: Task, { whole }: Bench): Promise<Rounds> =>
  whole.once(`upkeep/${provider}/${task}`, async () => {
    const count = roundsOf(whole, { quick: 2, full: 3 })
    const { url, files } = await whole.once(`upkeep/${provider}`, () => fillArtifacts(provider, whole, whole.quick ? COUNT.quick : COUNT.full))
    const child = (work: string) => runChild('upkeep.mjs', work, url, files)
    return childRounds(
      count,
      () => child(task),
      () => child(TASKS[task].bare),
    )
  })

export const benchmarks: readonly Benchmark[] = PROVIDERS.flatMap((provider) =>
  (['verify', 'gc'] as const).flatMap((task): Benchmark[] => [
    {
      name: `upkeep/${task}/${provider}`,
      says: `${TASKS[task].says} ${QUICK}`,
      run: async (bench) => told('ms', task, TASKS[task].bare, await rounds(provider, task, bench)),
    },
    {
      name: `memory/${task}/${provider}`,
      says: `peak memory of the process of ${TASKS[task].says} ${QUICK}`,
      run: async (bench) => told('MiB', task, TASKS[task].bare, await rounds(provider, task, bench)),
    },
  ]),
)
