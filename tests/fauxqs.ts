import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** Starts `fauxqs`, with a bucket `models`, on a free port. */
export const startFauxqs = async (): Promise<{ readonly url: string; stop(): Promise<void> }> => {
  const child = spawn(process.execPath, [join(__dirname, 'children', 'fauxqs.mjs')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  const [line] = (await Promise.race([once(createInterface({ input: child.stdout }), 'line'), closed])) as [unknown]
  if (typeof line !== 'string') throw new Error('fauxqs did not start')
  return {
    ...(JSON.parse(line) as { url: string }),
    async stop() {
      child.stdin.end()
      await closed
    },
  }
}
