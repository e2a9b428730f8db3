import type { Out } from './io'
import { size } from './render'

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

const EVERY_MS = 100
const WIDTH = 24

/** A {@link Bar} on `stream`, which shows nothing when that is no terminal or the work is soon done. */
export function bar(stream: Out, label: string, { unit, worth = 8_000_000 }: BarOptions = {}): Bar {
  const counted = (count: number): string => (unit === undefined ? size(count) : String(count))
  let shown = 0
  return {
    onProgress({ done, total }) {
      const now = Date.now()
      if (stream.isTTY !== true || total === null || total < worth || now - shown < EVERY_MS) return
      shown = now
      const filled = Math.floor((done / total) * WIDTH)
      const line = `${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)}`
      const counts = `${counted(done)} of ${counted(total)}${unit === undefined ? '' : ` ${unit}`}`
      stream.write(`\r\u001b[K${label} ${line} ${Math.floor((done / total) * 100)} % (${counts})`)
    },
    done: () => (shown === 0 ? undefined : void stream.write('\r\u001b[K')),
  }
}
