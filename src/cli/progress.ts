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

/** A {@link Progress} on `stream`, which shows nothing when that is no terminal or `total` is soon done. */
export function progress(stream: Out, label: string, total: number): Progress {
  if (stream.isTTY !== true || total < WORTH_SHOWING) return { add: () => {}, done: () => {} }
  let done = 0
  let shown = 0
  return {
    add(count) {
      done += count
      const now = Date.now()
      if (now - shown < EVERY_MS) return
      shown = now
      stream.write(`\r\u001b[K${label} ${size(done)} of ${size(total)} (${Math.floor((done / total) * 100)} %)`)
    },
    done: () => void stream.write('\r\u001b[K'),
  }
}

/** Shows on a terminal, in one line, what is being done. */
export interface Status {
  show(text: string): void
  /** clears the line, so that something else can be written; the next `show` brings it back */
  clear(): void
}

/** A {@link Status} on `stream`, which shows nothing when that is no terminal. */
export function status(stream: Out): Status {
  if (stream.isTTY !== true) return { show: () => {}, clear: () => {} }
  let shown = 0
  let visible = false
  return {
    show(text) {
      const now = Date.now()
      if (now - shown < EVERY_MS) return
      shown = now
      visible = true
      stream.write(`\r\u001b[K${text.slice(0, Math.max(20, (stream.columns ?? 80) - 1))}`)
    },
    clear() {
      if (visible) stream.write('\r\u001b[K')
      visible = false
    },
  }
}

const CELLS = 20

/** `███████░░░░░ 58 %` of a total; nothing while the total is not known. */
export function bar(done: number, total: number | null): string {
  if (total === null || total <= 0) return ''
  const share = Math.min(1, done / total)
  const full = Math.floor(share * CELLS)
  return `${'█'.repeat(full)}${'░'.repeat(CELLS - full)} ${Math.floor(share * 100)} %`
}
