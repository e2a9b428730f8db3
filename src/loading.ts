import type { NewCompanion } from './companion'
import type { ArtifactLoading, LoadOptions, RefInput } from './contract'
import { nearest, PersistablesError, suggest } from './errors'
import { definitionOf, describe, isA, isType } from './facts'
import { failureKind } from './failure'
import { type LibraryVersions, libraryDifferences, libraryVersions } from './libraries'
import type { Parts } from './parts'
import { restoreInstance } from './persistable'
import { type FindOptions, type Query, queryOf, type Scope } from './query'
import { readerOf } from './reader'
import { parseRef } from './ref'
import { labelOf, type Reader, type Row } from './row'
import { type Rows, rowsOf } from './rows'
import type { AnySaved, AnyType } from './shape'

/** Turns references into rows, and rows into instances. */
export interface Loading {
  /** the instance that a reference names, or `null`. Throws `TYPE_MISMATCH`, `UNKNOWN_TYPE`, `INVALID_REF` */
  load(type: AnyType | undefined, ref: RefInput, options: LoadOptions): Promise<AnySaved | null>
  /** the row that a reference names, or `null`. Throws `TYPE_MISMATCH`, `INVALID_REF` */
  row(type: AnyType | undefined, ref: RefInput): Promise<Row | null>
  /** an instance of the row's class, or of the class that was asked for. Throws `UNKNOWN_TYPE` */
  restore(row: Row, asked: AnyType | undefined): Promise<AnySaved>
  /** what reads the artifacts and parents of an instance of the class */
  reader(type: AnyType): Reader
  /** what narrows the queries for a class */
  scope(type: AnyType | undefined, options: Pick<FindOptions, 'where'>): Scope
  /** the error for a reference that names nothing, with what could have been meant */
  notFound(type: AnyType | undefined, ref: RefInput): Promise<PersistablesError>
}

/** The {@link Loading} of a repository. @param assertOpen - throws `CLOSED` */
export function loadingOf(parts: Parts, query: Query, rows: Rows, assertOpen: () => void): Loading {
  return { load, row: rowOf, restore, reader, scope, notFound }

  async function load(type: AnyType | undefined, ref: RefInput, options: LoadOptions): Promise<AnySaved | null> {
    const row = await rowOf(type, ref)
    if (row === null) return null
    const instance = await restore(row, type)
    if (type !== undefined && !isA(instance, type)) throw mismatch(instance, type)
    await prefetch(instance, options.artifacts ?? 'lazy')
    return instance
  }

  async function rowOf(type: AnyType | undefined, ref: RefInput): Promise<Row | null> {
    const scope: Scope = { project: parts.project, ...columnsOf(type) }
    if (typeof ref === 'object' && ref !== null) {
      // No id and no hash holds a NUL, which not every database can even be asked for.
      if (Object.values(ref).some((part) => typeof part === 'string' && part.includes('\0'))) return null
      if ('id' in ref && typeof ref.id === 'string') return query.byId(scope, ref.id)
      if ('hash' in ref && typeof ref.hash === 'string') return query.byHash(type === undefined ? scope : { ...scope, type: type.type }, ref.hash)
    }
    if (typeof ref !== 'string') {
      throw new PersistablesError('INVALID_REF', 'A reference is text, { id } or { hash }.', {
        fix: "Write 'name', 'name@3', 'Type/name@3', { id: '…' } or { hash: '…' }.",
      })
    }
    const { type: named, name, at } = parseRef(ref)
    const of = named ?? type?.type
    if (of === undefined) {
      throw new PersistablesError('INVALID_REF', `The reference "${ref}" names no type.`, {
        fix: `Write the type in front, e.g. '${parts.registry.names[0] ?? 'Dataset'}/${ref}', or pass the class: repo.load(Class, '${ref}').`,
        details: { ref, known: parts.registry.names },
      })
    }
    if (type !== undefined && named !== undefined && named !== type.type) {
      throw new PersistablesError('TYPE_MISMATCH', `"${ref}" names a ${named}, and a ${type.type} is asked for.`, {
        fix: `Leave the type out: '${ref.slice(ref.indexOf('/') + 1)}'.`,
      })
    }
    const pick = at.kind === 'latest' ? 'latest' : at.kind === 'version' ? { version: at.version } : { alias: at.alias }
    // "The latest of a subclass" is its own latest; an exact version is an exact version, of whatever class it is.
    const subclass = type === undefined || pick !== 'latest' ? undefined : parts.registry.namesOf(type)
    if (subclass !== undefined) {
      const page = await query.find({ ...scope, type: of, registeredNames: subclass }, { where: { name }, orderBy: { version: 'desc' }, take: 1 })
      return page.rows[0] ?? null
    }
    return query.byName({ ...scope, ...columnsOf(type ?? parts.registry.classNamed(of)), type: of }, name, pick)
  }

  async function restore(row: Row, asked: AnyType | undefined): Promise<AnySaved> {
    compareLibraries(row)
    const type = parts.registry.classOf(row, asked)
    const { columns } = definitionOf(type)
    // Where the class was not known before the row was, its columns come after it.
    const whole = columns === undefined || row.columns !== undefined ? row : ((await query.byId({ project: row.project, columns }, row.id)) ?? row)
    return restoreInstance(type, whole, reader(type))
  }

  function columnsOf(type: AnyType | undefined): Pick<Scope, 'columns'> {
    const columns = type === undefined ? undefined : definitionOf(type).columns
    return columns === undefined ? {} : { columns }
  }

  function compareLibraries(row: Row): void {
    const { cwd, life, logger } = parts
    const differences = libraryDifferences((row.metadata['library_versions'] ?? {}) as LibraryVersions, libraryVersions(cwd))
    const key = differences.join('\n')
    if (differences.length === 0 || life.warned.has(key)) return
    life.warned.add(key)
    logger.warn(`${labelOf(row)} was saved with other libraries than are installed here:\n  ${differences.join('\n  ')}`, { differences })
  }

  function reader(type: AnyType): ReturnType<typeof readerOf> {
    const { stores, serializers, given, logger } = parts
    const context = {
      stores,
      serializers,
      given,
      logger,
      assertOpen,
      update: updateRow,
      parents: async (row: Row, role: string) =>
        Promise.all(
          (await parentRows(row.id, role)).map(async ({ row: parent, label }) => ({
            instance: parent === null ? null : await restore(parent, roleClass(row, role)),
            label,
          })),
        ),
    }
    return readerOf(context, definitionOf(type))
  }

  async function updateRow(row: Row, changes: NewCompanion): Promise<Row> {
    try {
      return await rows.update(row, changes)
    } catch (error) {
      if (failureKind(error) !== 'ended-transaction') throw error
      return rowsOf(parts.client, parts.dialect, { transaction: false, writes: parts.writes, lone: parts.lone }).update(row, changes)
    }
  }

  // What was saved in a transaction outlives it.
  async function parentRows(id: string, role: string): ReturnType<Query['parents']> {
    try {
      return await query.parents(id, role)
    } catch (error) {
      if (failureKind(error) !== 'ended-transaction') throw error
      return queryOf(parts.client, parts.dialect).parents(id, role)
    }
  }

  function roleClass(row: Row, role: string): AnyType | undefined {
    const accepts = definitionOf(parts.registry.classOf(row)).parents.get(role)?.accepts
    return isType(accepts) ? accepts : undefined
  }

  async function prefetch(instance: AnySaved, artifacts: ArtifactLoading): Promise<void> {
    if (artifacts === 'lazy') return
    if (artifacts !== 'eager' && !Array.isArray(artifacts)) {
      throw new PersistablesError('INVALID_OPTION', `artifacts cannot be ${JSON.stringify(artifacts)}.`, {
        fix: "Pass 'lazy', 'eager' or a list of names.",
      })
    }
    for (const name of artifacts === 'eager' ? Object.keys(instance.filepaths) : artifacts) await instance.artifact(name as never)
  }

  // A type that `where` names exactly narrows the scope: the indexes begin with project and type.
  function scope(type: AnyType | undefined, options: Pick<FindOptions, 'where'>): Scope {
    const { project, registry } = parts
    if (type === undefined) return typeof options.where?.type === 'string' ? { project, type: options.where.type } : { project }
    const registeredNames = registry.namesOf(type)
    return { project, type: definitionOf(type).type, ...columnsOf(type), ...(registeredNames !== undefined && { registeredNames }) }
  }

  async function notFound(type: AnyType | undefined, ref: RefInput): Promise<PersistablesError> {
    const { project } = parts
    const there = project === 'default' ? '' : ` in the project "${project}"`
    if (typeof ref === 'object') {
      return new PersistablesError('NOT_FOUND', `Nothing${there} has the ${'id' in ref ? `id ${ref.id}` : `hash ${ref.hash}`}.`, {
        fix: 'Look it up with repo.find() or `npx persistables ls`.',
        details: { ref },
      })
    }
    const parsed = parseRef(ref)
    const of = parsed.type ?? type?.type ?? ''
    const names = await query.names({ project, type: of })
    const same = names.find(({ name }) => name === parsed.name)
    const details = {
      ref,
      type: of,
      near: nearest(
        parsed.name,
        names.map(({ name }) => name),
      ),
    }
    if (same !== undefined) {
      const what =
        parsed.at.kind === 'version'
          ? `version ${parsed.at.version}`
          : parsed.at.kind === 'alias'
            ? `alias "${parsed.at.alias}"`
            : `version of ${type?.registeredName}`
      return new PersistablesError('NOT_FOUND', `No ${of} "${parsed.name}"${there} has the ${what}. The latest is ${same.version}.`, {
        fix: `Try '${parsed.name}' or '${parsed.name}@${same.version}'.`,
        details: { ...details, latest: same.version },
      })
    }
    return new PersistablesError('NOT_FOUND', `There is no ${of} "${parsed.name}"${there}.`, {
      fix: suggest(
        parsed.name,
        names.map(({ name }) => name),
        `There is no ${of} at all yet; save one first.`,
      ),
      details,
    })
  }
}

function mismatch(instance: AnySaved, type: AnyType): PersistablesError {
  return new PersistablesError('TYPE_MISMATCH', `${describe(instance)} is a ${instance.registeredName}, and a ${type.registeredName} is asked for.`, {
    fix: `Load it as ${instance.registeredName}.`,
    details: { expected: type.registeredName, found: instance.registeredName },
  })
}
