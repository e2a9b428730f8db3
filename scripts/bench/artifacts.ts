import { rm } from 'node:fs/promises'
import type { Repository } from '../../src'
import { alternate } from './alternate'
import { type Benchmark, roundsOf } from './figure'
import { Dump, DumpFile, dumps, durableCopy, SIZES, sha256, streamOf } from './source-file'

const WAYS = [
  {
    name: 'save',
    says: 'from a file stream',
    save: (repo: Repository, path: string) => repo.save(new Dump({ name: 'dump', artifacts: { data: streamOf(path) } })),
  },
  {
    name: 'file',
    says: 'given by its path',
    save: (repo: Repository, path: string) => repo.save(new DumpFile({ name: 'dump', artifacts: { data: path } })),
  },
]

const saving = WAYS.flatMap((way) =>
  SIZES.map(
    ({ label, size, rounds }): Benchmark => ({
      name: `artifact/${way.name}/${label}`,
      says: `save() of ${label} ${way.says} through the disk store, against the slower of copy + fsync and node's sha256 of that file`,
      bar: 1.4,
      async run(bench) {
        const count = roundsOf(bench, rounds)
        const { repo, source, copy, blobOf } = await dumps(bench, size)
        let written: string | undefined
        return alternate({
          rounds: count,
          ours: {
            what: 'save',
            async before() {
              if (written !== undefined) await rm(written)
              await source.change()
            },
            async run() {
              written = blobOf(await way.save(repo, source.path))
            },
          },
          bare: [
            { what: 'copy + fsync', before: () => rm(copy, { force: true }), run: () => durableCopy(source.path, copy) as Promise<undefined> },
            { what: 'sha256', run: async () => void (await sha256(source.path)) },
          ],
        })
      },
    }),
  ),
)

const again = SIZES.map(
  ({ label, size, rounds }): Benchmark => ({
    name: `artifact/again/${label}`,
    says: `save() of a file of ${label} that did not change since the version before, against node's sha256 of it`,
    bar: 1.1,
    async run(bench) {
      const count = roundsOf(bench, rounds)
      const { repo, source } = await dumps(bench, size)
      const save = async (): Promise<void> => void (await repo.save(new DumpFile({ name: 'dump', artifacts: { data: source.path } })))
      await save()
      return alternate({
        rounds: count,
        ours: { what: 'save', run: save as () => Promise<undefined> },
        bare: { what: 'sha256', run: async () => void (await sha256(source.path)) },
      })
    },
  }),
)

export const benchmarks: readonly Benchmark[] = [...saving, ...again]
