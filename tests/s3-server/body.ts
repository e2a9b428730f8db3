import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { crc32 } from 'node:zlib'
import { type Kept, sinkOf } from './bytes'
import { Refusal } from './refusal'

/** A request's body, checked against everything that its headers and trailers say about it. */
export interface Received {
  readonly bytes: Kept
  readonly md5: Buffer
  readonly crc32: string
}

interface Progress {
  readonly folder: string | undefined
  /** changes a byte, as a bad line would */
  readonly mangled: boolean
  /** called with the number of bytes that have come */
  readonly onBytes: (count: number) => void
}

const base64Crc = (sum: number): string => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(sum)
  return bytes.toString('base64')
}

/** Takes a body in, plain or aws-chunked. Throws a {@link Refusal} when length or any checksum is wrong. */
export const receive = async (request: IncomingMessage, { folder, mangled, onBytes }: Progress): Promise<Received> => {
  const { headers } = request
  const payload = String(headers['x-amz-content-sha256'] ?? '')
  const chunked = payload.startsWith('STREAMING-')
  const trailers = new Map<string, string>()
  const [md5, sha256, sink] = [createHash('md5'), createHash('sha256'), await sinkOf(folder)]
  let sum = 0
  let size = 0
  let count = 0
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      if (mangled && count === 0) chunk[chunk.length - 1] = (chunk[chunk.length - 1] as number) ^ 1
      count += chunk.length
      onBytes(count)
      yield chunk
    }
  }
  for await (const chunk of chunked ? decoded(counted(), trailers) : counted()) {
    md5.update(chunk)
    sha256.update(chunk)
    sum = crc32(chunk, sum)
    size += chunk.length
    await sink.write(chunk)
  }
  const promised = headers[chunked ? 'x-amz-decoded-content-length' : 'content-length']
  if (promised !== undefined && Number(promised) !== size) throw new Refusal(400, 'IncompleteBody')
  const facts = { md5: md5.digest(), sha256: sha256.digest(), crc32: base64Crc(sum) }
  if (/^[0-9a-f]{64}$/.test(payload) && payload !== facts.sha256.toString('hex')) throw new Refusal(400, 'XAmzContentSHA256Mismatch')
  const said = (name: string): string | undefined => trailers.get(name) ?? (headers[name] as string | undefined)
  const wrong =
    differs(headers['content-md5'], facts.md5.toString('base64')) ||
    differs(said('x-amz-checksum-crc32'), facts.crc32) ||
    differs(said('x-amz-checksum-sha256'), facts.sha256.toString('base64'))
  if (wrong) throw new Refusal(400, 'BadDigest')
  const announced = headers['x-amz-trailer']
  if (typeof announced === 'string' && !trailers.has(announced)) throw new Refusal(400, 'MalformedTrailerError')
  return { bytes: await sink.end(), md5: facts.md5, crc32: facts.crc32 }
}

const differs = (said: unknown, is: string): boolean => said !== undefined && said !== is

// chunks of `<hex length>[;chunk-signature=…]\r\n<bytes>\r\n`, a last one of length 0, then trailers
async function* decoded(source: AsyncIterable<Buffer>, trailers: Map<string, string>): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0)
  let left = -1
  for await (const block of source) {
    held = held.length === 0 ? block : Buffer.concat([held, block])
    for (;;) {
      if (left > 0) {
        if (held.length === 0) break
        const piece = held.subarray(0, left)
        left -= piece.length
        held = held.subarray(piece.length)
        yield piece
        continue
      }
      const end = held.indexOf('\r\n')
      if (end < 0) break
      const line = held.subarray(0, end).toString('latin1')
      held = held.subarray(end + 2)
      // the line that ends a chunk's bytes
      if (left === 0 && line === '') left = -1
      else if (left === -1) {
        left = Number.parseInt(line, 16)
        if (!(left >= 0)) throw new Refusal(400, 'IncompleteBody')
        if (left === 0) left = -2
      } else {
        const [name = '', value = ''] = line.split(/:(.*)/)
        if (name !== '') trailers.set(name.trim().toLowerCase(), value.trim())
      }
    }
  }
  if (left !== -2) throw new Refusal(400, 'IncompleteBody')
}
