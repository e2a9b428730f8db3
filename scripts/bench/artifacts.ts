import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, open as openFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { artifact, bytes, diskStore, persistable } from '../../src'
import { alternate, type Contestant } from './alternate'
import { type Bench, type Benchmark, CannotMeasure } from './figure'
import { open } from './registry'

class Dump extends persistable('Dump', { artifacts: { data: artifact(bytes().to('disk')) } }) {}

const MIB = 2 ** 20
const SIZES = [
  { label: '64MiB', size: 64 * MIB, quick: 5, full: 21 },
  { label: '1GiB', size: 1024 * MIB, quick: 0, full: 7 },
]

const sha256 = async (path: string): Promise<string> => {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: MIB })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** A file of random bytes, and a way to make it another one, so that no store has its content already. */
const sourceFile = async (bench: Bench, size: number): Promise<{ path: string; folder: string; change: () => Promise<void> }> => {
  const folder = await bench.folder()
  const path = join(folder, 'source')
  const file = await openFile(path, 'w')
  for (let at = 0; at < size; at += MIB) await file.write(randomBytes(MIB))
  await file.sync()
  await file.close()
  return {
    path,
    folder,
    async change() {
      const again = await openFile(path, 'r+')
      await again.write(randomBytes(16), 0, 16, 0)
      await again.sync()
      await again.close()
    },
  }
}

/** The disk store's path of a digest: where the bare counterpart reads, and what makes room after a round. */
const blobPath = (files: string, digest: string): string => join(files, 'sha256', digest.slice(0, 2), digest.slice(2, 4), digest.slice(4))

const hashing = (path: () => string): Contestant => ({ what: 'sha256', run: async () => void (await sha256(path())) })

const registry = async (bench: Bench) => {
  const files = join(await bench.folder(), 'files')
  const { repo } = await open('sqlite', bench, { types: [Dump], stores: [diskStore(files)] })
  const digestOf = (dump: { filepaths: Readonly<Record<string, object>> }): string =>
    (Object.values(dump.filepaths['data'] ?? {})[0] as { digest: string }).digest
  return { repo, blobOf: (dump: { filepaths: Readonly<Record<string, object>> }) => blobPath(files, digestOf(dump)) }
}

const roundsOf = (bench: Bench, { quick, full }: { quick: number; full: number }): number => {
  const rounds = bench.quick ? quick : full
  if (rounds === 0) throw new CannotMeasure('only the full run takes the minutes that this needs: leave --quick out')
  return rounds
}

const saving = SIZES.map(
  ({ label, size, ...rounds }): Benchmark => ({
    name: `artifact/save/${label}`,
    says: `save() of ${label} from a file stream through the disk store, against the slower of copy + fsync and node's sha256 of that file`,
    bar: 1.4,
    async run(bench) {
      const count = roundsOf(bench, rounds)
      const source = await sourceFile(bench, size)
      const { repo, blobOf } = await registry(bench)
      const copy = join(source.folder, 'copy')
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
            const data = createReadStream(source.path, { highWaterMark: MIB })
            written = blobOf(await repo.save(new Dump({ name: 'dump', artifacts: { data } })))
          },
        },
        bare: [
          {
            what: 'copy + fsync',
            before: () => rm(copy, { force: true }),
            async run() {
              await copyFile(source.path, copy)
              const file = await openFile(copy, 'r+')
              await file.sync()
              await file.close()
            },
          },
          hashing(() => source.path),
        ],
      })
    },
  }),
)

const reading = SIZES.map(
  ({ label, size, ...rounds }): Benchmark => ({
    name: `artifact/stream/${label}`,
    says: `stream() of a saved artifact of ${label}, verified, from the disk store, against node's sha256 of the stored file`,
    bar: 1.3,
    async run(bench) {
      const count = roundsOf(bench, rounds)
      const source = await sourceFile(bench, size)
      const { repo, blobOf } = await registry(bench)
      const saved = await repo.save(new Dump({ name: 'dump', artifacts: { data: createReadStream(source.path, { highWaterMark: MIB }) } }))
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
        bare: hashing(() => blobOf(saved)),
      })
    },
  }),
)

export const benchmarks: readonly Benchmark[] = [...saving, ...reading]
