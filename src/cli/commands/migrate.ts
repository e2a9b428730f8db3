import type { Command } from 'commander'
import { isPersistablesError } from '../../errors'
import type { MigrationStatus } from '../../migrate'
import type { Context, Start } from '../context'
import { type ExitCode, UsageError } from '../exit'
import { plural } from '../render'

interface MigrateOptions {
  readonly dryRun?: boolean
  readonly status?: boolean
  readonly backup: boolean
}

/** `persistables migrate`. */
export function addMigrate(program: Command, start: Start): void {
  program
    .command('migrate')
    .summary('bring the database’s schema up to date')
    .description(
      'Applies the migrations that the database lacks, as `prisma migrate deploy` would. A SQLite file is made where there is none, and copied before anything but its ' +
        'first migration. Nothing is changed in a database of another application.',
    )
    .option('--dry-run', 'only say what would be applied')
    .option('--status', 'only say how the schema stands; the exit code is 5 unless it is up to date')
    .option('--no-backup', 'keep no copy of a SQLite file')
    .addHelpText(
      'after',
      `
Examples:
  $ persistables migrate
  $ persistables migrate --status --url file:./registry.db
  $ PERSISTABLES_URL=postgresql://me:secret@db.example.org/registry persistables migrate --dry-run

With --json: {"url", "applied": […], "pending": […], "backup": path or null, "dryRun"}; of --status {"url", "state", "applied", "pending", "unknown", "missing"}`,
    )
    .action((options: MigrateOptions) =>
      start(async (context) => {
        if (options.status !== true) return apply(context, options)
        if (options.dryRun === true) throw new UsageError('--status and --dry-run are two questions.', 'Give one.')
        return status(context)
      }),
    )
}

async function apply({ io, flags, output }: Context, { dryRun = false, backup }: MigrateOptions): Promise<ExitCode> {
  const [{ settingsOf }, { migrate }, { targetOf }] = await Promise.all([
    import('../settings'),
    import('../../migrate'),
    import('../../connect/target'),
  ])
  const settings = await settingsOf(io, flags)
  const url = targetOf(settings.url, settings.base).shown
  const done = await migrate(settings.url, { cwd: settings.base, dryRun, backup, logger: output.logger })
  const document = { url, applied: dryRun ? [] : done.applied, pending: dryRun ? done.applied : [], backup: done.backup ?? null, dryRun }
  await output.result(document, () => {
    if (done.applied.length === 0) return `${url} is up to date.`
    const names = done.applied.map((name) => `  ${name}`).join('\n')
    const what = `${plural(done.applied.length, 'migration')} ${dryRun ? 'would be applied' : 'applied'} to ${url}:\n${names}`
    return done.backup === undefined ? what : `${what}\nBefore, a copy was kept: ${done.backup}`
  })
  return 0
}

const STATES: Readonly<Record<MigrationStatus['state'], string>> = {
  current: 'is up to date',
  custom: 'is up to date, by an application’s own migrations',
  empty: 'has no tables of the registry yet',
  outdated: 'is outdated',
  newer: 'was migrated by a newer release',
  failed: 'has a migration that began and did not end',
  foreign: 'belongs to another application',
}

async function status({ io, flags, output }: Context): Promise<ExitCode> {
  const [{ settingsOf }, { connectTo }, { migrate, migrationStatus }, { refusal }, { targetOf }] = await Promise.all([
    import('../settings'),
    import('../session'),
    import('../../migrate'),
    import('../../migrate/explain'),
    import('../../connect/target'),
  ])
  const settings = await settingsOf(io, flags)
  const url = targetOf(settings.url, settings.base).shown
  const connection = await connectTo(settings).catch((error: unknown) => {
    if (isPersistablesError(error, 'SCHEMA_MISSING')) return null
    throw error
  })
  if (connection === null) {
    const { applied: pending } = await migrate(settings.url, { cwd: settings.base, dryRun: true, logger: output.logger })
    await output.result(
      { url, state: 'empty', applied: [], pending, unknown: [], missing: [] },
      () => `There is no database ${url} yet. Run \`persistables migrate\` to make it.`,
    )
    return 5
  }
  try {
    const found = await migrationStatus(connection)
    const refused = refusal(found, connection, false)
    await output.result({ url, ...found }, () => {
      const list = (title: string, names: readonly string[]): string =>
        names.length === 0 ? '' : `\n${title}:\n${names.map((name) => `  ${name}`).join('\n')}`
      const lists = `${list('applied', found.applied)}${list('pending', found.pending)}${list('unknown', found.unknown)}${list('missing', found.missing)}`
      return `${url} ${STATES[found.state]}.${lists}${refused?.fix === undefined ? '' : `\n${refused.fix}`}`
    })
    return refused === undefined ? 0 : 5
  } finally {
    await connection.close()
  }
}
