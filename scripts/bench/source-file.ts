import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import { artifact, bytes, diskStore, file, persistable } from '../../src'
import type { Bench } from './figure'
import { open } from './registry'

export const MIB = 2 ** 20

/** Sizes of the artifacts, and how many rounds they are worth. */
export const SIZES = [
  { label: '64MiB', size: 64 * MIB, rounds: { quick: 5, full: 21 } },
  { label: '1GiB', size: 1024 * MIB, rounds: { quick: 0, full: 7 } },
]

/** A record of one artifact of bytes on the disk. */
export class Dump extends persistable('Dump', { artifacts: { data: artifact(bytes().to('disk')) } }) {}

/** A record of one file. */
export class DumpFile extends persistable('DumpFile', { artifacts: { data: artifact(file().to('disk')) } }) {}

/** The digest of what {@link Dump} or its kin saved as `data`. */
export const digestOf = ({ filepaths }: { readonly filepaths: Readonly<Record<string, object>> }): string =>
  (Object.values(filepaths['data'] ?? {})[0] as { digest: string }).digest

/** The disk store's path of a digest: where the bare counterpart reads, and what makes room after a round. */
export const blobPath = (files: string, digest: string): string => join(files, 'sha256', digest.slice(0, 2), digest.slice(2, 4), digest.slice(4))

/** What a user would save: the file as a stream. */
export const streamOf = (path: string) => createReadStream(path, { highWaterMark: MIB })

/** By node's own hash, in chunks of 1 MiB. */
export const sha256 = async (path: string): Promise<string> => {
  const hash = createHash('sha256')
  for await (const chunk of streamOf(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** A copy that a power cut does not undo. */
export const durableCopy = async (from: string, to: string): Promise<void> => {
  await copyFile(from, to)
  const file = await openFile(to, 'r+')
  await file.sync()
  await file.close()
}

/** A file of random bytes, and a way to make it another one, so that no store has its content already. */
export const sourceFile = async (folder: string, size: number): Promise<{ readonly path: string; readonly change: () => Promise<void> }> => {
  const path = join(folder, 'source')
  const file = await openFile(path, 'w')
  for (let at = 0; at < size; at += MIB) await file.write(randomBytes(Math.min(MIB, size - at)))
  await file.sync()
  await file.close()
  return {
    path,
    async change() {
      const again = await openFile(path, 'r+')
      await again.write(randomBytes(16), 0, 16, 0)
      await again.sync()
      await again.close()
    },
  }
}

/** A registry for {@link Dump}, a file to save, a place to copy it to, and where a saved one lies. */
export const dumps = async (bench: Bench, size: number) => {
  const folder = await bench.folder()
  const files = join(folder, 'files')
  const { repo } = await open('sqlite', bench, { types: [Dump, DumpFile], stores: [diskStore(files)] })
  const source = await sourceFile(folder, size)
  return { repo, source, copy: join(folder, 'copy'), blobOf: (dump: Parameters<typeof digestOf>[0]) => blobPath(files, digestOf(dump)) }
}
