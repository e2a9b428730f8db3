import { invalid } from './columns'
import type { Sql } from './dialect'
import type { JsonNode } from './json-node'
import { every, some } from './logic'
import type { Json, JsonObject } from './types'

const MINUS_ZERO = { $: 'number', v: '-0' }
// SQLite's parser takes no more within one another.
const MAX_SEARCHES = 20

/** Whether there is exactly this value, given in normal form, at a place: part by part, since neither the order of keys nor the sign of a zero counts. */
export function equalTo(node: JsonNode, json: Json): Sql {
  return every(parts(node, json, 0))
}

/** Whether there is one of these values, given in normal form. */
export function amongThose(node: JsonNode, values: readonly Json[]): Sql {
  const numbers = values.filter((value) => typeof value === 'number' && value !== 0) as number[]
  const texts = values.filter((value) => typeof value === 'string')
  const others = values.filter((value) => typeof value !== 'string' && (typeof value !== 'number' || value === 0))
  return some([
    ...(numbers.length > 0 ? [node.among(numbers)] : []),
    ...(texts.length > 0 ? [node.among(texts)] : []),
    ...others.map((value) => equalTo(node, value)),
  ])
}

/** What a value counts for among those that a `where` may compare with: the parts of arrays and objects are conditions of their own, and long ones. */
export function weightOf(json: Json): number {
  if (typeof json !== 'object' || json === null || isTag(json)) return 1
  return Object.values(json).reduce((sum: number, part: Json) => sum + Math.max(5, weightOf(part)), 5)
}

/** Whether a value in normal form is a tag with at most a text: a Date, a bigint, bytes, NaN. */
export function isTag(json: Json): json is { readonly $: string; readonly v?: string } {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return false
  const { $: tag, v } = json as JsonObject
  return typeof tag === 'string' && (v === undefined || typeof v === 'string')
}

function parts(node: JsonNode, json: Json, searches: number): Sql[] {
  if (json === 0 || (isTag(json) && json.$ === 'number' && json.v === '-0')) return [some([node.same(0), node.same(MINUS_ZERO)])]
  if (typeof json !== 'object' || json === null || isTag(json)) return [node.same(json)]
  if (Array.isArray(json)) return [node.sized('array', json.length), ...json.flatMap((item, at) => parts(node.item(at), item, searches))]
  const members = Object.entries(json)
  return [
    node.sized('object', members.length),
    ...members.flatMap(([key, value]) => {
      const child = node.child(key)
      if (child !== undefined) return parts(child, value, searches)
      if (searches >= MAX_SEARCHES)
        throw invalid(`A value has more than ${MAX_SEARCHES} keys with quotes or backslashes within one another`, 'Ask for a part of it.')
      return [node.member(key, (member) => every(parts(member, value, searches + 1)))]
    }),
  ]
}
