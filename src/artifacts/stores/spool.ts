import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fs } from '../local/file-system'
import type { Spool, SpoolOptions } from '../store'
import { diskFailure } from './disk-failure'
import { nodeFiles } from './disk-files'
import { drain, fill, SourceFailure } from './fill'
import { sourceFailed } from './key'

const NAME = 'temporary files'

/**
 * Takes a one-shot stream into a private temporary file, hashed on the way: for patterns whose stores have no spool of their own. The file is removed by
 * `commit` and by `discard` alike, and at once when the source fails or the signal aborts. Throws `STORE_FAILED`.
 *
 * @param folder - where the file goes. @defaultValue os.tmpdir()
 * @example
 * const spool = await tempSpool(stream)
 * await store.put(spool, () => spool.read())
 * await spool.discard()
 */
export async function tempSpool(source: AsyncIterable<Uint8Array>, options: SpoolOptions = {}, folder: string = tmpdir()): Promise<Spool> {
  // a folder of its own with mode 0700: other users must not read what is saved
  const directory = await fs.mkdtemp(join(folder, 'persistables-')).catch((error: unknown): string => {
    throw diskFailure(NAME, 'write into', folder, error)
  })
  const path = join(directory, randomUUID())
  const remove = (): Promise<void> => fs.remove(directory).catch(() => undefined)
  try {
    const file = await nodeFiles.create(path)
    const spooled = await fill(file, source, { durable: false, hashed: true, signal: options.signal, onChunk: options.onChunk }).finally(() =>
      file.close(),
    )
    return Object.freeze({
      ...spooled,
      commit: remove,
      discard: remove,
      async *read() {
        try {
          yield* drain(await nodeFiles.open(path), 0)
        } catch (error) {
          throw diskFailure(NAME, 'read', path, error)
        }
      },
    })
  } catch (error) {
    await remove()
    if (options.signal?.aborted) throw options.signal.reason
    throw error instanceof SourceFailure ? sourceFailed(NAME, error.cause) : diskFailure(NAME, 'write', path, error)
  }
}
