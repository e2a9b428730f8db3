import { randomUUID } from 'node:crypto'
import { PersistablesError, suggest } from './errors'

/** What a column of a companion model holds. */
export type ColumnKind = 'text' | 'int' | 'bigint' | 'float' | 'decimal' | 'bool' | 'timestamp' | 'json' | 'enum'

/** A column of a companion model, as its Prisma schema declares it. */
export interface Column {
  readonly kind: ColumnKind
  /** what the database calls it. @defaultValue the field's name */
  readonly column?: string
  /** PostgreSQL's type. @defaultValue what Prisma makes of the kind */
  readonly type?: string
  /** may hold null. @defaultValue false */
  readonly optional?: boolean
  /** must be given before saving though it may hold null, or though it has a default. @defaultValue whether it can be neither null nor filled */
  readonly required?: boolean
  /** what stands in it where nothing is given */
  readonly default?: unknown
  /** what is put into it: the time of saving, the time of every update, or a uuid */
  readonly fill?: 'now' | 'updated' | 'uuid'
  /** of an enum: its names, and what the database calls them */
  readonly values?: Readonly<Record<string, string>>
}

/** A companion model: a table with one row for each persistable of a type, of the same id. Generated from the Prisma schema. */
export interface ColumnsSpec {
  /** the model's name in the Prisma schema */
  readonly model: string
  readonly table: string
  /** PostgreSQL schema of the table. @defaultValue the one of the registry's tables */
  readonly schema?: string
  /** what the database calls the id. @defaultValue 'id' */
  readonly id?: string
  readonly fields: Readonly<Record<string, Column>>
}

declare const TYPES: unique symbol

/**
 * The columns of a type, with their types.
 *
 * @typeParam Out - the columns as saved ones have them
 * @typeParam In - the columns as drafts and updates take them
 */
export interface Columns<Out = object, In = Out> extends ColumnsSpec {
  readonly [TYPES]?: { readonly out: Out; readonly in: In }
}

/** Columns as a new row carries them. */
export interface NewCompanion {
  readonly spec: ColumnsSpec
  /** field → value, with what is filled in; undefined nowhere */
  readonly values: Readonly<Record<string, unknown>>
}

/**
 * Declares the columns of a type: `persistables-generator` writes this from a companion model. Throws `INVALID_TYPE` for a spec without table or fields.
 *
 * @example columns<{ accuracy: number | null }>({ model: 'Classifier', table: 'Classifier', fields: { accuracy: { kind: 'float', optional: true } } })
 */
export function columns<Out, In = Out>(spec: ColumnsSpec): Columns<Out, In> {
  if (typeof spec?.table !== 'string' || typeof spec.fields !== 'object' || spec.fields === null) {
    throw new PersistablesError('INVALID_TYPE', 'columns() got no table with fields.', {
      fix: 'Let `prisma generate` write it from a companion model.',
    })
  }
  return Object.freeze({ ...spec, fields: Object.freeze({ ...spec.fields }) })
}

/** The columns of a draft as they are saved: checked, with defaults. Throws `INVALID_CONFIG` naming every fault. */
export function companionOf(spec: ColumnsSpec, given: Readonly<Record<string, unknown>>, owner: string): NewCompanion {
  const faults = faultsOf(spec, given)
  const values: Record<string, unknown> = {}
  for (const [field, column] of Object.entries(spec.fields)) {
    const value = given[field]
    if (value !== undefined && value !== null) values[field] = value
    else if (value === null && column.optional === true && column.required !== true) values[field] = null
    else if (column.fill === 'uuid') values[field] = randomUUID()
    else if (column.fill !== undefined) continue
    else if (column.default !== undefined && value === undefined && column.required !== true) values[field] = column.default
    else if (column.optional === true && column.required !== true) values[field] = null
    else faults.push(`"${field}" is required`)
  }
  refuse(spec, faults, owner)
  // The caller's Dates and objects are not the row's.
  return { spec, values: structuredClone(values) }
}

/** The columns of an update, checked. Throws `INVALID_CONFIG` naming every fault. */
export function changesOf(spec: ColumnsSpec, given: Readonly<Record<string, unknown>>, owner: string): NewCompanion {
  const values = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  const faults = faultsOf(spec, values)
  for (const [field, value] of Object.entries(values)) {
    const column = spec.fields[field]
    if (value === null && column !== undefined && (column.optional !== true || column.required === true)) faults.push(`"${field}" cannot be null`)
  }
  if (Object.keys(values).length === 0) faults.push('nothing is given')
  refuse(spec, faults, owner)
  return { spec, values: structuredClone(values) }
}

/** The values of a row that is saved at a time: with the times that are filled in. */
export function filled({ spec, values }: NewCompanion, now: Date): Readonly<Record<string, unknown>> {
  const times = Object.entries(spec.fields).filter(([field, { fill }]) => (fill === 'now' || fill === 'updated') && !Object.hasOwn(values, field))
  return { ...values, ...Object.fromEntries(times.map(([field]) => [field, now])) }
}

function faultsOf(spec: ColumnsSpec, given: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(given).flatMap(([field, value]) => {
    const column = Object.hasOwn(spec.fields, field) ? spec.fields[field] : undefined
    if (column === undefined) return [`"${field}" is no column (${suggest(field, Object.keys(spec.fields), 'there are none')})`]
    if (value === undefined || value === null) return []
    const wanted = misfit(column, value)
    return wanted === undefined ? [] : [`"${field}" must be ${wanted}`]
  })
}

function refuse(spec: ColumnsSpec, faults: readonly string[], owner: string): void {
  if (faults.length === 0) return
  throw new PersistablesError('INVALID_CONFIG', `The columns of ${owner} are not valid: ${faults.join('; ')}.`, {
    fix: 'Correct them: columns: { … } in new, draft.columns before saving, or update({ columns: { … } }).',
    details: { owner, model: spec.model, faults },
  })
}

const LIMITS = { int: 2n ** 31n, bigint: 2n ** 63n }

/** What a column wants instead of a value, or undefined when it fits. */
export function misfit(column: Column, value: unknown): string | undefined {
  switch (column.kind) {
    case 'text':
      return typeof value === 'string' && value.isWellFormed() && !value.includes('\0') ? undefined : 'a string without NUL and lone surrogates'
    case 'int':
      return Number.isSafeInteger(value) && inLimits(BigInt(value as number), LIMITS.int) ? undefined : 'a whole number of 32 bits'
    case 'bigint':
      return (typeof value === 'bigint' || Number.isSafeInteger(value)) && inLimits(BigInt(value as number), LIMITS.bigint)
        ? undefined
        : 'a bigint of 64 bits'
    case 'float':
      return Number.isFinite(value) ? undefined : 'a finite number'
    case 'decimal':
      return /^-?\d+(\.\d+)?$/.test(decimalText(value)) ? undefined : 'a decimal number, as text or number'
    case 'bool':
      return typeof value === 'boolean' ? undefined : 'true or false'
    case 'timestamp':
      return value instanceof Date && !Number.isNaN(value.getTime()) ? undefined : 'a valid Date'
    case 'enum':
      return typeof value === 'string' && Object.hasOwn(column.values ?? {}, value)
        ? undefined
        : `one of ${Object.keys(column.values ?? {})
            .map((name) => `"${name}"`)
            .join(', ')}`
    case 'json':
      return isJson(value, 0) ? undefined : 'JSON: finite numbers, strings, booleans, null, arrays and plain objects, at most 200 levels'
  }
}

function inLimits(value: bigint, limit: bigint): boolean {
  return value >= -limit && value < limit
}

/** A decimal as text; empty for what is none. */
export function decimalText(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

function isJson(value: unknown, depth: number): boolean {
  if (depth > 200) return false
  if (value === null || typeof value === 'boolean' || Number.isFinite(value)) return true
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0')
  if (Array.isArray(value)) return value.every((each) => isJson(each, depth + 1))
  if (Object.prototype.toString.call(value) !== '[object Object]') return false
  return Object.entries(value as object).every(([key, each]) => isJson(key, 0) && isJson(each, depth + 1))
}
