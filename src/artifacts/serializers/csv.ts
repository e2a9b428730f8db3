import { setImmediate as breath } from 'node:timers/promises'
import { setOwn } from '../../normal/plain'
import type { JsonObject } from '../../types'
import type { Content, PatternSerializer } from '../serializer'
import { CsvMisfit, type CsvRow, type CsvType, csvColumns, csvText, csvValue, isCsvType, quote } from './csv-columns'
import { type CsvRecord, csvRecords } from './csv-records'
import { serializer } from './custom'
import { each, gathered } from './rows'
import { kindOf, unfit } from './unfit'
import { utf8 } from './utf8'

const CHUNK = 64 << 10

/** Rows that a csv serializer takes: anything that gives them one by one. */
export type CsvRows<Row> = Iterable<Row> | AsyncIterable<Row>

/** Names of columns and their types. */
export type CsvColumns = Readonly<Record<string, CsvType>>

/** Options of {@link csv}. */
export interface CsvOptions<C extends CsvColumns = CsvColumns> {
  /** names in the order they are written, with their types; noted in the row, so that reading needs them no more. @defaultValue texts alone */
  readonly columns?: C
}

/** A row of a `csv(…)` of those columns; of texts where there are none. */
export type CsvRowOf<C extends CsvColumns> = [C] extends [never] ? Record<string, string> : CsvRow<C>

/**
 * Rows as CSV (RFC 4180: a line of names, commas, CRLF), written and read as a stream. Without `columns` every value is text, and the columns are those of the first
 * row, sorted, so that equal rows have equal bytes whatever the order of keys; with them values have types, and names their order. Gives an array; `rows()` of a
 * saved persistable gives them one by one.
 *
 * Throws `INVALID_ARTIFACT` with row and column for a value that does not fit, and for a row with other columns; on reading, with the row or line, for records of
 * another length, names that come twice, quotes that are wrong, bytes that are not UTF-8. A byte order mark at the beginning is skipped.
 *
 * @example
 * artifacts: { rows: source(csv({ columns: { species: 'string', mass: 'number?' } }).to('disk')) }
 */
export function csv<const C extends CsvColumns = never>(
  options: CsvOptions<C> = {},
): PatternSerializer<CsvRowOf<C>[], CsvRows<Readonly<CsvRowOf<C>>>> {
  const columns = options.columns === undefined ? undefined : csvColumns(options.columns)
  // a list, because PostgreSQL's JSONB sorts the keys of objects
  const notes: JsonObject = columns === undefined ? {} : { columns: [...columns].map(([name, type]) => [name, type]) }
  return serializer<CsvRowOf<C>[], CsvRows<Readonly<CsvRowOf<C>>>>({
    name: 'csv',
    encode(rows) {
      if (typeof rows !== 'object' || rows === null || ArrayBuffer.isView(rows) || !(Symbol.asyncIterator in rows || Symbol.iterator in rows))
        throw unfit('csv', `csv() takes an iterable of rows, not ${kindOf(rows)}.`, 'Pass an array, a generator or a stream of objects.')
      return { bytes: lines(rows, columns), options: notes }
    },
    // the columns that the row notes are those that C was when it was saved
    decode: (content) => gathered(parse(content) as AsyncIterable<CsvRowOf<C>[]>),
    decodeRows: (content) => each(parse(content)),
  })
}

async function* lines(rows: CsvRows<unknown>, columns: ReadonlyMap<string, CsvType> | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  let names = columns && [...columns.keys()]
  let held = names === undefined ? '' : headOf(names)
  let count = 0
  for await (const row of rows) {
    if (names === undefined) {
      names = namesOf(row)
      held = headOf(names)
    }
    held += line(fieldsOf(row, count++, names, columns))
    if (held.length < CHUNK) continue
    yield new TextEncoder().encode(held)
    held = ''
    await breath()
  }
  if (held !== '') yield new TextEncoder().encode(held)
}

function line(fields: readonly string[]): string {
  return `${fields.join(',')}\r\n`
}

function headOf(names: readonly string[]): string {
  return line(names.length === 1 && names[0] === '' ? ['""'] : names.map(quote))
}

function namesOf(row: unknown): string[] {
  const names = isRow(row) ? Object.keys(row).sort() : []
  if (names.length === 0)
    throw unfit('csv', `The row 1 is ${isRow(row) ? 'an object without members' : kindOf(row)}.`, 'A row is an object of columns.', { row: 1 })
  const odd = names.find((name) => !name.isWellFormed())
  if (odd !== undefined) throw unfit('csv', `The column ${JSON.stringify(odd)} has half a surrogate pair.`, 'UTF-8 cannot hold it.', { row: 1 })
  return names
}

function isRow(row: unknown): row is Readonly<Record<string, unknown>> {
  return typeof row === 'object' && row !== null && !Array.isArray(row)
}

function fieldsOf(row: unknown, index: number, names: readonly string[], columns: ReadonlyMap<string, CsvType> | undefined): string[] {
  const number = index + 1
  if (!isRow(row)) throw unfit('csv', `The row ${number} is ${kindOf(row)}.`, 'A row is an object of columns.', { row: number })
  const fields = names.map((name) => {
    const value = Object.hasOwn(row, name) ? row[name] : undefined
    const text = csvText(value, columns?.get(name))
    // a line that is empty is no record to others; to this reader it is null
    if (typeof text === 'string') return text === '' && value === '' && names.length === 1 ? '""' : text
    throw unfit('csv', `The value of ${JSON.stringify(name)} in row ${number} ${text.what}.`, 'Correct the value or the columns.', {
      row: number,
      column: name,
    })
  })
  const more = Object.keys(row).find((name) => !names.includes(name))
  if (more === undefined) return fields
  throw unfit('csv', `The row ${number} has a column ${JSON.stringify(more)}, and the others have not.`, 'Give every row the same columns.', {
    row: number,
    column: more,
  })
}

interface Column {
  readonly name: string
  readonly type: CsvType | undefined
}

async function* parse(content: Content): AsyncGenerator<object[], void, undefined> {
  const types = typesOf(content.options)
  const records = csvRecords()
  const decoder = utf8()
  let header: readonly Column[] | undefined
  let row = 0

  const decoded = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
    } catch (cause) {
      throw unfit('csv', `The bytes after row ${row} are not UTF-8.`, 'Read them with bytes().', { row }, cause)
    }
  }
  const rowOf = (record: CsvRecord): object | undefined => {
    if (header === undefined) {
      header = headerOf(record, types)
      return undefined
    }
    row++
    if (record.fields.length !== header.length) {
      throw unfit(
        'csv',
        `The row ${row} (line ${record.line}) has ${record.fields.length} fields, and the first line has ${header.length}.`,
        'Read the bytes with text().',
        {
          row,
          line: record.line,
        },
      )
    }
    const made: Record<string, unknown> = {}
    for (let at = 0; at < header.length; at++) {
      const { name, type } = header[at] as Column
      const value = csvValue(record.fields[at] ?? null, type)
      if (value instanceof CsvMisfit)
        throw unfit('csv', `The value of ${JSON.stringify(name)} in row ${row} (line ${record.line}) ${value.what}.`, 'Read it with csv() as text.', {
          row,
          line: record.line,
          column: name,
        })
      setOwn(made, name, value)
    }
    return made
  }

  let begun = false
  const feed = (text: string): CsvRecord[] => {
    const own = !begun && text.startsWith('\ufeff') ? text.slice(1) : text
    begun ||= text !== ''
    return records.push(own)
  }
  const rowsOf = (found: readonly CsvRecord[]): object[] => found.map(rowOf).filter((made) => made !== undefined)
  for await (const chunk of content.stream()) {
    for (let at = 0; at < chunk.length; at += 4 * CHUNK) {
      yield rowsOf(feed(decoded(chunk.subarray(at, at + 4 * CHUNK))))
      await breath()
    }
  }
  yield rowsOf([...feed(decoded()), ...records.end()])
}

function headerOf({ fields }: CsvRecord, types: ReadonlyMap<string, CsvType>): readonly Column[] {
  const seen = new Set<string>()
  const names = fields.map((field) => field ?? '')
  for (const text of names) {
    if (seen.has(text))
      throw unfit('csv', `The first line names the column ${JSON.stringify(text)} twice.`, 'Read the bytes with text().', { line: 1, column: text })
    seen.add(text)
  }
  const lost = [...types.keys()].find((name) => !seen.has(name))
  if (lost !== undefined)
    throw unfit('csv', `The first line lacks the column ${JSON.stringify(lost)}.`, 'Read the bytes with text().', { line: 1, column: lost })
  return names.map((name) => ({ name, type: types.get(name) }))
}

// The row notes them; a row may have been tampered with.
function typesOf({ columns }: JsonObject): ReadonlyMap<string, CsvType> {
  if (columns === undefined) return new Map()
  const pairs = Array.isArray(columns) ? columns.map((pair) => (Array.isArray(pair) ? pair : [])) : [[]]
  if (pairs.every(([name, type]) => typeof name === 'string' && isCsvType(type))) return new Map(pairs as [string, CsvType][])
  throw unfit('csv', 'The row’s notes of its columns make no sense.', 'Read the bytes with text().')
}
