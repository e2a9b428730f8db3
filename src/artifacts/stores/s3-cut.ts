import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { PersistablesError } from '../../errors'
import { abortable } from '../abort'
import type { Blob } from '../store'
import { marked, SourceFailure } from './fill'
import { sourceFailed, wrongLength } from './key'
import type { PartPlan } from './s3-parts'

/** One part of an object, in memory. */
export interface Part {
  /** from 1 */
  readonly number: number
  /** valid until {@link Part.release} */
  readonly bytes: Uint8Array
  /** checksum headers of the request */
  readonly sums: { readonly ChecksumCRC32?: string; readonly ContentMD5?: string }
  /** gives the memory back, for another part; more than once does nothing */
  release(): void
}

/** Options of {@link cut}. */
export interface CutOptions {
  readonly plan: PartPlan
  readonly checksums: 'when-supported' | 'when-required'
  readonly signal?: AbortSignal | undefined
}

/**
 * Copies a stream into parts, hashing it on the way. At most `plan.held` parts are in memory; their memory is used again. The last one is given out only after
 * the whole is known to have the blob's size and sha256. Throws `STORE_FAILED` when it has not, or when the source throws; the signal's reason.
 *
 * @example
 * for await (const part of cut(blob, source(), options)) send(part).finally(part.release)
 */
export async function* cut(blob: Blob, source: AsyncIterable<Uint8Array>, store: string, options: CutOptions): AsyncGenerator<Part, void, undefined> {
  const { plan, signal } = options
  const memory = memoryOf(plan)
  const whole = createHash('sha256')
  let sums = sumsOf(options.checksums)
  let part = await memory.take()
  let used = 0
  let done = 0
  let number = 1

  const finish = (): Part => {
    const { release } = part
    const finished = { number: number++, bytes: part.bytes.subarray(0, used), sums: sums.digest(), release }
    done += used
    used = 0
    sums = sumsOf(options.checksums)
    return finished
  }

  try {
    for await (const chunk of marked(abortable(source, signal))) {
      if (done + used + chunk.length > blob.size) throw wrongLength(store, blob, 'more')
      for (let taken = 0; taken < chunk.length; ) {
        // only when more has come: the last part waits for the end of the source
        if (used === part.bytes.length) {
          yield finish()
          part = await memory.take()
          signal?.throwIfAborted()
        }
        const piece = chunk.subarray(taken, taken + part.bytes.length - used)
        part.bytes.set(piece, used)
        // what is hashed is what is sent: the source may change its chunk meanwhile
        const copy = part.bytes.subarray(used, used + piece.length)
        whole.update(copy)
        sums.update(copy)
        used += piece.length
        taken += piece.length
      }
    }
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    throw error instanceof SourceFailure ? sourceFailed(store, error.cause) : error
  }
  if (done + used !== blob.size) throw wrongLength(store, blob, String(done + used))
  const digest = whole.digest('hex')
  if (digest !== blob.digest) throw otherBytes(store, blob, digest)
  yield finish()
}

interface Memory {
  readonly bytes: Uint8Array
  release(): void
}

function memoryOf({ held, partSize }: PartPlan): { take(): Promise<Memory> } {
  const free: Uint8Array[] = []
  const waiting: ((bytes: Uint8Array) => void)[] = []
  let made = 0
  const lend = (bytes: Uint8Array): Memory => {
    let lent = true
    return {
      bytes,
      release() {
        if (!lent) return
        lent = false
        const next = waiting.shift()
        if (next === undefined) free.push(bytes)
        else next(bytes)
      },
    }
  }
  return {
    async take() {
      const bytes = free.pop()
      if (bytes !== undefined) return lend(bytes)
      if (made++ < held) return lend(Buffer.allocUnsafeSlow(partSize))
      return lend(await new Promise<Uint8Array>((resolve) => waiting.push(resolve)))
    },
  }
}

interface Sums {
  update(bytes: Uint8Array): void
  digest(): Part['sums']
}

function sumsOf(checksums: CutOptions['checksums']): Sums {
  if (checksums === 'when-required') {
    const md5 = createHash('md5')
    return { update: (bytes) => void md5.update(bytes), digest: () => ({ ContentMD5: md5.digest('base64') }) }
  }
  let sum = 0
  return {
    update(bytes) {
      sum = crc32(bytes, sum)
    },
    digest() {
      const bytes = Buffer.allocUnsafe(4)
      bytes.writeUInt32BE(sum)
      return { ChecksumCRC32: bytes.toString('base64') }
    },
  }
}

function otherBytes(store: string, blob: Blob, found: string): PersistablesError {
  return new PersistablesError(
    'STORE_FAILED',
    `The store "${store}" was promised bytes of sha256 ${blob.digest.slice(0, 12)}… and was given others, of ${found.slice(0, 12)}…; nothing was kept.`,
    { fix: 'The value changed while it was being saved; save it again.', details: { store, digest: blob.digest, found } },
  )
}
