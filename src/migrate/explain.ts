import { PersistablesError } from '../errors'
import type { MigrationStatus } from './state'

/** What a message about a schema needs to know. */
export interface Place {
  readonly provider: 'sqlite' | 'postgresql'
  /** redacted */
  readonly url: string
}

const list = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ')

/** The command that migrates. Where the url has credentials, which are not repeated, it says how to pass them. */
function command({ provider, url }: Place): string {
  return provider === 'sqlite'
    ? `Run \`npx persistables migrate --url ${url}\`.`
    : `Run \`npx persistables migrate --url ${url}\` (with its user and password, or with the whole url in PERSISTABLES_URL).`
}

/** The error for a schema that the repository cannot work on, or undefined. `migrating` leaves out those that a migration cures. */
export function refusal(status: MigrationStatus, place: Place, migrating: boolean): PersistablesError | undefined {
  const { state, applied, pending, unknown, missing } = status
  const details = { url: place.url, ...status }
  switch (state) {
    case 'current':
    case 'custom':
      return undefined
    case 'empty':
      if (migrating) return undefined
      return new PersistablesError('SCHEMA_MISSING', `The database ${place.url} has no tables of the registry.`, { fix: command(place), details })
    case 'outdated':
      if (applied.length > 0) {
        if (migrating) return undefined
        const what = `The database ${place.url} lacks ${pending.length === 1 ? 'the migration' : 'the migrations'} ${list(pending)} of this release.`
        return new PersistablesError('SCHEMA_OUTDATED', what, { fix: command(place), details })
      }
      return new PersistablesError(
        'SCHEMA_OUTDATED',
        `The tables in ${place.url} were not made by this package's migrations, and lack ${list(missing.slice(0, 5))}${missing.length > 5 ? ` and ${missing.length - 5} more` : ''}.`,
        {
          fix: 'In the project that made them: run `npx persistables init`, which brings the models of its Prisma schema up to date, then `npx prisma migrate dev` (or `prisma db push`); elsewhere its `prisma migrate deploy`.',
          details,
        },
      )
    case 'failed':
      return new PersistablesError('SCHEMA_OUTDATED', `In ${place.url} the migration ${list(unknown.slice(0, 1))} began and did not end.`, {
        fix: `Look at the database, then run \`npx prisma migrate resolve --rolled-back ${unknown[0]}\` (or --applied, if all of it is there) and migrate again.`,
        details,
      })
    case 'newer':
      return new PersistablesError(
        'SCHEMA_NEWER',
        `The database ${place.url} was migrated by a newer release of persistables, with ${list(unknown)}.`,
        {
          fix: 'Run `npm install persistables@latest` here, or open another database.',
          details,
        },
      )
    case 'foreign':
      return new PersistablesError('SCHEMA_FOREIGN', `The database ${place.url} belongs to another application; it was not touched.`, {
        fix:
          place.provider === 'sqlite'
            ? 'Choose another file; or let that application have the registry: run `npx persistables init` and `npx prisma migrate dev` there, and use its client with createRepository({ client }).'
            : 'Choose a schema of its own (?schema=persistables at the end of the url); or let that application have the registry: run `npx persistables init` and `npx prisma migrate dev` there, and use createRepository({ client }).',
        details,
      })
  }
}
