import { types as kinds } from 'node:util'
import { PersistablesError } from '../../errors'
import { jsonText } from './json-text'
import { kindOf, unfit } from './unfit'
import { loneSurrogate } from './utf8'

/** What a column holds. Every column takes `null` too. */
export type ParquetType = 'string' | 'number' | 'bigint' | 'boolean' | 'date' | 'bytes' | 'json'

const INT64: readonly [bigint, bigint] = [-(2n ** 63n), 2n ** 63n - 1n]
const TYPES: readonly ParquetType[] = ['string', 'number', 'bigint', 'boolean', 'date', 'bytes', 'json']

/** Columns and their types, checked. Throws `INVALID_OPTION`. */
export function parquetColumns(columns: Readonly<Record<string, ParquetType>>): ReadonlyMap<string, ParquetType> {
  const all = Object.entries(columns)
  const wrong = all.find(([name, type]) => !TYPES.includes(type) || loneSurrogate(name) >= 0)
  if (all.length > 0 && wrong === undefined) return new Map(all)
  throw new PersistablesError(
    'INVALID_OPTION',
    wrong === undefined
      ? 'parquet() got no columns at all.'
      : `parquet() cannot keep the column ${JSON.stringify(wrong[0])} of type ${String(wrong[1])}.`,
    { fix: `Write parquet({ columns: { name: 'string', mass: 'number' } }); types are ${TYPES.join(', ')}.` },
  )
}

/** The type of a value, or `undefined` for null and for what no column can hold. */
export function parquetTypeOf(value: unknown): ParquetType | undefined {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'bigint':
    case 'boolean':
      return typeof value as ParquetType
    case 'object':
      if (value === null) return undefined
      if (value instanceof Date) return 'date'
      if (kinds.isUint8Array(value)) return 'bytes'
      return ArrayBuffer.isView(value) ? undefined : 'json'
    default:
      return undefined
  }
}

/** What is wrong with a value, to stand behind its place in a message; `undefined` for one that fits its column. */
export function parquetMisfit(value: unknown, type: ParquetType): string | undefined {
  const found = parquetTypeOf(value)
  if (value === null) return undefined
  // a column of nested values may hold texts, numbers and truths as well
  const nested = type === 'json' && (found === 'string' || found === 'number' || found === 'boolean')
  if (found !== type && !nested) return `is ${kindOf(value)}, and the column holds ${type === 'json' ? 'nested values' : `a ${type}`}`
  if (type === 'string' && loneSurrogate(value as string) >= 0) return 'has half a surrogate pair, which UTF-8 cannot hold'
  if (type === 'bigint' && ((value as bigint) < INT64[0] || (value as bigint) > INT64[1])) return 'does not fit 64 bits'
  if (type === 'date' && Number.isNaN((value as Date).getTime())) return 'is an invalid Date'
  return undefined
}

/**
 * A nested value as the library writes it: plain, with sorted keys. Throws `INVALID_ARTIFACT`, with the path, for what JSON would change, -0 too, which the library drops.
 */
export function nestedValue(value: unknown, where: string): unknown {
  const next = jsonText('parquet', value, where)
  let text = ''
  for (let done = false; !done; ) {
    const piece = next(Number.POSITIVE_INFINITY)
    text += piece.text
    done = piece.done
  }
  return JSON.parse(text, (_, member: unknown) => {
    if (Object.is(member, -0)) throw unfit('parquet', `parquet() cannot keep the -0 within ${where}.`, 'Use 0, or a column of numbers.')
    return member
  })
}
