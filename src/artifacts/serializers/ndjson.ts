import { setImmediate as breath } from 'node:timers/promises'
import type { PatternSerializer } from '../serializer'
import { serializer } from './custom'
import { jsonText } from './json-text'
import { each, gathered } from './rows'
import { kindOf, unfit } from './unfit'
import { utf8 } from './utf8'

const CHUNK = 64 << 10
const NODES_PER_TURN = 20_000

/**
 * Rows, kept as one line of JSON each (sorted keys, `\n` after every row), written and read as a stream. Takes any iterable or async iterable of rows; gives
 * an array. The rules for values are those of `json()`, and errors name the row; a missing last line end is tolerated, blank lines are not.
 *
 * @typeParam Row - what one row is; it is not checked at run time
 * @example
 * artifacts: { rows: source(ndjson<{ species: string; mass: number }>().to('disk')) }
 */
export function ndjson<Row = unknown>(): PatternSerializer<Row[], Iterable<Row> | AsyncIterable<Row>> {
  return serializer<Row[], Iterable<Row> | AsyncIterable<Row>>({
    name: 'ndjson',
    encode(rows) {
      if (!isIterable(rows))
        throw unfit('ndjson', `ndjson() takes an iterable of rows, not ${kindOf(rows)}.`, 'Pass an array, a generator or a stream of rows.')
      return { bytes: lines(rows) }
    },
    decode: (content) => gathered(parse<Row>(content.stream())),
    decodeRows: (content) => each(parse<Row>(content.stream())),
  })
}

function isIterable(value: unknown): value is Iterable<unknown> | AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && (Symbol.asyncIterator in value || Symbol.iterator in value)
}

async function* lines(rows: Iterable<unknown> | AsyncIterable<unknown>): AsyncGenerator<Uint8Array, void, undefined> {
  let held = ''
  let count = 0
  for await (const row of rows) {
    const next = jsonText('ndjson', row, `row ${count++}`)
    for (;;) {
      const { text, done } = next(NODES_PER_TURN)
      held += text
      if (done) break
      await breath()
    }
    held += '\n'
    if (held.length < CHUNK) continue
    yield new TextEncoder().encode(held)
    held = ''
    await breath()
  }
  if (held !== '') yield new TextEncoder().encode(held)
}

async function* parse<Row>(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Row[], void, undefined> {
  const decoder = utf8()
  let count = 0
  let begun: string[] = []

  const rowOf = (line: string): Row => {
    count++
    try {
      // the registry cannot know Row: what was encoded by ndjson<Row>() is what comes back
      return JSON.parse(line) as Row
    } catch (cause) {
      throw unfit('ndjson', `Line ${count} is not JSON: ${(cause as Error).message}.`, 'Read the bytes with text().', { line: count }, cause)
    }
  }

  const rowsOf = (text: string): Row[] => {
    const rows: Row[] = []
    let start = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      // a row may be spread over many chunks; joining them once keeps that linear
      rows.push(rowOf(begun.length === 0 ? text.slice(start, end) : [...begun, text.slice(start, end)].join('')))
      begun = []
      start = end + 1
    }
    if (start < text.length) begun.push(text.slice(start))
    return rows
  }

  const decoded = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
    } catch (cause) {
      throw unfit('ndjson', `The bytes after line ${count} are not UTF-8.`, 'Read them with bytes().', { line: count }, cause)
    }
  }

  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length; at += 4 * CHUNK) {
      yield rowsOf(decoded(chunk.subarray(at, at + 4 * CHUNK)))
      await breath()
    }
  }
  yield rowsOf(decoded())
  if (begun.length > 0) yield [rowOf(begun.join(''))]
}
