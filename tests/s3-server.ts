import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { answerTo } from './s3-server/answers'
import { Bucket } from './s3-server/bucket'
import type { Fault, Operation, Rule } from './s3-server/faults'
import { type Answer, type Asked, asked } from './s3-server/operation'
import { Refusal } from './s3-server/refusal'

export type { Conditions } from './s3-server/bucket'
export type { Fault, Operation, Rule } from './s3-server/faults'

/** One request that was answered, or would have been. */
export interface Entry {
  readonly operation: Operation
  readonly key: string
  readonly part: number | undefined
  readonly headers: IncomingMessage['headers']
  /** bytes of its body that came */
  received: number
  /** `null` when there was no answer */
  status: number | null
}

/** Options of {@link startS3Server}. */
export interface ServerOptions {
  /** where bytes are kept. @defaultValue memory */
  readonly folder?: string
  /** entries of a page of any list. @defaultValue 1000 */
  readonly page?: number
  /** what it does not know: answered by 501 */
  readonly lacks?: readonly Operation[]
  /** looks at the key id and session token of every request; a {@link Refusal} to turn it away */
  readonly admit?: (accessKeyId: string, token: string | undefined) => Refusal | undefined
}

/** A small S3 server with one bucket, for tests: it checks all that it is told, and goes wrong when asked to. */
export interface S3Server {
  readonly url: string
  readonly name: string
  readonly bucket: Bucket
  readonly log: Entry[]
  /** operations of the log, e.g. `UploadPart 2` */
  readonly asked: () => string[]
  /** lets requests go wrong; the earliest rule that fits is used up first */
  fault(rule: Rule): void
  /** lets nothing go wrong any more */
  calm(): void
  /** the most requests of an operation that were under way at once */
  readonly peak: (operation: Operation) => number
  /** rules that are not used up */
  readonly pending: () => number
  close(): Promise<void>
}

/** Starts a server on a free port of the loopback address. */
export const startS3Server = async (options: ServerOptions = {}): Promise<S3Server> => {
  const name = 'models'
  const bucket = new Bucket()
  const log: Entry[] = []
  const rules: { rule: Rule; left: number }[] = []
  const sockets = new Set<Socket>()
  const under = new Map<Operation, { now: number; peak: number }>()
  let requests = 0

  const faultFor = ({ operation, key, part }: Asked): Fault | undefined => {
    const found = rules.find(
      ({ rule, left }) => left > 0 && rule.on === operation && key.includes(rule.key ?? '') && (rule.part === undefined || rule.part === part),
    )
    if (found !== undefined) found.left--
    return found?.rule
  }

  const admitted = (request: IncomingMessage): void => {
    const [, id] =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/[\w-]+\/s3\/aws4_request, ?SignedHeaders=[\w;-]+, ?Signature=[0-9a-f]{64}$/.exec(
        request.headers.authorization ?? '',
      ) ?? []
    if (id === undefined) throw new Refusal(403, 'AccessDenied')
    const refusal = options.admit?.(id, request.headers['x-amz-security-token'] as string | undefined)
    if (refusal !== undefined) throw refusal
  }

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const what = asked(request)
    const entry: Entry = { operation: what.operation, key: what.key, part: what.part, headers: request.headers, received: 0, status: null }
    log.push(entry)
    response.setHeader('x-amz-request-id', `TEST${String(++requests).padStart(12, '0')}`)
    const count = under.get(what.operation) ?? { now: 0, peak: 0 }
    under.set(what.operation, count)
    count.peak = Math.max(count.peak, ++count.now)
    response.once('close', () => count.now--)
    const fault = faultFor(what)
    let answer: Answer
    try {
      admitted(request)
      if (what.bucket !== name) throw new Refusal(404, 'NoSuchBucket')
      if (options.lacks?.includes(what.operation)) throw new Refusal(501, 'NotImplemented')
      if (fault?.do === 'refuse') throw new Refusal(fault.status, fault.code, fault)
      if (fault?.do === 'hang' && fault.at === undefined) return
      answer = await answerTo(what, bucket, {
        folder: options.folder,
        page: options.page ?? 1000,
        fault,
        onBytes(count) {
          entry.received = count
          if (fault?.do === 'reset request' && count >= fault.at) request.socket.resetAndDestroy()
        },
      })
    } catch (error) {
      if (request.socket.destroyed) return
      answer = refused(error, request.method === 'HEAD')
    }
    if (fault?.do === 'lose answer') return void request.socket.resetAndDestroy()
    if (fault?.do === 'babble') answer = { status: fault.status, headers: { 'content-type': 'text/html' }, body: [Buffer.from(fault.body)] }
    entry.status = answer.status
    await reply(response, answer, fault)
    // what was not looked at must not stand in the way of the connection's next request
    request.resume()
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    name,
    bucket,
    log,
    asked: () => log.map(({ operation, part }) => (part === undefined ? operation : `${operation} ${part}`)),
    fault: (rule) => void rules.push({ rule, left: rule.times ?? 1 }),
    calm: () => void rules.splice(0),
    peak: (operation) => under.get(operation)?.peak ?? 0,
    pending: () => rules.reduce((sum, { left }) => sum + left, 0),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

const refused = (error: unknown, head: boolean): Answer => {
  const refusal = error instanceof Refusal ? error : new Refusal(500, 'InternalError', { message: String(error) })
  const extra = Object.entries(refusal.extra).map(([name, value]) => `<${name}>${value}</${name}>`)
  const xml = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${refusal.code}</Code><Message>${refusal.message}</Message>${extra.join('')}</Error>`
  return { status: refusal.status, headers: { 'content-type': 'application/xml', ...refusal.headers }, body: head ? [] : [Buffer.from(xml)] }
}

const reply = async (response: ServerResponse, { status, headers, length, body }: Answer, fault: Fault | undefined): Promise<void> => {
  const unframed = fault?.do === 'end early' || fault?.do === 'go on'
  const size = length ?? (Array.isArray(body) ? body.reduce((sum: number, { length: count }: Buffer) => sum + count, 0) : undefined)
  response.writeHead(status, { ...headers, ...(size !== undefined && !unframed && { 'content-length': size }) })
  let sent = 0
  const limit = fault !== undefined && 'at' in fault && fault.do !== 'flip' ? (fault.at ?? 0) : Number.POSITIVE_INFINITY
  for await (const kept of body) {
    const flipped = fault?.do === 'flip' && fault.at >= sent && fault.at < sent + kept.length
    const chunk = flipped ? Buffer.from(kept) : kept
    if (flipped) chunk[fault.at - sent] = (chunk[fault.at - sent] as number) ^ 1
    const piece = chunk.subarray(0, Math.max(0, limit - sent))
    sent += piece.length
    if (!response.write(piece)) await drained(response)
    if (response.destroyed) return
    if (sent < limit) continue
    if (fault?.do === 'hang') return
    if (fault?.do === 'end early') break
    // so that what was written is on its way before the reset
    if (fault?.do === 'reset answer') return void setTimeout(() => response.socket?.resetAndDestroy(), 20)
  }
  if (fault?.do === 'go on') response.write(Buffer.from('and more'))
  response.end()
}

const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
  })
