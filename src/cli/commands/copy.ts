import type { Command } from 'commander'
import type { CopyReport } from '../../transfer'
import type { Context, Start } from '../context'
import { type ExitCode, UsageError } from '../exit'
import { plural, table } from '../render'

interface CopyCommandOptions {
  readonly to?: string
  readonly dryRun?: boolean
}

/** `persistables copy --to <url>`. */
export function addCopy(program: Command, start: Start): void {
  program
    .command('copy')
    .summary('copy the registry into another database')
    .description(
      'Copies every row of every project into another database, SQLite or PostgreSQL, with ids, versions, hashes, times, edges, tags and aliases; then reads all of it back ' +
        'and compares. What is copied is the registry as it was at one moment. Columns of companion models come along where the configuration lists their types. Files stay where they are, and bytes of a database store come along: use the copy with the same stores. A copy that was stopped is ' +
        'taken up by running the command again.',
    )
    .option(
      '--to <url>',
      'file:<path>, made if need be, or postgresql://…, migrated already (PERSISTABLES_COPY_TO, which keeps a password off the command line)',
    )
    .option('--dry-run', 'only say what would be copied')
    .addHelpText(
      'after',
      `
Examples:
  $ persistables migrate --url postgresql://me:secret@db.example.org/registry
  $ persistables copy --to postgresql://me:secret@db.example.org/registry --dry-run
  $ PERSISTABLES_COPY_TO=postgresql://me:secret@db.example.org/registry persistables copy

With --json: {"from", "to", "tables": [{"table", "rows", "written", "extra"}], "left": [tables], "dryRun"}`,
    )
    .action((options: CopyCommandOptions) => start((context) => copy(context, options)))
}

async function copy({ io, flags, output }: Context, { to = io.env['PERSISTABLES_COPY_TO'], dryRun = false }: CopyCommandOptions): Promise<ExitCode> {
  if (to === undefined || to === '') throw new UsageError('No database to copy to is named.', 'Give --to <url>, or set PERSISTABLES_COPY_TO.')
  const [{ settingsOf }, { copyRegistry }, { bar }] = await Promise.all([import('../settings'), import('../../transfer'), import('../progress')])
  const settings = await settingsOf(io, flags)
  const shownDone = bar(io.stderr, 'copying', { unit: 'rows', worth: 5000 })
  const report = await copyRegistry({
    from: settings.url,
    to,
    types: settings.types,
    cwd: settings.base,
    dryRun,
    logger: output.logger,
    onProgress: shownDone.onProgress,
  }).finally(shownDone.done)
  await output.result(report, () => shown(report, output.paint))
  return 0
}

function shown(report: CopyReport, paint: Context['output']['paint']): string {
  const { from, to, tables, left, dryRun } = report
  const head = ['TABLE', 'ROWS', dryRun ? 'TO WRITE' : 'WRITTEN', 'ONLY IN THE COPY']
  const cells = tables.map((each) => [each.table, String(each.rows), String(each.written), String(each.extra)])
  const written = tables.reduce((sum, each) => sum + each.written, 0)
  const what = dryRun
    ? `${plural(written, 'row')} would be copied from ${from} to ${to}.`
    : `${plural(written, 'row')} copied from ${from} to ${to}, all read back and equal.`
  const next = dryRun
    ? ''
    : '\nOpen the copy with the same stores, and stop using the source: gc of either would remove what only the other refers to.'
  const others =
    left.length === 0
      ? ''
      : `\nNot copied, though they refer to versions: ${left.join(', ')}. Columns come along of the types that the configuration lists.`
  return `${table(head, cells, paint)}\n${what}${others}${next}`
}
