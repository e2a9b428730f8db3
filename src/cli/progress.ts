import type { Out } from './io'
import { size } from './render'

/** Shows on a terminal how much of a transfer is done. */
export interface Progress {
  add(count: number): void
  /** clears the line */
  done(): void
}

const WORTH_SHOWING = 8_000_000
const EVERY_MS = 100

/** A {@link Progress} on `stream`, which shows nothing when that is no terminal or `total` is soon done. @param options.unit - what is counted. @defaultValue bytes */
export function progress(stream: Out, label: string, total: number, options: { unit?: 'rows'; worth?: number } = {}): Progress {
  if (stream.isTTY !== true || total < (options.worth ?? WORTH_SHOWING)) return { add: () => {}, done: () => {} }
  const shownAs = (count: number): string => (options.unit === undefined ? size(count) : String(count))
  let done = 0
  let shown = 0
  return {
    add(count) {
      done += count
      const now = Date.now()
      if (now - shown < EVERY_MS) return
      shown = now
      stream.write(
        `\r\u001b[K${label} ${shownAs(done)} of ${shownAs(total)}${options.unit === undefined ? '' : ` ${options.unit}`} (${Math.floor((done / total) * 100)} %)`,
      )
    },
    done: () => void stream.write('\r\u001b[K'),
  }
}
