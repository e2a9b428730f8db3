import { setMaxListeners } from 'node:events'

/** How far the bytes of one artifact are. */
export interface Progress {
  /** a value is being encoded and hashed, its bytes go into a store, or come out of one */
  readonly phase: 'encode' | 'write' | 'read'
  /** whose artifact it is: `Classifier/clf` before it has a version, `Classifier/clf@3` when it is read */
  readonly label: string
  readonly artifact: string
  /** the pattern that is written or read; while encoding, the first one that the bytes are for */
  readonly pattern: string
  /** bytes so far: as stored when writing, of the content when reading and encoding; never less than the call before for the same phase and pattern */
  readonly done: number
  /** bytes in all, `null` while a stream does not tell */
  readonly total: number | null
}

/** Hears of progress: on every chunk, as often as that is. What it throws cancels the operation and is thrown by it. */
export type OnProgress = (progress: Progress) => void

/** Options of everything that moves bytes. */
export interface FlowOptions {
  /** cancels; nothing becomes visible, no temporary file stays, and the signal's reason is thrown */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: OnProgress | undefined
}

/** A signal and a listener, made safe: see {@link flowOf}. */
export interface Flow {
  readonly signal: AbortSignal | undefined
  /** never throws */
  readonly report: OnProgress | undefined
}

/**
 * Options as the code below uses them: a listener that throws aborts the signal with what it threw, so that no failure of the caller's is taken for one of a store's.
 */
export function flowOf({ signal, onProgress }: FlowOptions): Flow {
  if (onProgress === undefined) return { signal: signal && unlimited([signal]), report: undefined }
  const failed = new AbortController()
  return {
    signal: unlimited(signal === undefined ? [failed.signal] : [signal, failed.signal]),
    report(progress) {
      if (failed.signal.aborted) return
      try {
        onProgress(Object.freeze(progress))
      } catch (error) {
        failed.abort(error)
      }
    },
  }
}

// One signal may cancel any number of transfers, and Node warns of more than ten listeners.
function unlimited(signals: readonly AbortSignal[]): AbortSignal {
  const own = AbortSignal.any([...signals])
  setMaxListeners(0, own)
  return own
}

/** `source`, with `onBytes` told the bytes so far after each chunk was taken. */
export async function* counted(source: AsyncIterable<Uint8Array>, onBytes: (done: number) => void): AsyncGenerator<Uint8Array, void, undefined> {
  let done = 0
  for await (const chunk of source) {
    done += chunk.length
    yield chunk
    onBytes(done)
  }
}
