import { randomBytes } from 'node:crypto'
import { artifact, bytes, diskStore, persistable, typed } from '../../src'
import { alternate } from './alternate'
import { type Bench, type Benchmark, roundsOf } from './figure'
import { glued } from './glued'
import { CONFIG, open, PROVIDERS } from './registry'

const SIZE = 64 * 1024

class Dump extends persistable('Dump', { config: typed<typeof CONFIG>(), artifacts: { data: artifact(bytes().to('disk')) } }) {}

const TAGS = { stage: 'raw', team: 'penguins' }

const JOB = 'a job from end to end: save a version with 64 KiB and two tags, the next version, load the latest with its bytes, checked'

const against = async (bench: Bench, provider: (typeof PROVIDERS)[number], durable: boolean) => {
  const folder = await bench.folder()
  const { repo, prisma } = await open(provider, bench, { types: [Dump], stores: [diskStore(`${folder}/ours`)] })
  const { save, latest } = glued(prisma, `${folder}/glued`, { durable })
  const check = (version: number, content: Uint8Array, expected: Uint8Array): void => {
    if (version !== 2 || Buffer.compare(content, expected) !== 0) throw new Error('it loaded something else than it saved')
  }
  return alternate({
    rounds: roundsOf(bench, { quick: 20, full: 150 }),
    ours: {
      what: 'registry',
      async run(_, round) {
        const [one, two] = [randomBytes(SIZE), randomBytes(SIZE)]
        const first = await repo.save(new Dump({ name: `ours-${round}`, config: CONFIG, artifacts: { data: one }, tags: TAGS }))
        await repo.save(first.next({ artifacts: { data: two }, tags: TAGS }))
        const loaded = await repo.load(Dump, `ours-${round}`)
        check(loaded.version, await loaded.artifact('data'), two)
      },
    },
    bare: {
      what: 'glued',
      async run(_, round) {
        const [one, two] = [randomBytes(SIZE), randomBytes(SIZE)]
        const entry = { name: `glued-${round}`, config: CONFIG, tags: TAGS }
        await save({ ...entry, content: one })
        await save({ ...entry, content: two })
        const loaded = await latest(entry.name)
        check(loaded.version, loaded.content, two)
      },
    },
  })
}

export const benchmarks: readonly Benchmark[] = PROVIDERS.flatMap((provider): Benchmark[] => [
  {
    name: `job/${provider}`,
    says: `${JOB}; against Prisma + flydrive + object-hash glued by hand, with the fsyncs that make its files as safe`,
    run: (bench) => against(bench, provider, true),
  },
  {
    name: `job/unsafe/${provider}`,
    says: `${JOB}; against the same glued code without fsync, as flydrive leaves it: a power cut loses its files`,
    run: (bench) => against(bench, provider, false),
  },
])
