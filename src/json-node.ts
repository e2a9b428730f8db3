import { type Dialect, join, raw, type Sql, sql } from './dialect'
import type { Json } from './types'

/** How two values are compared. */
export type Sign = '=' | '>' | '>=' | '<' | '<='

/** A place in a JSON document, as SQL. Whatever is asked about a place where nothing is, or something else, is false or unknown, and never an error. */
export interface JsonNode {
  /** whether there is anything */
  readonly present: Sql
  is(type: 'null' | 'number' | 'string' | 'array' | 'object'): Sql
  /** whether it is `null`, a boolean, a number, a string, or a tag with a text, and this one */
  same(json: Json): Sql
  /** whether it is a number in that relation. An expression index on the place can begin with it */
  number(sign: Sign, than: number): Sql
  /** whether it is one of those numbers, or one of those strings */
  among(values: readonly number[] | readonly string[]): Sql
  /** whether it is a string for whose text, to be compared by code point, that holds */
  string(test: (text: Sql) => Sql): Sql
  /** whether it is an array of so many elements, or an object of so many members */
  sized(type: 'array' | 'object', size: number): Sql
  /** the member of an object (tags and lists of pairs are objects here), or undefined where it must be searched for */
  child(key: string): JsonNode | undefined
  /** whether it is an object with such a member, searched for */
  member(key: string, test: (member: JsonNode) => Sql): Sql
  item(at: number): JsonNode
  /** whether it is an array with such an element */
  some(test: (item: JsonNode) => Sql): Sql
}

/** Config or state of the table `p`. */
export type Document = 'config' | 'state'

/** The JSON of rows, as SQL. */
export interface JsonSql {
  /** the whole document, without what the registry keeps in it */
  whole(document: Document): JsonNode
  /** what is at the end of a path, where every object on it is written as itself; undefined when it must be walked to */
  straight(document: Document, path: readonly string[]): JsonNode | undefined
  /** whether there is such a thing at the end of a path, however its objects are written */
  walked(document: Document, path: readonly string[], test: (end: JsonNode) => Sql): Sql
  /** whether an object of the row is written as a list of pairs, as the normal form does with keys `$` and `__proto__` */
  readonly paired: Sql
}

/** The JSON of rows in a database's SQL. Whatever is not a bare name is bound. */
export function jsonSql(dialect: Dialect): JsonSql {
  return dialect.provider === 'sqlite' ? sqlite() : postgresql(dialect)
}

// What stands in a literal as it is, and in SQLite's paths between double quotes.
const BARE = /^[^"'\\\p{Cc}]*$/u

function sqlite(): JsonSql {
  let aliases = 0
  const metadata = raw(`p."metadata"`)
  return {
    whole: (document) => at(document === 'state' ? sql`json_remove(${metadata}, '$.state.save_patterns')` : metadata, `$.${document}`),
    straight: (document, path) => (path.every((key) => BARE.test(key)) ? at(metadata, `$.${document}${path.map(step).join('')}`) : undefined),
    walked(document, path, test) {
      const [w, e, q, k, v] = ['w', 'e', 'q', 'k', 'v'].map((name) => raw(`${name}${aliases}`)) as [Sql, Sql, Sql, Sql, Sql]
      aliases++
      const root = raw(`'$.${document}'`)
      const object = sql`CASE ${w}."type" WHEN 'object' THEN ${w}."value" ELSE '{}' END`
      const pair = sql`CASE ${q}."type" WHEN 'array' THEN ${q}."value" ELSE '[]' END`
      const key = sql`json_extract(${JSON.stringify(path)}, '$[' || ${w}."depth" || ']')`
      const steps = raw(String(path.length))
      return sql`EXISTS (WITH RECURSIVE ${w}("depth", "type", "value") AS (
        SELECT 0, json_type(${metadata}, ${root}), json_extract(${metadata}, ${root})
        UNION ALL SELECT ${w}."depth" + 1, ${e}."type", ${e}."value" FROM ${w} JOIN json_each(${object}) ${e} ON ${e}."key" = ${key}
          WHERE ${w}."depth" < ${steps} AND json_type(${object}, '$."$"') IS NULL
        UNION ALL SELECT ${w}."depth" + 1, ${v}."type", ${v}."value" FROM ${w} JOIN json_each(${object}, '$.v') ${q} JOIN json_each(${pair}) ${k} JOIN json_each(${pair}) ${v}
          WHERE ${w}."depth" < ${steps} AND json_extract(${object}, '$."$"') = 'object' AND ${k}."key" = 0 AND ${k}."value" = ${key} AND ${v}."key" = 1)
        SELECT 1 FROM ${w} WHERE ${w}."depth" = ${steps} AND ${test(each(w))})`
    },
    paired: sql`instr(${metadata}, '"$":"object"') > 0`,
  }

  // A row of json_each, or of what has its columns `type` and `value`: a container as its text, a scalar as itself.
  function each(table: Sql): JsonNode {
    const [type, value] = [sql`${table}."type"`, sql`${table}."value"`]
    return node(sql`CASE WHEN ${type} IN ('array', 'object') THEN ${value} END`, '$', type, value)
  }

  function at(document: Sql, path: string): JsonNode {
    const literal = raw(`'${path}'`)
    return node(document, path, sql`json_type(${document}, ${literal})`, sql`json_extract(${document}, ${literal})`)
  }

  function node(document: Sql, path: string, type: Sql, value: Sql): JsonNode {
    const literal = raw(`'${path}'`)
    const is = (name: string): Sql =>
      name === 'number' ? sql`${type} IN ('integer', 'real')` : sql`${type} = ${raw(`'${name === 'string' ? 'text' : name}'`)}`
    // Read from text by the database itself, as the stored one was: 47930225358188010 is another number as JSON than as a double.
    const constant = (given: number): Sql => sql`json_extract(${JSON.stringify(given)}, '$')`
    const number = (sign: Sign, than: number): Sql => sql`(${is('number')} AND ${value} ${raw(sign)} ${constant(than)})`
    return {
      present: sql`${type} IS NOT NULL`,
      is,
      same(json) {
        if (json === null) return is('null')
        if (typeof json === 'boolean') return sql`(${type} = ${raw(`'${json}'`)} AND ${value} = ${raw(json ? '1' : '0')})`
        if (typeof json === 'number') return number('=', json)
        if (typeof json === 'string') return sql`(${is('string')} AND ${value} = ${json})`
        return sql`(${is('object')} AND ${value} = ${JSON.stringify(json)})`
      },
      number,
      among(values) {
        const [first] = values
        if (typeof first === 'number') return sql`(${is('number')} AND ${value} IN (${join((values as number[]).map(constant))}))`
        return sql`(${is('string')} AND ${value} IN (${join([...values])}))`
      },
      string: (test) => sql`(${is('string')} AND ${test(value)})`,
      sized: (name, size) => sql`(${is(name)} AND (SELECT count(*) FROM json_each(${document}, ${literal})) = ${raw(String(size))})`,
      child: (key) => (BARE.test(key) ? at(document, `${path}${step(key)}`) : undefined),
      member(key, test) {
        const e = raw(`e${aliases++}`)
        return sql`(${is('object')} AND EXISTS (SELECT 1 FROM json_each(${document}, ${literal}) ${e} WHERE ${e}."key" = ${key} AND ${test(each(e))}))`
      },
      item: (index) => at(document, `${path}[${index}]`),
      some(test) {
        const e = raw(`e${aliases++}`)
        return sql`(${is('array')} AND EXISTS (SELECT 1 FROM json_each(${document}, ${literal}) ${e} WHERE ${test(each(e))}))`
      },
    }
  }
}

function step(key: string): string {
  return /^[A-Za-z_]\w*$/.test(key) ? `.${key}` : `."${key}"`
}

function postgresql(dialect: Dialect): JsonSql {
  let aliases = 0
  const metadata = raw(`p."metadata"`)
  const root = (document: Document): Sql => sql`${metadata} -> ${raw(`'${document}'`)}`
  return {
    whole: (document) => top(document === 'state' ? sql`((${root(document)}) - 'save_patterns')` : sql`(${root(document)})`),
    straight: (document, path) => path.reduce((holder, key) => inside(holder.json, key), top(sql`(${root(document)})`)),
    walked(document, path, test) {
      const [w, q] = [raw(`w${aliases}`), raw(`q${aliases}`)]
      aliases++
      const key = sql`(${dialect.typed(JSON.stringify(path), 'json')} ->> ${w}."depth")`
      const steps = raw(String(path.length))
      return sql`EXISTS (WITH RECURSIVE ${w}("depth", "json") AS (
        SELECT 0, ${root(document)}
        UNION ALL SELECT ${w}."depth" + 1, CASE ${w}."json" ->> '$' WHEN 'object'
            THEN (SELECT ${q}."pair" -> 1 FROM jsonb_array_elements(${arrayOr(sql`${w}."json" -> 'v'`)}) AS ${q}("pair") WHERE ${q}."pair" ->> 0 = ${key} LIMIT 1)
            ELSE ${w}."json" -> ${key} END
          FROM ${w} WHERE ${w}."depth" < ${steps} AND jsonb_typeof(${w}."json") = 'object' AND coalesce(${w}."json" ->> '$', 'object') = 'object')
        SELECT 1 FROM ${w} WHERE ${w}."depth" = ${steps} AND ${test(top(sql`${w}."json"`))})`
    },
    paired: sql`strpos(${metadata}::text, '"$": "object"') > 0`,
  }

  function top(json: Sql): JsonNode & { readonly json: Sql } {
    return node(json, sql`(${json} #>> '{}')`)
  }

  function inside(holder: Sql, key: string | number): JsonNode & { readonly json: Sql } {
    const name = typeof key === 'number' ? raw(String(key)) : BARE.test(key) ? raw(`'${key}'`) : dialect.typed(key, 'text')
    return node(sql`(${holder} -> ${name})`, sql`(${holder} ->> ${name})`)
  }

  function arrayOr(json: Sql): Sql {
    return sql`CASE WHEN jsonb_typeof(${json}) = 'array' THEN ${json} END`
  }

  function node(json: Sql, text: Sql): JsonNode & { readonly json: Sql } {
    const is = (name: string): Sql => sql`jsonb_typeof(${json}) = ${raw(`'${name}'`)}`
    const constant = (given: Json): Sql => dialect.typed(JSON.stringify(given), 'json')
    const sorted = dialect.binary(text)
    return {
      json,
      present: sql`${json} IS NOT NULL`,
      is,
      same: (given) =>
        typeof given === 'string' ? sql`(${is('string')} AND ${sorted} = ${dialect.typed(given, 'text')})` : sql`${json} = ${constant(given)}`,
      // Numbers are compared by their decimal texts here: no two doubles have the same one, and the order is theirs.
      number: (sign, than) => sql`(${is('number')} AND ${json} ${raw(sign)} ${constant(than)})`,
      among(values) {
        const [first] = values
        if (typeof first === 'number') return sql`(${is('number')} AND ${json} IN (${join((values as number[]).map(constant))}))`
        return sql`(${is('string')} AND ${sorted} IN (${join([...values])}))`
      },
      string: (test) => sql`(${is('string')} AND ${test(sorted)})`,
      sized(name, size) {
        const count =
          name === 'array'
            ? sql`jsonb_array_length(${arrayOr(json)})`
            : sql`(SELECT count(*) FROM jsonb_object_keys(CASE WHEN ${is('object')} THEN ${json} END))`
        return sql`(${is(name)} AND ${count} = ${raw(String(size))})`
      },
      child: (key) => inside(json, key),
      member: (key, test) => test(inside(json, key)),
      item: (index) => inside(json, index),
      some(test) {
        const e = raw(`e${aliases++}`)
        return sql`EXISTS (SELECT 1 FROM jsonb_array_elements(${arrayOr(json)}) AS ${e}("json") WHERE ${test(top(sql`${e}."json"`))})`
      },
    }
  }
}
