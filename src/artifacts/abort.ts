/**
 * `source`, cut off when `signal` aborts, also while the source is waiting for its next chunk. The signal's reason is thrown as it is.
 *
 * @example
 * for await (const chunk of abortable(stream, signal)) await write(chunk)
 */
export function abortable<T>(source: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncIterable<T> {
  return signal === undefined ? source : cutOff(source, signal)
}

async function* cutOff<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
  signal.throwIfAborted()
  const iterator = source[Symbol.asyncIterator]()
  // Promise.race against one long-lived promise would keep every chunk alive, hence one short-lived promise per chunk
  let cancel: ((reason: unknown) => void) | undefined
  const onAbort = (): void => cancel?.(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  let finished = false
  try {
    for (;;) {
      const next = await new Promise<IteratorResult<T>>((resolve, reject) => {
        cancel = reject
        iterator.next().then(resolve, (error: unknown) => {
          finished = true
          reject(error)
        })
      })
      if (next.done === true) {
        finished = true
        return
      }
      yield next.value
      signal.throwIfAborted()
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    if (!finished) {
      const closed = Promise.resolve(iterator.return?.()).catch(() => undefined)
      // a source that hangs would hang its own clean-up too, and the caller has asked to stop
      if (!signal.aborted) await closed
    }
  }
}

/** Waits for `promise` unless `signal` aborts first; then the signal's reason is thrown and the promise goes on alone. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
