import { invalid, isStorable } from './columns'
import { raw, type Sql, sql } from './dialect'
import type { JsonNode, Sign } from './json-node'
import { every, some } from './logic'

/** A bound: how, and of what. */
export interface Bound {
  readonly operator: 'gt' | 'gte' | 'lt' | 'lte'
  readonly value: unknown
}

const SIGNS: Readonly<Record<Bound['operator'], Sign>> = { gt: '>', gte: '>=', lt: '<', lte: '<=' }
const KINDS = ['number', 'bigint', 'string', 'date'] as const
const SPECIAL_NUMBERS = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0]

/** Whether a place is within bounds; of bounds of several types nothing is. Throws `INVALID_QUERY` for what has no order. @param path - for messages */
export function within(node: JsonNode, bounds: readonly Bound[], path: string): Sql {
  const kinds = bounds.map(({ operator, value }) => kindOf(operator, value, path))
  const conditions = KINDS.flatMap((kind) => {
    const some = bounds.filter((_, at) => kinds[at] === kind)
    return some.length === 0 ? [] : [RANGES[kind](node, some)]
  })
  return every(conditions)
}

function kindOf(operator: string, value: unknown, path: string): (typeof KINDS)[number] {
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string') return typeof value as 'number' | 'bigint' | 'string'
  if (value instanceof Date && isStorable(value)) return 'date'
  throw invalid(`The condition "${operator}" on ${path} needs a number, a bigint, a string or a Date of the years 1 to 9999`, 'Pass one of these.')
}

const RANGES: Readonly<Record<(typeof KINDS)[number], (node: JsonNode, bounds: readonly Bound[]) => Sql>> = {
  number(node, bounds) {
    const holds = (number: number): boolean => bounds.every(({ operator, value }) => compare(number, operator, value as number))
    // What JSON has no number for is stored as a tag; whether it is within the bounds is known here.
    const specials = SPECIAL_NUMBERS.filter(holds).map((number) => node.same({ $: 'number', v: Object.is(number, -0) ? '-0' : String(number) }))
    const finite = bounds.filter(({ value }) => Number.isFinite(value))
    const endless = bounds.filter(({ value }) => !Number.isFinite(value))
    if (!endless.every(({ operator, value }) => compare(0, operator, value as number))) return some(specials)
    const numbers =
      finite.length === 0 ? node.is('number') : every(finite.map(({ operator, value }) => node.number(SIGNS[operator], (value as number) + 0)))
    return some([numbers, ...specials])
  },
  string: (node, bounds) =>
    node.string((text) => every(bounds.map(({ operator, value }) => sql`${text} ${raw(SIGNS[operator])} ${value as string}`))),
  bigint: (node, bounds) => tagged(node, 'bigint', (text) => every(bounds.map(({ operator, value }) => integer(text, operator, value as bigint)))),
  date: (node, bounds) => tagged(node, 'date', (text) => every(bounds.map(({ operator, value }) => time(text, operator, value as Date)))),
}

function compare(a: number, operator: Bound['operator'], b: number): boolean {
  return operator === 'gt' ? a > b : operator === 'gte' ? a >= b : operator === 'lt' ? a < b : a <= b
}

function tagged(node: JsonNode, tag: string, test: (text: Sql) => Sql): Sql {
  const [name, value] = [node.child('$'), node.child('v')]
  return name === undefined || value === undefined ? raw('1 = 0') : every([node.is('object'), name.same(tag), value.string(test)])
}

// Of decimals without leading zeros the longer one is the greater, and among those of one length the order is that of texts; below zero both are reversed.
function integer(text: Sql, operator: Bound['operator'], than: bigint): Sql {
  const given = String(than)
  const up = operator === 'gt' || operator === 'gte'
  const negative = sql`substr(${text}, 1, 1) = '-'`
  const positive = sql`substr(${text}, 1, 1) <> '-'`
  const reversed = than < 0n
  const longer = up !== reversed
  const sign = raw(`${longer ? '>' : '<'}${operator.length === 3 ? '=' : ''}`)
  const length = raw(String(given.length))
  const same = sql`((length(${text}) ${raw(longer ? '>' : '<')} ${length}) OR (length(${text}) = ${length} AND ${text} ${sign} ${given}))`
  const besides = reversed ? (up ? [positive] : []) : up ? [] : [negative]
  return some([every([reversed ? negative : positive, same]), ...besides])
}

// Years beyond four digits begin with a sign: those after 9999 sort before all digits, as those before 0 do and should.
function time(text: Sql, operator: Bound['operator'], than: Date): Sql {
  const up = operator === 'gt' || operator === 'gte'
  const late = sql`substr(${text}, 1, 1) ${raw(up ? '=' : '<>')} '+'`
  const compared = sql`${text} ${raw(SIGNS[operator])} ${than.toISOString()}`
  return (up ? some : every)([compared, late])
}
