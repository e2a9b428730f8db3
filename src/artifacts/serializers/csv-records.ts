import { unfit } from './unfit'

/** One record: its fields, and the number of the line that it begins on, 1 for the first. */
export interface CsvRecord {
  /** `null` is a field with nothing in it, not even quotes */
  readonly fields: readonly (string | null)[]
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
  // where the field or record that was read last ends, and how many lines it took
  let next = 0
  let lines = 1

  /** the text within the quotes at `start`; `null` when more is needed to see where they close */
  const quoted = (text: string, start: number, last: boolean): string | null => {
    for (let from = start + 1; ; ) {
      const close = text.indexOf('"', from)
      if (close < 0) {
        if (last) throw broken(line, 'has quotes that are never closed')
        return null
      }
      if (text.charCodeAt(close + 1) === QUOTE) {
        from = close + 2
        continue
      }
      // whether it closes or is doubled, only the next piece will tell
      if (close + 1 >= text.length && !last) return null
      const inside = text.slice(start + 1, close)
      for (let at = inside.indexOf('\n'); at >= 0; at = inside.indexOf('\n', at + 1)) lines++
      next = close + 1
      return inside.includes('"') ? inside.replaceAll('""', '"') : inside
    }
  }

  /** the fields of the record at `at`; `null` when more text is needed */
  const record = (text: string, at: number, last: boolean): (string | null)[] | null => {
    const fields: (string | null)[] = []
    lines = 1
    for (let start = at; ; ) {
      if (text.charCodeAt(start) === QUOTE) {
        const field = quoted(text, start, last)
        if (field === null) return null
        fields.push(field)
      } else {
        next = start
        while (next < text.length && !isStop(text.charCodeAt(next))) next++
        if (text.charCodeAt(next) === QUOTE) throw broken(line, 'has a quote within a field that is not in quotes')
        fields.push(next === start ? null : text.slice(start, next))
      }
      if (next >= text.length) return last ? fields : null
      const stop = text.charCodeAt(next++)
      if (stop === LF) return fields
      if (stop === COMMA) {
        start = next
        continue
      }
      if (stop !== CR) throw broken(line, 'goes on behind the quote that closes a field')
      if (next >= text.length && !last) return null
      if (text.charCodeAt(next++) !== LF) throw broken(line, 'has a carriage return that no line feed follows')
      return fields
    }
  }

  const records = (last: boolean): CsvRecord[] => {
    const found: CsvRecord[] = []
    let at = 0
    while (at < rest.length) {
      const fields = record(rest, at, last)
      if (fields === null) break
      found.push({ fields, line })
      line += lines
      at = next
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

const [COMMA, QUOTE, LF, CR] = [44, 34, 10, 13]
const isStop = (code: number): boolean => code === COMMA || code === QUOTE || code === LF || code === CR

function broken(line: number, what: string): Error {
  return unfit('csv', `The record on line ${line} ${what}.`, 'Read the bytes with text(); csv() takes RFC 4180.', { line })
}
