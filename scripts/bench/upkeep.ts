import { childRounds, type Rounds, runChild, told } from './child'
import type { Bench, Benchmark } from './figure'
import { fillArtifacts } from './fill-artifacts'

// One pass over 10^5 takes a minute or two, and says as much as several.
const SIZES = { quick: { artifacts: 1000, rounds: 2, warmup: 1 }, full: { artifacts: 100_000, rounds: 1, warmup: 0 } }
const QUICK = '(with --quick of 10^3)'

const TASKS = {
  verify: { bare: 'read', says: 'verify() of 10^5 artifacts, all intact, against a loop over the rows that reads and hashes their files' },
  gc: { bare: 'sweep', says: 'gc() of 10^5 artifacts, none to remove, against a set of the rows’ digests and a walk over the files' },
} as const

type Task = keyof typeof TASKS

// The same processes tell of time and of memory.
const rounds = (task: Task, { whole }: Bench): Promise<Rounds> =>
  whole.once(`upkeep/${task}`, async () => {
    const { artifacts, ...count } = SIZES[whole.quick ? 'quick' : 'full']
    const { url, files } = await whole.once('upkeep', () => fillArtifacts(whole, artifacts))
    const child = (work: string) => runChild('upkeep.mjs', work, url, files)
    return childRounds(
      count,
      () => child(task),
      () => child(TASKS[task].bare),
    )
  })

export const benchmarks: readonly Benchmark[] = (['verify', 'gc'] as const).flatMap((task): Benchmark[] => [
  {
    name: `upkeep/${task}`,
    says: `${TASKS[task].says}, on SQLite and a disk store ${QUICK}`,
    run: async (bench) => told('ms', task, TASKS[task].bare, await rounds(task, bench)),
  },
  {
    name: `memory/${task}`,
    says: `peak memory of the process of ${TASKS[task].says} ${QUICK}`,
    run: async (bench) => told('MiB', task, TASKS[task].bare, await rounds(task, bench)),
  },
])
