import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { startFauxqs } from '../../tests/fauxqs'
import { childRounds, type Rounds, runChild, told } from './child'
import { type Bench, type Benchmark, CannotMeasure, roundsOf } from './figure'
import { open } from './registry'
import { MIB, sourceFile } from './source-file'

const SIZES = { disk: { quick: 32 * MIB, full: 1024 * MIB }, s3: { quick: 32 * MIB, full: 256 * MIB } }
const QUICK = '(with --quick of 32 MiB)'

const startS3 = async (bench: Bench): Promise<string> => {
  const server = await startFauxqs().catch((error: unknown) => {
    throw new CannotMeasure(`no S3 server here: ${error instanceof Error ? error.message : String(error)}`)
  })
  bench.after(() => server.stop())
  return server.url
}

// The same processes tell of time and of memory.
const rounds = (kind: keyof typeof SIZES, bench: Bench): Promise<Rounds> =>
  bench.whole.once(`large/${kind}`, async () => {
    const count = { rounds: roundsOf(bench, { quick: 2, full: 3 }), warmup: 1 }
    const folder = await bench.folder()
    const files = join(folder, 'files')
    await mkdir(files)
    const place = kind === 'disk' ? files : await startS3(bench)
    const { url } = await open('sqlite', bench)
    const source = await sourceFile(folder, SIZES[kind][bench.quick ? 'quick' : 'full'])
    const child = async (work: string) => {
      // The registry's own folder stays: it is marked as this registry's.
      if (kind === 'disk') await rm(join(files, 'sha256'), { recursive: true, force: true })
      await source.change()
      return runChild('large.mjs', work, kind, url, place, source.path)
    }
    return childRounds(
      count,
      () => child('save'),
      () => child('copy'),
    )
  })

export const benchmarks: readonly Benchmark[] = [
  {
    name: 'memory/save/disk',
    says: `peak memory of a process that saves 1 GiB from a file stream to the disk store, against one that hashes and copies it ${QUICK}`,
    run: async (bench) => told('MiB', 'save', 'sha256 + copy', await rounds('disk', bench)),
  },
  {
    name: 'artifact/save/s3',
    says: `save() of 256 MiB from a file stream to the S3 store, against hashing it and uploading it in parts, to a server on this machine ${QUICK}`,
    run: async (bench) => told('ms', 'save', 'sha256 + upload', await rounds('s3', bench)),
  },
  {
    name: 'memory/save/s3',
    says: `peak memory of a process that saves 256 MiB from a file stream to the S3 store, against one that hashes and uploads it in parts ${QUICK}`,
    run: async (bench) => told('MiB', 'save', 'sha256 + upload', await rounds('s3', bench)),
  },
]
