import { InvalidArgumentError } from 'commander'
import { reason } from '../errors'
import { restore } from '../normal'
import type { OrderBy } from '../order'
import type { Json } from '../types'
import type { Where } from '../where'

const TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/

/** Reads `2026-08-01`, `2026-08-01T12:30` or `2026-08-01T12:30:00+02:00`; without a zone it is UTC, as times are shown. */
export function timeOption(text: string): Date {
  const date = new Date(TIME.test(text) && text.includes('T') && !/(Z|[+-]\d{2}:?\d{2})$/.test(text) ? `${text}Z` : text)
  if (TIME.test(text) && !Number.isNaN(date.getTime())) return date
  throw new InvalidArgumentError('Write an ISO time, such as 2026-08-01 or 2026-08-01T12:30:00Z.')
}

/** Reads a whole number of at least 1. */
export function countOption(text: string): number {
  const count = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(count) && count > 0) return count
  throw new InvalidArgumentError('Write a whole number of at least 1.')
}

/** Reads `key=value`, and adds it to those before. The value may be empty and may hold `=`. */
export function tagOption(text: string, before: ReadonlyMap<string, string> = new Map()): ReadonlyMap<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('Write key=value.')
  const key = text.slice(0, at).normalize('NFC')
  if (before.has(key)) throw new InvalidArgumentError(`A tag has one value, and "${key}" is given twice.`)
  return new Map([...before, [key, text.slice(at + 1)]])
}

/** Reads `createdAt:desc`, or `createdAt`: then times and versions begin with the newest, names with the first letter. */
export function orderOption(text: string): OrderBy {
  const [key = '', direction, ...more] = text.split(':')
  if (more.length > 0 || key === '') throw new InvalidArgumentError('Write a key, or key:asc or key:desc.')
  // The query knows the keys and directions, and names them in its errors.
  return { [key]: direction ?? (['createdAt', 'modifiedAt', 'version'].includes(key) ? 'desc' : 'asc') } as OrderBy
}

/** Reads conditions as JSON; what JSON has no value for (a Date, a bigint) is written as the normal form has it. */
export function whereOption(text: string): Where {
  try {
    // The query knows the conditions, and names them in its errors.
    return restore(JSON.parse(text) as Json, { what: 'where' }) as Where
  } catch (error) {
    throw new InvalidArgumentError(`Write conditions as JSON, such as '{"config":{"rate":{"gt":0.1}}}' (${reason(error)}).`)
  }
}

/** Adds one to a list, for options that may be given more than once. */
export function listOption(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Reads a length of time, as `24h` or `30d`, into milliseconds. */
export function durationOption(text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? []
  if (number !== '') return Number(number) * UNITS[unit as keyof typeof UNITS]
  throw new InvalidArgumentError('Write a number and a unit, such as 24h or 30d; units are ms, s, m, h and d.')
}
