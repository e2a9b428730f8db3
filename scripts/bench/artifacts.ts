import { createHash } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { diskStore } from '../../src'
import { alternate } from './alternate'
import { type Bench, type Benchmark, roundsOf } from './figure'
import { open } from './registry'
import { blobPath, Dump, digestOf, durableCopy, MIB, sha256, sourceFile, streamOf } from './source-file'

const SIZES = [
  { label: '64MiB', size: 64 * MIB, rounds: { quick: 5, full: 21 } },
  { label: '1GiB', size: 1024 * MIB, rounds: { quick: 0, full: 7 } },
]

const registry = async (bench: Bench, size: number) => {
  const folder = await bench.folder()
  const files = join(folder, 'files')
  const { repo } = await open('sqlite', bench, { types: [Dump], stores: [diskStore(files)] })
  const source = await sourceFile(folder, size)
  return { repo, source, copy: join(folder, 'copy'), blobOf: (dump: Parameters<typeof digestOf>[0]) => blobPath(files, digestOf(dump)) }
}

const saving = SIZES.map(
  ({ label, size, rounds }): Benchmark => ({
    name: `artifact/save/${label}`,
    says: `save() of ${label} from a file stream through the disk store, against the slower of copy + fsync and node's sha256 of that file`,
    bar: 1.4,
    async run(bench) {
      const count = roundsOf(bench, rounds)
      const { repo, source, copy, blobOf } = await registry(bench, size)
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

const streaming = SIZES.map(
  ({ label, size, rounds }): Benchmark => ({
    name: `artifact/stream/${label}`,
    says: `stream() of a saved artifact of ${label}, verified, from the disk store, against node's sha256 of the stored file`,
    bar: 1.3,
    async run(bench) {
      const count = roundsOf(bench, rounds)
      const { repo, source, blobOf } = await registry(bench, size)
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
    const { repo, source, blobOf } = await registry(bench, MIB)
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

export const benchmarks: readonly Benchmark[] = [...saving, ...streaming, reading]
