import type { AddressInfo, Server } from 'node:net'

/** Lets a server listen on a free loopback port, and gives the port. */
export const listening = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** A database url with another port. */
export const openUrl = (url: URL, port: number): string => Object.assign(new URL(url.href), { port: String(port) }).href
