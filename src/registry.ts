import { PersistablesError, suggest } from './errors'
import { ancestry, definitionOf } from './facts'
import { checkType } from './ref'
import type { AnyType } from './shape'

/** Classes as a repository is given them: a list, or by the names that rows call them. */
export type TypesOption = readonly AnyType[] | Readonly<Record<string, AnyType>>

/** The classes that a repository knows. Immutable: `with` makes another. */
export interface Registry {
  readonly names: readonly string[]
  /** This one with more classes; those replace classes of the same name. */
  with(types: TypesOption): Registry
  /**
   * The class that restores a row: by its registered name, else the class of its type. `asked` counts as registered too.
   * Throws `UNKNOWN_TYPE`, naming what is registered.
   */
  classOf(row: { readonly registeredName: string; readonly type: string }, asked?: AnyType): AnyType
  /** The class of a type that is registered under the type's own name, if any. */
  classNamed(type: string): AnyType | undefined
  /** The names that rows of a class and of its subclasses carry, or `undefined` for all of its type. */
  namesOf(type: AnyType): readonly string[] | undefined
  /** Throws `INVALID_TYPE` when another class holds the registered name of this one. */
  refuseImpostor(type: AnyType): void
}

/** Makes a {@link Registry}. Throws `INVALID_TYPE` when two classes claim one name. */
export function registryOf(types: TypesOption): Registry {
  return make(entries(types))
}

function entries(types: TypesOption): ReadonlyMap<string, AnyType> {
  const pairs: [string, AnyType][] = Array.isArray(types)
    ? types.map((type: AnyType) => [nameOf(type), type])
    : Object.entries(types as Record<string, AnyType>)
  const classes = new Map<string, AnyType>()
  for (const [name, type] of pairs) {
    definitionOf(type)
    checkType(name)
    const other = classes.get(name)
    if (other !== undefined && other !== type) throw taken(name, type, other)
    classes.set(name, type)
  }
  return classes
}

function nameOf(type: AnyType): string {
  definitionOf(type)
  return type.registeredName
}

function taken(name: string, type: AnyType, other: AnyType): PersistablesError {
  return new PersistablesError(
    'INVALID_TYPE',
    `Two classes, ${other.name || 'one'} and ${type.name || 'another'}, are called "${name}" by their rows.`,
    {
      fix: `Give one its own: static override readonly registeredName = '${type.name === name ? `${name}V2` : type.name || 'Another'}'.`,
      details: { registeredName: name },
    },
  )
}

function make(classes: ReadonlyMap<string, AnyType>): Registry {
  const names = [...classes.keys()].sort()
  return Object.freeze({
    names,
    with: (types: TypesOption) => make(new Map([...classes, ...entries(types)])),
    classOf(row: { readonly registeredName: string; readonly type: string }, asked?: AnyType) {
      const find = (name: string): AnyType | undefined => {
        const found = classes.get(name) ?? (asked?.registeredName === name ? asked : undefined)
        return found?.type === row.type ? found : undefined
      }
      const found = find(row.registeredName) ?? find(row.type)
      if (found !== undefined) return found
      const what = row.registeredName === row.type ? row.type : `${row.registeredName} (of type ${row.type})`
      throw new PersistablesError('UNKNOWN_TYPE', `The class ${what} is not registered with this repository.`, {
        fix: `${suggest(row.registeredName, names, 'Nothing is registered.')} Pass it in types: openRepository({ types: [${row.registeredName}] }).`,
        details: { registeredName: row.registeredName, type: row.type, known: names },
      })
    },
    classNamed: (type: string) => {
      const found = classes.get(type)
      return found?.type === type ? found : undefined
    },
    namesOf(type: AnyType) {
      definitionOf(type)
      if (type.registeredName === type.type) return undefined
      const below = [...classes]
        .filter(([, other]) => other.type === type.type && ancestry(other).includes(type.registeredName))
        .map(([name]) => name)
      return [...new Set([type.registeredName, ...below])]
    },
    refuseImpostor(type: AnyType) {
      const other = classes.get(type.registeredName)
      // A class of the same name and type from another copy of a module is the same class; a subclass that forgot its own name is not.
      if (other !== undefined && other !== type && (other.type !== type.type || Object.prototype.isPrototypeOf.call(other, type))) {
        throw taken(type.registeredName, type, other)
      }
    },
  })
}
