import { rm } from 'node:fs/promises'
import { alternate } from './alternate'
import { type Benchmark, roundsOf } from './figure'
import { Dump, dumps, durableCopy, SIZES, sha256, streamOf } from './source-file'

export const benchmarks: readonly Benchmark[] = SIZES.map(
  ({ label, size, rounds }): Benchmark => ({
    name: `artifact/save/${label}`,
    says: `save() of ${label} from a file stream through the disk store, against the slower of copy + fsync and node's sha256 of that file`,
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
            written = blobOf(await repo.save(new Dump({ name: 'dump', artifacts: { data: streamOf(source.path) } })))
          },
        },
        bare: [
          { what: 'copy + fsync', before: () => rm(copy, { force: true }), run: () => durableCopy(source.path, copy) as Promise<undefined> },
          { what: 'sha256', run: async () => void (await sha256(source.path)) },
        ],
      })
    },
  }),
)
