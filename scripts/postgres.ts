import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface PostgresServer {
  /** `postgresql://…/postgres` of its superuser, on the loopback interface. */
  readonly url: string
  /** Stops the server and removes its data. */
  stop(): Promise<void>
}

/**
 * Starts a real PostgreSQL with a new data folder, port and password.
 *
 * A process of its own holds it, and ends it when this process does: even a kill leaves nothing behind.
 */
export const startPostgres = async (): Promise<PostgresServer> => {
  const child = spawn(process.execPath, [join(__dirname, 'postgres-server.mjs')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    closed.then(() => ['{"error":"it ended before it was ready"}']),
  ])
  const answer = JSON.parse(String(line)) as { url?: string; error?: string }
  if (answer.url === undefined) throw new Error(`PostgreSQL did not start: ${answer.error}`)
  const stop = async (): Promise<void> => {
    child.stdin.end()
    await closed
  }
  return { url: answer.url, stop }
}
