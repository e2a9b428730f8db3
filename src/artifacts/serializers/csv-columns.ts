import { PersistablesError } from '../../errors'
import { kindOf } from './unfit'
import { loneSurrogate } from './utf8'

/** What a column holds. With `?` it may be `null` too: an empty field; `""` is an empty text. */
export type CsvType = 'string' | 'number' | 'boolean' | 'bigint' | 'date' | 'string?' | 'number?' | 'boolean?' | 'bigint?' | 'date?'

interface Values {
  readonly string: string
  readonly number: number
  readonly boolean: boolean
  readonly bigint: bigint
  readonly date: Date
}

/** The type of a column's values. */
export type CsvValue<T extends CsvType> = T extends `${infer Base extends keyof Values}?`
  ? Values[Base] | null
  : T extends keyof Values
    ? Values[T]
    : never

/** A row of the columns of a `csv({ columns })`. */
export type CsvRow<C extends Readonly<Record<string, CsvType>>> = { -readonly [K in keyof C]: CsvValue<C[K]> }

const TYPES: readonly string[] = ['string', 'number', 'boolean', 'bigint', 'date'].flatMap((type) => [type, `${type}?`])
// with a zone where there is a time: without one it would depend on where it is read
const DATE = /^(?:\d{4}|[+-]\d{6})-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/
const NUMBER = /^-?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity)$|^NaN$/

/** Whether `type` is one of {@link CsvType}. */
export function isCsvType(type: unknown): type is CsvType {
  return typeof type === 'string' && TYPES.includes(type)
}

/** Columns and their types, checked. Throws `INVALID_OPTION`. */
export function csvColumns(columns: Readonly<Record<string, CsvType>>): ReadonlyMap<string, CsvType> {
  const all = Object.entries(columns)
  const wrong = all.find(([name, type]) => !isCsvType(type) || loneSurrogate(name) >= 0)
  if (all.length > 0 && wrong === undefined) return new Map(all)
  throw new PersistablesError(
    'INVALID_OPTION',
    wrong === undefined ? 'csv() got no columns at all.' : `csv() cannot keep the column ${JSON.stringify(wrong[0])} of type ${String(wrong[1])}.`,
    { fix: `Write csv({ columns: { name: 'string', mass: 'number?' } }); types are ${TYPES.join(', ')}.` },
  )
}

/** What is wrong with a value or a field, to stand behind its place in a message. */
export class CsvMisfit {
  readonly what: string
  constructor(what: string) {
    this.what = what
  }
}

/** A value as the text of its field. Returns a {@link CsvMisfit} for one that does not fit its column. */
export function csvText(value: unknown, type: CsvType | undefined): string | CsvMisfit {
  const base = type === undefined ? 'string' : type.replace('?', '')
  if (value === null || value === undefined) {
    if (type?.endsWith('?') === true) return ''
    return new CsvMisfit(
      `is ${String(value)}, and the column takes ${type === undefined ? 'text alone (give csv() columns with types)' : `no null (use '${type}?')`}`,
    )
  }
  if (base === 'date') {
    if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString()
    return new CsvMisfit(`is ${value instanceof Date ? 'an invalid Date' : kindOf(value)}, and the column holds dates`)
  }
  if (typeof value !== base) {
    return new CsvMisfit(`is ${kindOf(value)}, and the column holds ${type === undefined ? 'text (give csv() columns with types)' : `a ${base}`}`)
  }
  if (typeof value !== 'string') return Object.is(value, -0) ? '-0' : String(value)
  if (loneSurrogate(value) >= 0) return new CsvMisfit('has half a surrogate pair, which UTF-8 cannot hold')
  // quotes are what tells an empty text from null
  return value === '' && type === 'string?' ? '""' : quote(value)
}

/** A text as a field: in quotes where it needs them; a byte order mark does, because one at the beginning of a file is skipped. */
export function quote(text: string): string {
  return /[",\r\n\ufeff]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** The value of a field, `null` for one with nothing in it. Returns a {@link CsvMisfit} for one that does not fit its column. */
export function csvValue(field: string | null, type: CsvType | undefined): unknown {
  const text = field ?? ''
  if (type === undefined || type === 'string') return text
  if (field === null && type.endsWith('?')) return null
  const wrong = (): CsvMisfit => new CsvMisfit(`is ${JSON.stringify(text.slice(0, 60))}, and the column holds a ${type.replace('?', '')}`)
  switch (type) {
    case 'string?':
      return text
    case 'number':
    case 'number?':
      return NUMBER.test(text) ? Number(text) : wrong()
    case 'boolean':
    case 'boolean?':
      return text === 'true' ? true : text === 'false' ? false : wrong()
    case 'bigint':
    case 'bigint?':
      return /^-?\d+$/.test(text) ? BigInt(text) : wrong()
    default: {
      const date = new Date(text)
      return DATE.test(text) && !Number.isNaN(date.getTime()) ? date : wrong()
    }
  }
}
