import { connect, createServer, type Socket } from 'node:net'
import { listening, openUrl } from './pg-listen'
import { messages, typeOf } from './wire'

/** What a proxy does when a statement that fits passes. */
export type Fault =
  /** breaks the connection before the server gets the statement */
  | 'before'
  /** lets the server do it, and breaks the connection instead of handing on the answer */
  | 'answer'

/** Stands between clients and a PostgreSQL server, and breaks connections when told. */
export interface PgProxy {
  readonly url: string
  /** breaks the connection at the next statement whose text has `text` in it */
  breakAt(text: string, fault: Fault): void
  /** how many faults have happened */
  readonly broken: () => number
  /** breaks all connections that there are */
  breakAll(): void
  close(): Promise<void>
}

/** Starts a proxy in front of a server. */
export const pgProxy = async (url: string): Promise<PgProxy> => {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  let next: { text: string; fault: Fault } | undefined
  let broken = 0
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    const both = [client, upstream]
    const end = (): void => {
      for (const socket of both) {
        socket.destroy()
        sockets.delete(socket)
      }
    }
    for (const socket of both) {
      sockets.add(socket)
      socket.on('error', end)
      socket.on('close', end)
    }
    let swallowing = false
    const fromClient = messages(true)
    const fromServer = messages()
    client.on('data', (chunk: Buffer) => {
      for (const each of fromClient(chunk)) {
        if (next !== undefined && each.includes(next.text)) {
          const { fault } = next
          next = undefined
          broken++
          if (fault === 'before') return end()
          swallowing = true
        }
        upstream.write(each)
      }
    })
    upstream.on('data', (chunk: Buffer) => {
      if (!swallowing) return void client.write(chunk)
      // The server is done with it when it is ready for the next.
      if (fromServer(chunk).some((each) => typeOf(each) === 'Z')) end()
    })
  })
  const port = await listening(server)
  return {
    url: openUrl(target, port),
    breakAt: (text, fault) => {
      next = { text, fault }
    },
    broken: () => broken,
    breakAll: () => {
      for (const socket of sockets) socket.destroy()
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
