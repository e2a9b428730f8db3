import { invalid } from './columns'
import type { Dialect, Sql } from './dialect'
import { suggest } from './errors'
import { amongThose, equalTo, weightOf } from './json-equality'
import { JSON_OPERATORS, type JsonOperator } from './json-filter'
import { type Document, type JsonNode, type JsonSql, jsonSql } from './json-node'
import { type Bound, within } from './json-range'
import { every, not, some } from './logic'
import { MAX_DEPTH, normalize } from './normal'
import { pathText } from './normal/path'
import { isPlainObject } from './normal/plain'
import { isTextOperator, textCondition } from './text-condition'
import type { Json } from './types'
import type { WhereBudget } from './where-budget'

type Given = Readonly<Record<string, unknown>>

/** Conditions on config or state, as SQL over the table `p`. Throws `INVALID_QUERY` with the path and the near names. */
export function jsonConditions(dialect: Dialect, document: Document, filter: unknown, budget: WhereBudget): Sql[] {
  const json = jsonSql(dialect)
  if (!isPlainObject(filter)) throw invalid(`The condition on "${document}" is no plain object`, `Write ${document}: { rate: { gt: 0.1 } }.`)
  return conditions([], filter)

  function conditions(path: readonly string[], given: unknown): Sql[] {
    if (given === undefined) return []
    const name = pathText(document, path)
    if (!isPlainObject(given)) return operators(path, name, { equals: given })
    if (!Object.keys(given).some(isOperator)) return members(path, name, given)
    const unknown = Object.keys(given).find((key) => !isOperator(key))
    if (unknown !== undefined)
      throw invalid(
        `"${name}" has no condition "${unknown}"`,
        `${suggest(unknown, JSON_OPERATORS, '')} Conditions on members go into { is: { … } } where one of them is called as a condition is.`,
      )
    const { is, ...own } = given
    if (is === undefined) return operators(path, name, own)
    if (!isPlainObject(is))
      throw invalid(`The condition "is" on "${name}" is no plain object`, 'Write { is: { member: value } }, or equals for a whole value.')
    return [...operators(path, name, own), ...members(path, name, is)]
  }

  function members(path: readonly string[], name: string, given: Given): Sql[] {
    if (path.length >= MAX_DEPTH) throw invalid(`"${name}" is nested deeper than ${MAX_DEPTH} levels`, 'Nothing that is stored is so deep.')
    if (path.length === 0 && document === 'state' && Object.hasOwn(given, 'save_patterns'))
      throw invalid('"state.save_patterns" is the registry’s own', 'Leave it out: no state has such a member.')
    return Object.entries(given).flatMap(([key, inner]) => {
      // Refused as it is where something is stored.
      normal(key, `the key of ${pathText(document, [...path, key])}`)
      return conditions([...path, key], inner)
    })
  }

  function operators(path: readonly string[], name: string, given: Given): Sql[] {
    const entries = Object.entries(given).filter(([, value]) => value !== undefined) as [JsonOperator, unknown][]
    const bounds = entries.flatMap(([operator, value]): Bound[] => {
      if (operator !== 'gt' && operator !== 'gte' && operator !== 'lt' && operator !== 'lte') return []
      normal(value, `${name}.${operator}`)
      return [{ operator, value }]
    })
    const tests = entries.flatMap(([operator, value]) => testsOf(operator, value, name))
    if (bounds.length > 0) {
      budget.spend(bounds.length)
      tests.push((node) => within(node, bounds, `"${name}"`))
    }
    const absent = entries.some(([operator, value]) => operator === 'exists' && value === false)
    return [
      ...(tests.length > 0 ? [at(json, document, path, (node) => every(tests.map((test) => test(node))))] : []),
      ...(absent ? [not(at(json, document, path, (node) => node.present))] : []),
    ]
  }

  function testsOf(operator: JsonOperator, value: unknown, name: string): ((node: JsonNode) => Sql)[] {
    const what = `${name}.${operator}`
    const wrong = (wanted: string) => invalid(`The condition "${operator}" on "${name}" needs ${wanted}`, `Pass ${wanted}.`)
    const list = (): readonly Json[] => {
      if (!Array.isArray(value)) throw invalid(`"${operator}" of "${name}" is not a list`, `Write { ${operator}: [ … ] }.`)
      return value.map((item, i) => compared(item, `${what}[${i}]`))
    }
    const compared = (item: unknown, what: string): Json => {
      const json = normal(item, what)
      budget.spend(weightOf(json))
      return json
    }
    if (isTextOperator(operator)) {
      if (typeof value !== 'string') throw wrong('a string')
      normal(value, what)
      budget.spend(1)
      return [(node) => node.string((text) => textCondition(dialect, operator, text, value))]
    }
    // Nothing is known of what is not there, and null is what holds nothing: `not` finds neither, as with columns.
    const other = (same: (node: JsonNode) => Sql) => (node: JsonNode) => every([node.present, not(node.is('null')), not(same(node))])
    switch (operator) {
      case 'equals':
      case 'not': {
        const json = compared(value, what)
        const same = (node: JsonNode) => equalTo(node, json)
        return [operator === 'equals' ? same : other(same)]
      }
      case 'in':
      case 'notIn': {
        const all = list()
        const same = (node: JsonNode) => amongThose(node, all)
        return [operator === 'in' ? same : other(same)]
      }
      case 'has': {
        const json = compared(value, what)
        return [(node) => anyOf(node, (item) => equalTo(item, json))]
      }
      case 'hasSome': {
        const all = list()
        return [(node) => anyOf(node, (item) => amongThose(item, all))]
      }
      case 'hasEvery': {
        const all = list()
        // Of none it is still a question about a list.
        return [(node) => (all.length === 0 ? listOf(node) : every(all.map((json) => anyOf(node, (item) => equalTo(item, json)))))]
      }
      case 'exists':
        if (typeof value !== 'boolean') throw wrong('true or false')
        budget.spend(1)
        return value ? [(node) => node.present] : []
      default:
        return []
    }
  }
}

function at(json: JsonSql, document: Document, path: readonly string[], test: (node: JsonNode) => Sql): Sql {
  if (path.length === 0) return test(json.whole(document))
  const walked = () => json.walked(document, path, test)
  // An object with such a key is written as a list of pairs.
  if (path.some((key) => key === '$' || key === '__proto__')) return every([json.paired, walked()])
  const straight = json.straight(document, path)
  if (straight === undefined) return walked()
  // The text of a tag is no member of a Date.
  const untagged = path.flatMap((key, i) => {
    const tag = key === 'v' ? json.straight(document, path.slice(0, i))?.child('$') : undefined
    return tag === undefined ? [] : [not(tag.present)]
  })
  return some([every([...untagged, test(straight)]), every([json.paired, walked()])])
}

// An array, or the elements of a Set.
function anyOf(node: JsonNode, test: (item: JsonNode) => Sql): Sql {
  const [tag, elements] = [node.child('$'), node.child('v')]
  return some([node.some(test), ...(tag === undefined || elements === undefined ? [] : [every([tag.same('set'), elements.some(test)])])])
}

function listOf(node: JsonNode): Sql {
  const tag = node.child('$')
  return some([node.is('array'), ...(tag === undefined ? [] : [tag.same('set')])])
}

function isOperator(key: string): key is JsonOperator {
  return (JSON_OPERATORS as readonly string[]).includes(key)
}

function normal(value: unknown, what: string): Json {
  return normalize(value, { what, code: 'INVALID_QUERY' })
}
