import { PersistablesError, reason } from './errors'
import { driverCause, type FailureKind } from './failure'

/** The fields or the name of the constraint that a database error is about, unless it is one of the registry's own tables. */
export function constraintOf(cause: unknown): string | undefined {
  const { constraint } = driverCause(cause) as { constraint?: { fields?: unknown; index?: unknown } }
  const { fields, index } = constraint ?? {}
  if (Array.isArray(fields) && fields.length > 0) {
    const names = fields.map((field) => String(field).replaceAll('"', '').split('.').at(-1) as string)
    return names.some((name) => OWN_FIELDS.has(name)) ? undefined : names.join(', ')
  }
  return typeof index === 'string' && !index.startsWith('persistable') ? index : undefined
}

const OWN_FIELDS: ReadonlySet<string> = new Set(['id', 'version', 'child_id', 'parent_id', 'persistable_id'])

/** `INVALID_CONFIG`, for columns that a constraint of the app's own refuses. */
export function refusedColumns(labels: string, what: string, kind: FailureKind, cause: unknown): PersistablesError {
  const why: Partial<Record<FailureKind, string>> = {
    unique: 'another one has the same value',
    null: 'the database wants a value there; is its schema newer than the generated classes?',
    'foreign-key': 'the row that it points to does not exist',
  }
  return new PersistablesError('INVALID_CONFIG', `The database refuses the columns of ${labels} (${what}): ${why[kind] ?? reason(cause)}.`, {
    fix: 'Correct the columns and save again; nothing was saved.',
    details: { constraint: what, kind },
    cause,
  })
}
