import type { Out } from './io'
import { size } from './render'

const EVERY_MS = 100
const CELLS = 24

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

/** `███████░░░░░ 58 %` of a total; nothing while the total is not known. */
export function meter(done: number, total: number | null): string {
  if (total === null || total <= 0) return ''
  const share = Math.min(1, done / total)
  const full = Math.floor(share * CELLS)
  return `${'█'.repeat(full)}${'░'.repeat(CELLS - full)} ${Math.floor(share * 100)} %`
}

/** Shows on a terminal how much of something long is done. */
export interface Bar {
  /** may be handed to whatever reports its progress so; counts that only grow */
  readonly onProgress: (progress: { readonly done: number; readonly total: number | null }) => void
  /** clears the line */
  done(): void
}

/** What a bar counts. */
export interface BarOptions {
  /** plural, e.g. `rows`. @defaultValue bytes */
  readonly unit?: string
  /** less than so many are soon done, and not shown. @defaultValue 8 MB */
  readonly worth?: number
}

/** A {@link Bar} on `stream`, which shows nothing when that is no terminal or the work is soon done. */
export function bar(stream: Out, label: string, { unit, worth = 8_000_000 }: BarOptions = {}): Bar {
  const counted = (count: number): string => (unit === undefined ? size(count) : String(count))
  const line = status(stream)
  return {
    onProgress({ done, total }) {
      if (total === null || total < worth) return
      line.show(`${label} ${meter(done, total)} (${counted(done)} of ${counted(total)}${unit === undefined ? '' : ` ${unit}`})`)
    },
    done: () => line.clear(),
  }
}
