import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface PostgresServer {
  /** `postgresql://…/postgres` of its superuser, on the loopback interface. */
  readonly url: string
  /** Stops the server and removes its data. */
  stop(): Promise<void>
  /** Ends it and all its processes by SIGKILL, as a power cut would. */
  kill(): Promise<void>
  /** Starts it again after {@link kill}, on its data and port. */
  start(): Promise<void>
}

/**
 * Starts a real PostgreSQL with a new data folder, port and password.
 *
 * A process of its own holds it, and ends it when this process does: even a kill leaves nothing behind.
 */
export const startPostgres = async (): Promise<PostgresServer> => {
  const child = spawn(process.execPath, [join(__dirname, 'postgres-server.mjs')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  const lines = createInterface({ input: child.stdout })
  const answer = async (): Promise<{ url?: string; done?: string; error?: string }> => {
    const [line] = await Promise.race([once(lines, 'line'), closed.then(() => ['{"error":"it ended before it was ready"}'])])
    const said = JSON.parse(String(line)) as { url?: string; error?: string }
    if (said.error !== undefined) throw new Error(`PostgreSQL did not start: ${said.error}`)
    return said
  }
  const { url = '' } = await answer()
  const tell = async (command: 'kill' | 'start'): Promise<void> => {
    child.stdin.write(`${command}\n`)
    await answer()
  }
  const stop = async (): Promise<void> => {
    child.stdin.end()
    await closed
  }
  return { url, stop, kill: () => tell('kill'), start: () => tell('start') }
}
