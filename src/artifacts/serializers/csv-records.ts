import { unfit } from './unfit'

/** One field of a record. An empty field and an empty text are told apart by the quotes. */
export interface CsvField {
  readonly text: string
  readonly quoted: boolean
}

/** One record: its fields, and the number of the line that it begins on, 1 for the first. */
export interface CsvRecord {
  readonly fields: readonly CsvField[]
  readonly line: number
}

/** Cuts text that comes in pieces into records. */
export interface CsvRecords {
  /** records that are whole */
  push(text: string): CsvRecord[]
  /** the last one, where no line end closes it */
  end(): CsvRecord[]
}

const LONGEST = 1 << 28

/**
 * RFC 4180: fields in commas, records on lines that end in CRLF or LF, quotes around what holds either, quotes doubled within quotes. Throws `INVALID_ARTIFACT` with
 * the line for a quote within an unquoted field, for anything behind a closing quote, for a carriage return that no line feed follows, for quotes that are never closed.
 */
export function csvRecords(): CsvRecords {
  let rest = ''
  let line = 1

  /** the record at `at`, and where the next one begins; `null` when more text is needed */
  const record = (text: string, at: number, last: boolean): { readonly fields: CsvField[]; readonly next: number; readonly lines: number } | null => {
    const fields: CsvField[] = []
    let lines = 1
    for (let start = at; ; ) {
      let end: number
      if (text[start] === '"') {
        const field = quoted(text, start, last, line)
        if (field === null) return null
        fields.push({ text: field.text, quoted: true })
        lines += field.lines
        end = field.next
      } else {
        end = start
        while (end < text.length && !isStop(text.charCodeAt(end))) end++
        if (text[end] === '"') throw broken(line, 'has a quote within a field that is not in quotes')
        fields.push({ text: text.slice(start, end), quoted: false })
      }
      if (end >= text.length) return last ? { fields, next: end, lines } : null
      if (text[end] === ',') {
        start = end + 1
        continue
      }
      if (text[end] === '\n') return { fields, next: end + 1, lines }
      if (text[end] !== '\r') throw broken(line, 'goes on behind the quote that closes a field')
      if (end + 1 >= text.length && !last) return null
      if (text[end + 1] !== '\n') throw broken(line, 'has a carriage return that no line feed follows')
      return { fields, next: end + 2, lines }
    }
  }

  const records = (last: boolean): CsvRecord[] => {
    const found: CsvRecord[] = []
    let at = 0
    while (at < rest.length) {
      const next = record(rest, at, last)
      if (next === null) break
      found.push({ fields: next.fields, line })
      line += next.lines
      at = next.next
    }
    rest = rest.slice(at)
    if (rest.length > LONGEST) throw broken(line, `is longer than ${LONGEST} characters, or its quotes are never closed`)
    return found
  }

  let waiting: string[] = []
  let wanted = 0
  return {
    push(text) {
      waiting.push(text)
      wanted -= text.length
      // a record over many pieces would be read from its beginning for each of them: wait until twice as much is there
      if (wanted > 0) return []
      rest = waiting.length === 1 && rest === '' ? text : rest + waiting.join('')
      waiting = []
      const found = records(false)
      wanted = found.length === 0 ? rest.length : 0
      return found
    },
    end() {
      rest += waiting.join('')
      waiting = []
      return rest === '' ? [] : records(true)
    },
  }
}

// comma, quote, LF, CR
const isStop = (code: number): boolean => code === 44 || code === 34 || code === 10 || code === 13

function quoted(
  text: string,
  start: number,
  last: boolean,
  line: number,
): { readonly text: string; readonly next: number; readonly lines: number } | null {
  let from = start + 1
  for (;;) {
    const close = text.indexOf('"', from)
    if (close < 0) {
      if (last) throw broken(line, 'has quotes that are never closed')
      return null
    }
    if (text[close + 1] === '"') {
      from = close + 2
      continue
    }
    // whether it closes or is doubled, only the next piece will tell
    if (close + 1 >= text.length && !last) return null
    const inside = text.slice(start + 1, close)
    let lines = 0
    for (let at = inside.indexOf('\n'); at >= 0; at = inside.indexOf('\n', at + 1)) lines++
    return { text: inside.includes('"') ? inside.replaceAll('""', '"') : inside, next: close + 1, lines }
  }
}

function broken(line: number, what: string): Error {
  return unfit('csv', `The record on line ${line} ${what}.`, 'Read the bytes with text(); csv() takes RFC 4180.', { line })
}
