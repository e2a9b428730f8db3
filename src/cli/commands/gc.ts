import type { Command } from 'commander'
import type { GcProgress, GcReport } from '../../upkeep/collection'
import type { Context, Start } from '../context'
import type { ExitCode } from '../exit'
import { durationOption, listOption } from '../options'
import { clean, size, table } from '../render'

interface GcFlags {
  readonly dryRun?: boolean
  readonly force?: boolean
  readonly store?: readonly string[]
  readonly olderThan?: number
}

/** `persistables gc`. */
export function addGc(program: Command, start: Start): void {
  program
    .command('gc')
    .summary('remove bytes that no version refers to')
    .description(
      'Removes bytes that no version of any project refers to and no save is about to. Safe beside savers and other runs, and when it is killed. Bytes that the ' +
        'registry does not know of are noted first, and removed by a run after their term of grace.',
    )
    .option('--dry-run', 'only say what would be removed')
    .option(
      '--force',
      'also from a store that carries no mark or another registry’s, when there are no versions at all, or more than half of a store',
    )
    .option('--store <name>', 'only from this store; may be given more than once', listOption)
    .option('--older-than <time>', 'the term of grace, such as 1h or 7d (default: 24h)', durationOption)
    .addHelpText(
      'after',
      `
Examples:
  $ persistables gc --dry-run
  $ persistables gc --store disk --older-than 7d
  $ persistables gc --json | jq '[.stores[].bytesFreed] | add'

With --json: {"dryRun", "stores": [{"store", "examined", "condemned", "deleted", "bytesFreed", "missing", "kept", "unknown", "swept",
"refused", "errors"}, …]}`,
    )
    .action((flags: GcFlags) => start((context) => gc(context, flags)))
}

async function gc(context: Context, flags: GcFlags): Promise<ExitCode> {
  const { io, output } = context
  const [{ withSession }, { repositoryOf }, { meter, status }] = await Promise.all([import('../session'), import('../upkeep'), import('../progress')])
  const { dryRun = false, force = false } = flags
  return withSession(context, async (session) => {
    const line = status(io.stderr)
    const onProgress = ({ step, done, total }: GcProgress): void => line.show(`${meter(done, total)} ${step}: ${done}`)
    const reports = await repositoryOf(session)
      .gc({
        dryRun,
        force,
        ...(flags.store !== undefined && { stores: flags.store }),
        ...(flags.olderThan !== undefined && { olderThan: flags.olderThan }),
        ...(!output.json && { onProgress }),
      })
      .finally(line.clear)
    await output.result({ dryRun, stores: reports }, () => {
      const head = ['STORE', 'EXAMINED', dryRun ? 'WOULD GO' : 'REMOVED', dryRun ? 'WOULD FREE' : 'FREED', 'GONE ALREADY', 'KEPT', 'UNKNOWN', 'SWEPT']
      return [
        table(
          head,
          reports.map((report) => cells(report, dryRun)),
          output.paint,
        ),
        ...reports.flatMap(notes),
      ].join('\n')
    })
    return reports.some(({ errors }) => errors.length > 0) ? 1 : 0
  })
}

function cells({ store, examined, condemned, deleted, bytesFreed, missing, kept, unknown, swept }: GcReport, dryRun: boolean): string[] {
  const unlessNone = (count: number): string => (count === 0 ? '' : String(count))
  const removed = String(dryRun ? condemned : deleted)
  return [store, String(examined), removed, size(bytesFreed), unlessNone(missing), String(kept), unlessNone(unknown), unlessNone(swept)]
}

function notes({ store, refused, errors }: GcReport): string[] {
  return [
    ...(refused === null ? [] : [`${store}: without --force gc refuses, because ${refused}`]),
    ...errors.map((error) => `${store}: ${clean(error)}`),
  ]
}
