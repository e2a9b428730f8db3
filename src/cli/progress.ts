import type { OnProgress } from '../artifacts/progress'
import type { Out } from './io'
import { size } from './render'

/** Shows on a terminal how much of a transfer is done. */
export interface Bar {
  readonly onProgress: OnProgress
  /** clears the line */
  done(): void
}

const WORTH_SHOWING = 8_000_000
const EVERY_MS = 100

const WIDTH = 24

/** A {@link Bar} on `stream`, which shows nothing when that is no terminal or the transfer is soon done. */
export function bar(stream: Out, label: string): Bar {
  let shown = 0
  return {
    onProgress({ done, total }) {
      const now = Date.now()
      if (stream.isTTY !== true || total === null || total < WORTH_SHOWING || now - shown < EVERY_MS) return
      shown = now
      const filled = Math.floor((done / total) * WIDTH)
      const line = `${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)}`
      stream.write(`\r\u001b[K${label} ${line} ${Math.floor((done / total) * 100)} % (${size(done)} of ${size(total)})`)
    },
    done: () => (shown === 0 ? undefined : void stream.write('\r\u001b[K')),
  }
}
