import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import { type Definition, type Role, roleType, validate } from './definition'
import { PersistablesError, suggest } from './errors'
import { checkArtifact, checkRole, definitionOf, describe, type Facts, type GivenParent, isA, isPersistable } from './facts'
import { freezeDeep } from './normal'
import { isPlain } from './normal/plain'
import { checkName, checkTagKey, checkTagValue, parseRef } from './ref'
import type { AnyDraft, AnySaved, AnyType, Init, Shape } from './shape'

const INIT_KEYS = ['name', 'project', 'author', 'versionDescription', 'tags', 'savePatterns', 'artifacts', 'config', 'state', 'parents', 'columns']

// `from`: the saved instance whose config and parents a next version keeps where nothing is given.
/** The inside of a new draft, checked. `from`: the saved instance whose config and parents a next version keeps where nothing is given. */
export function draftFacts(
  type: AnyType,
  init: Partial<Init<Shape>> & { config?: unknown; state?: unknown; parents?: unknown; columns?: unknown },
  from?: Facts,
): Facts {
  const definition = definitionOf(type)
  for (const key of Object.keys(init)) {
    if (!INIT_KEYS.includes(key)) {
      throw new PersistablesError('INVALID_OPTION', `new ${definition.type}() takes no "${key}".`, {
        fix: suggest(key, INIT_KEYS, ''),
        details: { key, known: INIT_KEYS },
      })
    }
  }
  const name = checkName('name', init.name ?? 'default')
  const owner = `${definition.type}/${name}`
  const config = from !== undefined && init.config === undefined ? from.config : validate(definition.config, init.config, 'config', owner)
  const values = new Map<string, unknown>()
  for (const [artifact, value] of Object.entries(init.artifacts ?? {})) {
    checkArtifact(definition, artifact)
    if (value !== undefined) values.set(artifact, value)
  }
  return {
    phase: 'draft',
    definition,
    id: randomUUID(),
    name,
    project: init.project === undefined ? undefined : checkName('project', init.project),
    author: init.author === undefined ? undefined : checkName('author', init.author),
    versionDescription: checkDescription(init.versionDescription ?? ''),
    revision: definition.revision,
    config: { json: config.json, value: freezeDeep(config.value) },
    state: validate(definition.state, init.state, 'state', owner).value,
    tags: checkTags(init.tags ?? {}),
    columns: givenColumns(definition, init.columns),
    parents: givenParents(definition, owner, init.parents as Record<string, unknown> | undefined, from),
    savePatterns: givenPatterns(definition, init.savePatterns ?? {}),
    values,
    edits: 0,
    row: undefined,
    reader: undefined,
  }
}

/** Checks and copies tags. Throws `INVALID_NAME`. */
export function checkTags(tags: Readonly<Record<string, string>>): Record<string, string> {
  if (typeof tags !== 'object' || tags === null || !isPlain(tags)) {
    throw new PersistablesError('INVALID_OPTION', 'tags are a plain object of texts.', { fix: "Write tags: { stage: 'prod' }." })
  }
  return Object.fromEntries(Object.entries(tags).map(([key, value]) => [checkTagKey(key), checkTagValue(value)]))
}

// What is given is checked when it is saved: a column may be set until then.
function givenColumns(definition: Definition, given: unknown): Record<string, unknown> {
  if (definition.columns !== undefined) return { ...(given as Record<string, unknown> | undefined) }
  if (given === undefined || Object.keys(given as object).length === 0) return {}
  throw new PersistablesError('INVALID_CONFIG', `${definition.type} has no columns.`, {
    fix: `Add a companion model: persistables new ${definition.type} --column …, and extend the class that is generated.`,
  })
}

function checkDescription(text: unknown): string {
  if (typeof text === 'string' && text.isWellFormed() && !text.includes('\0')) return text
  throw new PersistablesError('INVALID_OPTION', 'versionDescription must be text without NUL and lone surrogates.', { fix: 'Pass a plain string.' })
}

function givenParents(
  definition: Definition,
  owner: string,
  given: Record<string, unknown> | undefined,
  from: Facts | undefined,
): Map<string, readonly GivenParent[]> {
  const parents = new Map<string, readonly GivenParent[]>()
  for (const role of Object.keys(given ?? {})) checkRole(definition, role)
  for (const [name, role] of definition.parents) {
    const value = given?.[name]
    const list = value === undefined ? from?.parents.get(name) : role.many ? value : [value]
    if (!Array.isArray(list)) {
      const problem = value === undefined ? `needs the parent "${name}" (${roleType(role)})` : `takes a list as its parents "${name}"`
      throw new PersistablesError('UNKNOWN_PARENT', `${owner} ${problem}.`, {
        fix: `Pass parents: { ${name}: ${role.many ? '[…]' : `a saved ${roleType(role)}`} }.`,
        details: { role: name },
      })
    }
    parents.set(name, Object.freeze(list.map((one: unknown) => givenParent(owner, name, role, one))))
  }
  return parents
}

function givenParent(owner: string, name: string, role: Role, value: unknown): GivenParent {
  if (isPersistable(value)) {
    checkParentType(owner, name, role, value)
    return value
  }
  if (typeof value === 'string') {
    parseRef(value)
    return value
  }
  if (typeof value === 'object' && value !== null && typeof (value as { id?: unknown }).id === 'string') return { id: (value as { id: string }).id }
  throw new PersistablesError('INVALID_REF', `The parent "${name}" of ${owner} is neither a persistable nor a reference.`, {
    fix: `Pass a saved ${roleType(role)}, 'name@version' or { id }.`,
  })
}

/** Throws `TYPE_MISMATCH` when an instance cannot stand in a role. */
export function checkParentType(owner: string, name: string, role: Role, parent: AnyDraft | AnySaved): void {
  const fits = typeof role.accepts === 'string' ? parent.type === role.accepts : isA(parent, role.accepts)
  if (fits) return
  throw new PersistablesError('TYPE_MISMATCH', `The parent "${name}" of ${owner} must be a ${roleType(role)}, and ${describe(parent)} is not.`, {
    fix: `Pass a saved ${roleType(role)}.`,
    details: { role: name, expected: roleType(role), found: describe(parent) },
  })
}

function givenPatterns(definition: Definition, given: Readonly<Record<string, readonly string[]>>): Map<string, readonly string[]> {
  const patterns = new Map<string, readonly string[]>()
  for (const [artifact, names] of Object.entries(given)) {
    checkArtifact(definition, artifact)
    if (
      !Array.isArray(names) ||
      names.length === 0 ||
      new Set(names).size !== names.length ||
      names.some((name) => !/^[a-z][a-z0-9-]*_[a-z][a-z0-9-]*$/.test(name))
    ) {
      throw new PersistablesError(
        'INVALID_OPTION',
        `savePatterns for "${artifact}" of ${definition.type} must be a list of different pattern names, and is ${inspect(names)}.`,
        {
          fix: `A pattern name is a store and a serializer: { ${artifact}: ['disk_json'] }.`,
        },
      )
    }
    patterns.set(artifact, Object.freeze([...names]))
  }
  for (const [artifact, { patterns: declared }] of definition.artifacts) {
    if (declared.length === 0 && !patterns.has(artifact)) {
      throw new PersistablesError(
        'INVALID_OPTION',
        `${definition.type} declares the artifact "${artifact}" without a pattern, so each instance must bring one.`,
        {
          fix: `Pass savePatterns: { ${artifact}: ['disk_json'] }, or declare ${artifact}: artifact(json().to('disk')).`,
        },
      )
    }
  }
  return patterns
}
