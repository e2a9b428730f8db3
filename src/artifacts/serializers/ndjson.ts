import { setImmediate as breath } from 'node:timers/promises'
import type { PatternSerializer } from '../serializer'
import { serializer } from './custom'
import { jsonText } from './json-text'
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
    decode: (content) => parse<Row>(content.stream()),
  })
}

function isIterable(value: unknown): value is Iterable<unknown> | AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && (Symbol.asyncIterator in value || Symbol.iterator in value)
}

async function* lines(rows: Iterable<unknown> | AsyncIterable<unknown>): AsyncGenerator<Uint8Array, void, undefined> {
  let gathered = ''
  let count = 0
  for await (const row of rows) {
    const next = jsonText('ndjson', row, `row ${count++}`)
    for (;;) {
      const { text, done } = next(NODES_PER_TURN)
      gathered += text
      if (done) break
      await breath()
    }
    gathered += '\n'
    if (gathered.length < CHUNK) continue
    yield new TextEncoder().encode(gathered)
    gathered = ''
    await breath()
  }
  if (gathered !== '') yield new TextEncoder().encode(gathered)
}

async function parse<Row>(stream: AsyncIterable<Uint8Array>): Promise<Row[]> {
  const decoder = utf8()
  const rows: Row[] = []
  let begun: string[] = []
  let chars = 0

  const add = (line: string): void => {
    try {
      // the registry cannot know Row: what was encoded by ndjson<Row>() is what comes back
      rows.push(JSON.parse(line) as Row)
    } catch (cause) {
      throw unfit(
        'ndjson',
        `Line ${rows.length + 1} is not JSON: ${(cause as Error).message}.`,
        'Read the bytes with text().',
        { line: rows.length + 1 },
        cause,
      )
    }
  }

  const feed = async (text: string): Promise<void> => {
    let start = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      // a row may be spread over many chunks; joining them once keeps that linear
      add(begun.length === 0 ? text.slice(start, end) : [...begun, text.slice(start, end)].join(''))
      begun = []
      chars += end + 1 - start
      start = end + 1
      if (chars > 4 * CHUNK) {
        chars = 0
        await breath()
      }
    }
    if (start < text.length) begun.push(text.slice(start))
  }

  const decoded = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
    } catch (cause) {
      throw unfit('ndjson', `The bytes after line ${rows.length} are not UTF-8.`, 'Read them with bytes().', { line: rows.length + 1 }, cause)
    }
  }

  for await (const chunk of stream) await feed(decoded(chunk))
  await feed(decoded())
  if (begun.length > 0) add(begun.join(''))
  return rows
}
