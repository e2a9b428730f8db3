/** Cuts a stream of PostgreSQL's wire protocol into messages; what is not whole yet is kept for the next call. @param untyped - whether the first message is a startup packet, which has no type byte */
export const messages = (untyped = false): ((chunk: Buffer) => Buffer[]) => {
  let kept = Buffer.alloc(0)
  let first = untyped
  return (chunk) => {
    kept = Buffer.concat([kept, chunk])
    const whole: Buffer[] = []
    for (;;) {
      const head = first ? 0 : 1
      if (kept.length < head + 4) return whole
      const length = head + kept.readInt32BE(head)
      if (kept.length < length) return whole
      const message = kept.subarray(0, length)
      // A client asks for TLS in a packet like a startup packet, and sends the real one after the answer.
      if (!isTlsRequest(message)) first = false
      whole.push(message)
      kept = kept.subarray(length)
    }
  }
}

const TLS_REQUEST = 80877103

/** Whether a packet asks for TLS. */
export const isTlsRequest = (message: Buffer): boolean => message.length === 8 && message.readInt32BE(4) === TLS_REQUEST

/** The type letter of a message. */
export const typeOf = (message: Buffer): string => String.fromCharCode(message[0] ?? 0)

/** A message of the server. */
export const message = (type: string, body: Buffer): Buffer => {
  const head = Buffer.alloc(5)
  head.write(type, 0, 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

/** The names and values of a startup packet. */
export const startupParameters = (packet: Buffer): Map<string, string> => {
  const words = packet.subarray(8).toString('utf8').split('\0')
  const pairs: [string, string][] = []
  for (let i = 0; i + 1 < words.length && words[i] !== ''; i += 2) pairs.push([words[i] ?? '', words[i + 1] ?? ''])
  return new Map(pairs)
}
