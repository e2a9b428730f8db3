import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Pattern } from './artifacts/serializer'
import type { ColumnsSpec } from './companion'
import { PersistablesError, suggest } from './errors'
import { normalize, restore } from './normal'
import { checkName, checkType } from './ref'
import type { AnyArtifact, AnyType, Artifact, ParentSpec, Spec } from './shape'
import type { Json, JsonObject } from './types'

/**
 * A named value of a persistable, kept outside its row in every one of the patterns; they are read in the order given.
 * With no pattern here, each instance must bring its own `savePatterns`.
 *
 * @example artifacts: { weights: artifact(json<number[]>().to('disk'), json<number[]>().to('backup')) }
 */
export function artifact<Out, In>(...patterns: readonly Pattern<Out, In>[]): Artifact<Out, In> {
  return Object.freeze({ source: false, patterns: Object.freeze([...patterns]) })
}

/**
 * As {@link artifact}, and its content is part of the identity hash: for what a persistable is made from, not for results.
 *
 * @example artifacts: { rows: source(ndjson<Row>().to('disk')) }
 */
export function source<Out, In>(...patterns: readonly [Pattern<Out, In>, ...Pattern<Out, In>[]]): Artifact<Out, In> {
  return Object.freeze({ source: true, patterns: Object.freeze([...patterns]) })
}

/**
 * Config or state of a TypeScript type, with no check at run time.
 *
 * @example persistable('Model', { config: typed<{ rate: number }>() })
 */
export function typed<T>(): StandardSchemaV1<T, T> {
  return { '~standard': { version: 1, vendor: 'persistables', validate: (value) => ({ value: value as T }) } }
}

/** A role of a type: what may stand in it. */
export interface Role {
  /** class, or a type's name */
  readonly accepts: AnyType | string
  readonly many: boolean
}

/** What a class declares, checked. */
export interface Definition {
  readonly type: string
  readonly revision: string
  readonly config: StandardSchemaV1 | undefined
  readonly state: StandardSchemaV1 | undefined
  readonly parents: ReadonlyMap<string, Role>
  readonly artifacts: ReadonlyMap<string, AnyArtifact>
  readonly columns: ColumnsSpec | undefined
}

/** Checks what `persistable()` was told. Throws `INVALID_TYPE`. */
export function define(type: string, spec: Spec): Definition {
  checkType(type)
  const invalid = (what: string, fix: string) => new PersistablesError('INVALID_TYPE', `The type ${type} ${what}.`, { fix, details: { type } })
  const known = ['revision', 'config', 'state', 'parents', 'artifacts', 'columns']
  for (const key of Object.keys(spec)) {
    if (!known.includes(key)) throw invalid(`is declared with an unknown member "${key}"`, suggest(key, known, ''))
  }
  for (const key of ['config', 'state'] as const) {
    const schema = spec[key]
    if (schema !== undefined && typeof schema['~standard']?.validate !== 'function') {
      throw invalid(
        `has a ${key} that is neither typed<…>() nor a Standard Schema`,
        `Write ${key}: typed<{ … }>() or pass a zod, valibot or arktype schema.`,
      )
    }
  }
  const parents = new Map(Object.entries(spec.parents ?? {}).map(([role, accepts]) => [checkName('role', role), roleOf(type, role, accepts)]))
  const artifacts = new Map<string, AnyArtifact>()
  for (const [name, declared] of Object.entries(spec.artifacts ?? {})) {
    checkName('artifact', name)
    if (!Array.isArray(declared?.patterns))
      throw invalid(`declares the artifact "${name}" with something else than a pattern`, `Write ${name}: artifact(json().to('disk')).`)
    checkPatterns(type, name, declared.patterns)
    artifacts.set(name, declared)
  }
  const { columns } = spec
  if (columns !== undefined && (typeof columns?.table !== 'string' || typeof columns.fields !== 'object'))
    throw invalid('has columns that are none', 'Extend the class that `prisma generate` writes for a companion model.')
  return Object.freeze({ type, revision: String(spec.revision ?? ''), config: spec.config, state: spec.state, parents, artifacts, columns })
}

function checkPatterns(type: string, artifact: string, patterns: readonly Pattern[]): void {
  const names = new Set<string>()
  for (const pattern of patterns) {
    if (typeof pattern?.store !== 'string' || typeof pattern.serializer?.encode !== 'function') {
      throw new PersistablesError('INVALID_TYPE', `The artifact "${artifact}" of ${type} is declared with something else than a pattern.`, {
        fix: "A pattern is a serializer and a store: json().to('disk').",
      })
    }
    if (names.has(pattern.name)) {
      throw new PersistablesError('INVALID_TYPE', `The artifact "${artifact}" of ${type} declares the pattern ${pattern.name} twice.`, {
        fix: 'Leave one out.',
      })
    }
    names.add(pattern.name)
  }
}

function roleOf(type: string, role: string, spec: ParentSpec): Role {
  const [accepts, many] = Array.isArray(spec) ? [spec[0] as AnyType | undefined, true] : [spec as AnyType | string, false]
  if (typeof accepts === 'string') return { accepts: checkType(accepts), many }
  if (typeof accepts !== 'function' || typeof accepts.type !== 'string') {
    throw new PersistablesError('INVALID_TYPE', `The parent "${role}" of ${type} is not a class made by persistable().`, {
      fix: `Write parents: { ${role}: SomeClass }, [SomeClass] for any number of them, or the type's name where the class is not defined yet.`,
    })
  }
  return { accepts, many }
}

/** The name of the type that a role accepts. */
export function roleType(role: Role): string {
  return typeof role.accepts === 'string' ? role.accepts : role.accepts.type
}

/** Config or state after validation: as stored, and as users see it. */
export interface Validated {
  readonly json: JsonObject
  readonly value: object
}

/**
 * Runs a value through its schema and into normal form. Throws `INVALID_CONFIG` with every fault and its path.
 *
 * @param what - `config` or `state`, for messages
 * @param owner - the type, for messages
 */
export function validate(schema: StandardSchemaV1 | undefined, value: unknown, what: 'config' | 'state', owner: string): Validated {
  const fault = (problems: readonly string[], parts: { cause?: unknown; paths?: readonly string[] } = {}) =>
    new PersistablesError('INVALID_CONFIG', `The ${what} of ${owner} is not valid: ${problems.join('; ')}.`, {
      fix: `Correct the ${what}${parts.paths && parts.paths.length > 0 ? ` at ${parts.paths.join(', ')}` : ''}.`,
      details: { owner, what, faults: problems },
      ...(parts.cause !== undefined && { cause: parts.cause }),
    })
  let output = value ?? {}
  if (schema === undefined) {
    if (typeof output === 'object' && Object.keys(output).length > 0) {
      throw fault([`${owner} declares no ${what}, so it takes none (declare it with ${what}: typed<{ … }>())`])
    }
  } else {
    const result = schema['~standard'].validate(output)
    if (result instanceof Promise) {
      result.catch(() => {})
      throw fault(['its schema is asynchronous, and a constructor cannot wait; validate with a synchronous schema'])
    }
    if (result.issues !== undefined) {
      const paths = result.issues.map((issue) => pathOf(what, issue.path))
      throw fault(
        result.issues.map((issue, i) => `${paths[i]}: ${issue.message}`),
        { paths },
      )
    }
    output = result.value as object
  }
  if (Object.prototype.toString.call(output) !== '[object Object]') throw fault(['it must be a plain object'])
  const json = normalize(output, { what, code: 'INVALID_CONFIG' })
  return { json: json as JsonObject, value: restore(json as Json) as object }
}

function pathOf(root: string, path: readonly (PropertyKey | StandardSchemaV1.PathSegment)[] | undefined): string {
  return (path ?? []).reduce<string>((text, segment) => {
    const key = typeof segment === 'object' ? segment.key : segment
    return typeof key === 'number' ? `${text}[${key}]` : `${text}.${String(key)}`
  }, root)
}
