import { COLUMNS, invalid } from './columns'
import type { ColumnsSpec } from './companion'
import { type ColumnsWhere, companionConditions } from './companion-query'
import { quoted } from './companion-sql'
import { type RowWhere, rowConditions } from './conditions'
import { type Dialect, raw, type Sql, sql } from './dialect'
import { suggest } from './errors'
import { jsonConditions } from './json-conditions'
import type { JsonFilter } from './json-filter'
import { every, not, some } from './logic'
import { isPlainObject } from './normal/plain'
import { type TagFilter, tagConditions } from './tag-conditions'
import { type WhereBudget, whereBudget } from './where-budget'

/**
 * Conditions; all of them must hold. A member that is `undefined` is no condition.
 *
 * @typeParam Cols - columns of the type that is looked for
 * @typeParam Config - its config; `unknown` takes any conditions
 * @typeParam State - its state
 * @example const where: Where = { config: { rate: { gt: 0.1 } }, OR: [{ tags: { stage: 'ok' } }, { author: 'ann' }] }
 */
export type Where<Cols = object, Config = unknown, State = unknown> = RowWhere &
  ColumnsWhere<Cols> &
  RecordWhere<Config, State> &
  Logic<Where<Cols, Config, State>>

/** Conditions on what a record holds besides its row. */
export interface RecordWhere<Config, State> {
  readonly config?: JsonFilter<Config>
  readonly state?: JsonFilter<State>
  /** by key; every one of them must hold */
  readonly tags?: Readonly<Record<string, TagFilter>>
}

/** Conditions made of others. */
export interface Logic<W> {
  /** all of them hold */
  readonly AND?: W | readonly W[]
  /** at least one of them holds; of an empty list none does */
  readonly OR?: readonly W[]
  /** none of them holds; one without conditions says nothing */
  readonly NOT?: W | readonly W[]
}

/** A `where` as SQL. */
export interface Conditions {
  /** on the table `p`, and, within OR and NOT, on `c`, which may then be missing */
  readonly base: readonly Sql[]
  /** on columns of the table `c` alone, which must all hold */
  readonly columns: readonly Sql[]
  /** whether `base` names the table `c` */
  readonly nested: boolean
}

const LOGIC: readonly string[] = ['AND', 'OR', 'NOT']
const BASE: readonly string[] = [...Object.keys(COLUMNS), 'tags', 'config', 'state', ...LOGIC]
const MAX_LEVELS = 30

/** The conditions of a `where`. Throws `INVALID_QUERY` with the near names. @param spec - of the companion model, where there is one */
export function conditionsOf(dialect: Dialect, spec: ColumnsSpec | undefined, where: unknown): Conditions {
  return conditionsIn(where, whereBudget(), 'where', 0)

  function conditionsIn(given: unknown, budget: WhereBudget, what: string, level: number): Conditions {
    if (!isPlainObject(given)) throw invalid(`${what} is no plain object`, "Write where: { name: 'clf' }.")
    if (level > MAX_LEVELS) throw invalid(`AND, OR and NOT are nested deeper than ${MAX_LEVELS} levels`, 'Write it flatter.')
    const base: Sql[] = []
    const columns: Sql[] = []
    let nested = false
    for (const [key, value] of Object.entries(given)) {
      if (value === undefined) continue
      if (spec !== undefined && Object.hasOwn(spec.fields, key)) columns.push(...companionConditions(dialect, spec, { [key]: value }, budget))
      else if (LOGIC.includes(key)) {
        const parts = partsOf(key, value).map((part) => conditionsIn(part, budget, `A part of ${key}`, level + 1))
        nested ||= parts.some((part) => part.nested || (key !== 'AND' && part.columns.length > 0))
        if (key === 'AND') {
          base.push(...parts.flatMap((part) => part.base))
          columns.push(...parts.flatMap((part) => part.columns))
        } else if (key === 'OR') base.push(some(parts.map((part) => every(allOf(part)))))
        else
          base.push(
            ...parts
              .map(allOf)
              .filter(({ length }) => length > 0)
              .map((all) => not(every(all))),
          )
      } else if (key === 'tags') base.push(...tagConditions(dialect, value, budget))
      else if (key === 'config' || key === 'state') base.push(...jsonConditions(dialect, key, value, budget))
      else if (Object.hasOwn(COLUMNS, key)) base.push(...rowConditions(dialect, key as keyof typeof COLUMNS, value, budget))
      else throw invalid(`There is no condition on "${key}"`, suggest(key, [...Object.keys(spec?.fields ?? {}), ...BASE], ''))
    }
    return { base, columns, nested }
  }

  function partsOf(key: string, value: unknown): readonly unknown[] {
    if (Array.isArray(value)) return value
    if (key !== 'OR' && isPlainObject(value)) return [value]
    throw invalid(`"${key}" is no list of conditions`, `Write ${key}: [{ name: 'a' }, { name: 'b' }].`)
  }

  // What has no companion fits no condition on its columns, not even `null`.
  function allOf({ base, columns }: Conditions): readonly Sql[] {
    return columns.length === 0 ? base : [...base, sql`c.${raw(quoted(spec?.id ?? 'id'))} IS NOT NULL`, ...columns]
  }
}
