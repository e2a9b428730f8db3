import type { Command } from 'commander'
import { isPersistablesError, PersistablesError } from '../../errors'
import { isId, parseRef, quote } from '../../ref'
import { labelOf, type Row } from '../../row'
import type { Uses } from '../../rows'
import type { Context, Start } from '../context'
import type { ExitCode } from '../exit'
import { clean, plural } from '../render'

interface RmOptions {
  readonly force?: boolean
  readonly dryRun?: boolean
}

/** `persistables rm <ref…>`. */
export function addRm(program: Command, start: Start): void {
  program
    .command('rm')
    .summary('delete versions')
    .description(
      'Deletes versions: rows, tags and edges, never their numbers. Their bytes stay until gc. A version that is somebody’s parent, or has an alias, is kept unless forced, and ' +
        'then none of them is deleted.',
    )
    .argument('<ref...>', 'exact versions: Type/name@3, an id, or name@3 where one type alone has the name')
    .option('-f, --force', 'also parents (their children keep hash and label) and what has aliases (those go)')
    .option('--dry-run', 'only say what would be deleted')
    .addHelpText(
      'after',
      `
Examples:
  $ persistables rm Classifier/clf@3 --dry-run
  $ persistables rm Dataset/penguins@1 --force

With --json: {"deleted": [{"id", "ref", "children", "childCount", "aliases"}], "dryRun"}`,
    )
    .action((refs: string[], options: RmOptions) => start((context) => rm(context, refs, options)))
}

async function rm(context: Context, refs: readonly string[], { force = false, dryRun = false }: RmOptions): Promise<ExitCode> {
  const { output } = context
  const [{ withSession }, { findRow }, { inUse, rowsOf }] = await Promise.all([import('../session'), import('../lookup'), import('../../rows')])
  await withSession(context, async (session) => {
    for (const ref of refs) requireExact(ref)
    const rows = rowsOf(session.connection.client, session.dialect, { transaction: false, writes: 'statements', lone: true })
    // Nothing is deleted before all of them are known and free.
    const found = new Map<string, { row: Row; uses: Uses }>()
    for (const ref of refs) {
      const row = await findRow(session, ref)
      const uses = await rows.uses(row.id)
      if (!force && uses.childCount + uses.aliases.length > 0) throw withFlag(inUse(row, uses), [])
      found.set(row.id, { row, uses })
    }
    const deleted: object[] = []
    for (const { row, uses } of found.values()) {
      if (!dryRun) {
        const there = await rows.remove(row, { force }).catch((error: unknown) => {
          throw withFlag(error, deleted)
        })
        if (!there) continue
      }
      deleted.push({ id: row.id, ref: labelOf(row), ...uses })
      await output.note(`${dryRun ? 'would delete' : 'deleted'} ${clean(labelOf(row))}`)
    }
    await output.result({ deleted, dryRun }, () => `${plural(deleted.length, 'version')} ${dryRun ? 'would be deleted' : 'deleted'}.`)
  })
  return 0
}

function requireExact(ref: string): void {
  if (isId(ref) || parseRef(ref).at.kind === 'version') return
  throw new PersistablesError(
    'INVALID_REF',
    `${quote(ref)} is not one exact version, and the latest, or what an alias names, may be another one at any moment.`,
    {
      fix: 'Write Type/name@3, or an id.',
      details: { ref },
    },
  )
}

// An error that says what was deleted before it.
function withFlag(error: unknown, deleted: readonly object[]): unknown {
  if (!isPersistablesError(error)) return error
  const [what = error.message] = error.fix === undefined ? [] : error.message.split(` ${error.fix}`)
  const fix = error.code === 'IN_USE' ? 'Delete those first, or give --force: children then keep only its hash and label.' : error.fix
  return new PersistablesError(error.code, what, { ...(fix !== undefined && { fix }), details: { ...error.details, deleted }, cause: error.cause })
}
