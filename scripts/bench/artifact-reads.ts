import { createHash } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { alternate } from './alternate'
import { type Benchmark, roundsOf } from './figure'
import { Dump, dumps, MIB, SIZES, sha256, streamOf } from './source-file'

const streaming = SIZES.map(
  ({ label, size, rounds }): Benchmark => ({
    name: `artifact/stream/${label}`,
    says: `stream() of a saved artifact of ${label}, verified, from the disk store, against node's sha256 of the stored file`,
    bar: 1.3,
    async run(bench) {
      const count = roundsOf(bench, rounds)
      const { repo, source, blobOf } = await dumps(bench, size)
      const saved = await repo.save(new Dump({ name: 'dump', artifacts: { data: streamOf(source.path) } }))
      await rm(source.path)
      const dump = await repo.load(Dump, { id: saved.id })
      return alternate({
        rounds: count,
        ours: {
          what: 'stream',
          async run() {
            let seen = 0
            for await (const chunk of dump.stream('data')) seen += chunk.byteLength
            if (seen !== size) throw new Error(`${seen} of ${size} bytes were read`)
          },
        },
        bare: { what: 'sha256', run: async () => void (await sha256(blobOf(saved))) },
      })
    },
  }),
)

const reading: Benchmark = {
  name: 'artifact/read/1MiB',
  says: 'load() of a version and artifact() of its 1 MiB, verified, from the disk store, against readFile and sha256 of the stored file',
  async run(bench) {
    const { repo, source, blobOf } = await dumps(bench, MIB)
    const saved = await repo.save(new Dump({ name: 'dump', artifacts: { data: streamOf(source.path) } }))
    const path = blobOf(saved)
    return alternate({
      rounds: roundsOf(bench, { quick: 30, full: 200 }),
      times: 5,
      ours: {
        what: 'load + artifact',
        async run(times) {
          for (let i = 0; i < times; i++) await (await repo.load(Dump, 'dump')).artifact('data')
        },
      },
      bare: {
        what: 'readFile + sha256',
        async run(times) {
          for (let i = 0; i < times; i++)
            createHash('sha256')
              .update(await readFile(path))
              .digest('hex')
        },
      },
    })
  },
}

export const benchmarks: readonly Benchmark[] = [...streaming, reading]
