import type { Deleted, DeleteOptions, RefInput } from './contract'
import { PersistablesError } from './errors'
import { definitionOf, factsOf, isPersistable } from './facts'
import type { Loading } from './loading'
import { parseRef } from './ref'
import type { Registry } from './registry'
import { labelOf, type Row } from './row'
import { inUse, type Rows } from './rows'
import type { AnyType } from './shape'

/** What deleting needs of a repository. */
export interface DeletionContext {
  readonly loading: Loading
  readonly rows: Rows
  readonly registry: Registry
}

/**
 * Deletes the one version that is named, exactly: "the latest" may be another one by the time it is deleted.
 * Throws `INVALID_REF`, `NOT_FOUND`, `TYPE_MISMATCH`, `NOT_SAVED`, `IN_USE`.
 */
export async function deleteVersion(context: DeletionContext, type: AnyType | undefined, target: unknown, options: DeleteOptions): Promise<Deleted> {
  const { force = false, dryRun = false } = options
  const row = await exactRow(context, type, target)
  const { children, childCount, aliases } = await context.rows.uses(row.id)
  const used = { children, childCount, aliases }
  if (!force && childCount + aliases.length > 0) throw inUse(row, used)
  if (!dryRun && !(await context.rows.remove(row, { force }))) throw await context.loading.notFound(undefined, { id: row.id })
  return Object.freeze({ id: row.id, ref: labelOf(row), ...used })
}

async function exactRow({ loading, registry }: DeletionContext, type: AnyType | undefined, target: unknown): Promise<Row> {
  const ref = refOf(target)
  const row = isPersistable(target) ? (factsOf(target).row ?? null) : await loading.row(type, ref)
  if (row === null) throw await loading.notFound(type, ref)
  if (type !== undefined && (row.type !== definitionOf(type).type || registry.namesOf(type)?.includes(row.registeredName) === false)) {
    throw new PersistablesError('TYPE_MISMATCH', `${labelOf(row)} is a ${row.registeredName}, and a ${type.registeredName} is to be deleted.`, {
      fix: `Name it by its own type: repo.delete('${labelOf(row)}').`,
      details: { expected: type.registeredName, found: row.registeredName },
    })
  }
  return row
}

function refOf(target: unknown): RefInput {
  if (isPersistable(target)) {
    const { row, id, definition, name } = factsOf(target)
    if (row !== undefined) return { id }
    throw new PersistablesError('NOT_SAVED', `${definition.type}/${name} is a draft, so there is nothing to delete.`, { fix: 'Let go of it.' })
  }
  if (typeof target === 'object' && target !== null && typeof (target as { id?: unknown }).id === 'string')
    return { id: (target as { id: string }).id }
  if (typeof target === 'string' && parseRef(target).at.kind === 'version') return target
  throw new PersistablesError(
    'INVALID_REF',
    'Deleting needs one exact version, since the latest, or what an alias names, may be another one at any moment.',
    {
      fix: "Write 'name@3', { id: '…' }, or pass the saved persistable.",
    },
  )
}
