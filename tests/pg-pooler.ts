import { randomBytes } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import { Client } from 'pg'
import { listening, openUrl } from './pg-listen'
import { isTlsRequest, message, messages, startupParameters, typeOf } from './wire'

/** A pooler in transaction mode, as PgBouncer is one: a client has a server's session for one transaction, and gets another for the next. */
export interface PgPooler {
  readonly url: string
  /** how often a session was lent */
  readonly lent: () => number
  /** breaks the connections of all clients, as a pooler that is restarted does */
  dropClients(): void
  close(): Promise<void>
}

// What PgBouncer takes; it refuses all others unless it is told to ignore them.
const STARTUP = ['user', 'database', 'application_name', 'client_encoding', 'datestyle', 'timezone', 'standard_conforming_strings']

interface Session {
  readonly socket: Socket
  client: Socket | undefined
}

// The process number and secret with which a client may ask to cancel: PgBouncer and its like make them up.
const madeUp = (): Buffer => randomBytes(8)

/**
 * Starts a pooler in front of a server's database.
 *
 * @param sessions - how many it has on the server
 * @param key - the process number and secret that a client is told, from the numbers of the sessions. @defaultValue made up
 */
export const pgPooler = async (url: string, sessions: number, key: (sessions: readonly number[]) => Buffer = madeUp): Promise<PgPooler> => {
  const target = new URL(url)
  const own: Socket[] = []
  const numbers: number[] = []
  const free: Session[] = []
  const waiting: ((session: Session) => void)[] = []
  const clients = new Set<Socket>()
  let lent = 0

  // The last to come back is the last to go out again: a client hardly ever gets the session that it had.
  const release = (session: Session): void => {
    session.client = undefined
    const next = waiting.shift()
    if (next === undefined) free.push(session)
    else next(session)
  }
  const session = async (): Promise<void> => {
    const client = new Client({ connectionString: url })
    client.on('error', () => {})
    await client.connect()
    const { processID, connection } = client as unknown as { processID: number; connection: { stream: Socket } }
    const { stream } = connection
    numbers.push(processID)
    own.push(stream)
    stream.removeAllListeners('data')
    stream.on('error', () => {})
    const made: Session = { socket: stream, client: undefined }
    const cut = messages()
    stream.on('data', (chunk: Buffer) => {
      for (const each of cut(chunk)) {
        made.client?.write(each)
        // Ready, and not in a transaction.
        if (typeOf(each) === 'Z' && each[5] === 'I'.charCodeAt(0)) release(made)
      }
    })
    release(made)
  }
  for (let i = 0; i < sessions; i++) await session()

  const server = createServer((client) => {
    clients.add(client)
    const cut = messages(true)
    const queue: Buffer[] = []
    let begun = false
    let held: Session | undefined
    let asking = false
    const forward = (): void => {
      if (held?.client !== client) held = undefined
      if (held !== undefined) for (const each of queue.splice(0)) held.socket.write(each)
      else if (queue.length > 0 && !asking) {
        asking = true
        const take = (given: Session): void => {
          asking = false
          if (client.destroyed) {
            release(given)
            return
          }
          lent++
          given.client = client
          held = given
          forward()
        }
        const given = free.shift()
        if (given === undefined) waiting.push(take)
        else take(given)
      }
    }
    client.on('data', (chunk: Buffer) => {
      for (const each of cut(chunk)) {
        if (!begun && isTlsRequest(each)) client.write('N')
        else if (!begun) {
          begun = true
          const unknown = [...startupParameters(each).keys()].find((name) => !STARTUP.includes(name.toLowerCase()))
          if (unknown !== undefined) {
            const text = Buffer.from(`SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: ${unknown}\0\0`)
            client.end(message('E', text))
            return
          }
          client.write(Buffer.concat([message('R', Buffer.alloc(4)), message('K', key(numbers)), message('Z', Buffer.from('I'))]))
        } else if (typeOf(each) === 'X') client.end()
        else queue.push(each)
      }
      forward()
    })
    client.on('error', () => {})
    client.on('close', () => {
      clients.delete(client)
      // A transaction that is left open is undone; its end releases the session.
      if (held?.client === client) {
        const text = Buffer.from('ROLLBACK\0')
        held.socket.write(message('Q', text))
      }
    })
  })
  const port = await listening(server)
  const dropClients = (): void => {
    for (const client of clients) client.destroy()
  }
  return {
    url: openUrl(target, port),
    lent: () => lent,
    dropClients,
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        dropClients()
      })
      for (const socket of own) socket.destroy()
    },
  }
}
