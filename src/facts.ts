import { inspect } from 'node:util'
import type { Definition, Role } from './definition'
import { PersistablesError, suggest } from './errors'
import { labelOf, type Reader, type Row } from './row'
import type { AnyDraft, AnySaved, AnyType } from './shape'
import type { JsonObject } from './types'

/** A parent as the user gave it. */
export type GivenParent = AnyDraft | AnySaved | string | { readonly id: string }

/** What an instance is, inside. */
export interface Facts {
  phase: 'draft' | 'saving' | 'saved'
  readonly definition: Definition
  readonly id: string
  readonly name: string
  project: string | undefined
  author: string | undefined
  readonly versionDescription: string
  readonly revision: string
  readonly config: { readonly json: JsonObject; readonly value: object }
  state: object
  tags: Record<string, string>
  /** as given, until they are saved */
  columns: Record<string, unknown>
  readonly parents: ReadonlyMap<string, readonly GivenParent[]>
  readonly savePatterns: ReadonlyMap<string, readonly string[]>
  /** values of artifacts, until they are saved */
  readonly values: Map<string, unknown>
  /** raised by every change of a draft, so that what was staged before it is known to be stale */
  edits: number
  row: Row | undefined
  reader: Reader | undefined
}

// Symbol.for: instances of another installed copy of the package are recognised too.
export const FACTS: unique symbol = Symbol.for('persistables.facts') as never
export const DEFINITION: unique symbol = Symbol.for('persistables.definition') as never

/** Whether a value is an instance of a class made by `persistable()`. */
export function isPersistable(value: unknown): value is AnyDraft | AnySaved {
  return typeof value === 'object' && value !== null && FACTS in value
}

/** Whether a value is a class made by `persistable()`, or a subclass. */
export function isType(value: unknown): value is AnyType {
  return typeof value === 'function' && DEFINITION in value
}

/** The inside of an instance. Throws `INVALID_OPTION` for anything else. */
export function factsOf(value: unknown): Facts {
  if (isPersistable(value)) return (value as unknown as { [FACTS]: Facts })[FACTS]
  throw new PersistablesError('INVALID_OPTION', `${inspect(value, { depth: 0 }).slice(0, 80)} is not a persistable.`, {
    fix: 'Pass an instance of a class made by persistable().',
  })
}

/** What a class declares. Throws `INVALID_OPTION` for anything that is not a class made by `persistable()`. */
export function definitionOf(type: AnyType): Definition {
  if (isType(type)) return (type as unknown as { [DEFINITION]: Definition })[DEFINITION]
  throw new PersistablesError('INVALID_OPTION', `${inspect(type, { depth: 0 }).slice(0, 80)} is not a class made by persistable().`, {
    fix: 'Pass the class itself, e.g. repo.load(Dataset, …).',
  })
}

/** The registered names of a class and of the classes it extends. */
export function ancestry(type: AnyType): readonly string[] {
  const names = new Set<string>()
  for (let at: unknown = type; isType(at); at = Object.getPrototypeOf(at)) names.add(at.registeredName)
  return [...names]
}

/** The class of an instance. */
export function typeOf(instance: AnyDraft | AnySaved): AnyType {
  return instance.constructor as AnyType
}

/** Whether an instance is of a class or of a subclass, by registered names, so that a class of another copy of a module counts as the same. */
export function isA(instance: AnyDraft | AnySaved, type: AnyType): boolean {
  return instance.type === type.type && ancestry(typeOf(instance)).includes(type.registeredName)
}

/** What messages call an instance: its label, or `Type/name` of a draft. */
export function describe(instance: unknown): string {
  const facts = factsOf(instance)
  return facts.row === undefined ? `${facts.definition.type}/${facts.name}` : labelOf(facts.row)
}

/** `ALREADY_SAVED`, for an attempt to do something that only a draft can. */
export function alreadySaved(instance: unknown, attempt: string): PersistablesError {
  const facts = factsOf(instance)
  const what = facts.phase === 'saving' ? 'is being saved just now' : 'is saved'
  return new PersistablesError('ALREADY_SAVED', `${describe(instance)} ${what}, so nobody can ${attempt}.`, {
    fix: 'Saved versions never change: make a draft of the next one with .next({ … }) and save that.',
    details: { ref: describe(instance), id: facts.id },
  })
}

/** `UNKNOWN_ARTIFACT`, with the near names. */
export function unknownArtifact(type: string, name: string, known: readonly string[]): PersistablesError {
  return new PersistablesError('UNKNOWN_ARTIFACT', `${type} has no artifact "${name}".`, {
    fix: suggest(name, known, 'It has none at all.'),
    details: { type, artifact: name, known },
  })
}

/** Throws `UNKNOWN_ARTIFACT` unless the class declares it. */
export function checkArtifact(definition: Definition, name: string): void {
  if (!definition.artifacts.has(name)) throw unknownArtifact(definition.type, name, [...definition.artifacts.keys()])
}

/** A role of a class. Throws `UNKNOWN_PARENT`. */
export function checkRole(definition: Definition, role: string): Role {
  const found = definition.parents.get(role)
  if (found !== undefined) return found
  const known = [...definition.parents.keys()]
  throw new PersistablesError('UNKNOWN_PARENT', `${definition.type} has no parent role "${role}".`, {
    fix: suggest(role, known, 'It has none at all.'),
    details: { role, known },
  })
}
