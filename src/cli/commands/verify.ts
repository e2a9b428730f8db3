import type { Command } from 'commander'
import type { Finding, VerifyProgress } from '../../upkeep/finding'
import type { Context, Start } from '../context'
import { type ExitCode, UsageError } from '../exit'
import { listOption } from '../options'
import { clean, plural, size } from '../render'

interface VerifyFlags {
  readonly type?: string
  readonly store?: readonly string[]
  readonly shallow?: boolean
  readonly deep?: boolean
  readonly repair?: boolean
  readonly toDeclared?: boolean
  readonly orphans?: boolean
  readonly after?: string
}

/** `persistables verify [ref…]`. */
export function addVerify(program: Command, start: Start): void {
  program
    .command('verify')
    .summary('look whether all bytes are what was saved, and repair them')
    .description(
      'Reads the bytes of every artifact in every store, and compares them with what was saved; then looks for bytes that no version refers to. Says what is ' +
        'missing, corrupt, unreadable or an orphan. Changes nothing unless told to.',
    )
    .argument('[ref...]', 'only these versions: Type/name, Type/name@3, Type/name@alias or an id; without one, all of the project')
    .option('--type <type>', 'only this type')
    .option('--store <name>', 'only bytes in this store; may be given more than once', listOption)
    .option('--deep', 'read all bytes (the default)')
    .option('--shallow', 'look at sizes alone')
    .option('--repair', 'copy what is missing or corrupt from a store that has it intact; corrupt bytes are kept aside')
    .option('--to-declared', 'also copy to patterns that the classes of the configuration declare and versions do not have')
    .option('--orphans', 'look for orphans also where versions, a type or stores are named')
    .option('--no-orphans', 'do not look for orphans')
    .option('--after <cursor>', 'go on where an earlier run ended, by the cursor of its last finding')
    .addHelpText(
      'after',
      `
Examples:
  $ persistables verify
  $ persistables verify Classifier/clf@3 --repair
  $ persistables verify --shallow --store s3
  $ persistables verify --json | jq '.findings[] | select(.kind == "corrupt") | .place'

Exits with 4 when something is missing, corrupt or unreadable and was not repaired; orphans are no damage.
With --json: {"findings": [what is not ok, …], "counts": {"ok", "missing", "corrupt", "unreadable", "orphan", "repaired"}, "versions",
"blobs", "bytes"}`,
    )
    .action((refs: string[], flags: VerifyFlags) => start((context) => verify(context, refs, flags)))
}

async function verify(context: Context, refs: readonly string[], flags: VerifyFlags): Promise<ExitCode> {
  const { io, output } = context
  if (flags.deep === true && flags.shallow === true) throw new UsageError('--deep and --shallow exclude each other.', 'Give one.')
  if (refs.length > 0 && flags.type !== undefined) throw new UsageError('Both versions and a --type are named.', 'Give one.')
  const [{ withSession }, { findRow }, { repositoryOf }, { meter, status }] = await Promise.all([
    import('../session'),
    import('../lookup'),
    import('../upkeep'),
    import('../progress'),
  ])
  return withSession(context, async (session) => {
    const ids: string[] = []
    for (const ref of refs) ids.push((await findRow(session, ref)).id)
    const counts = { ok: 0, missing: 0, corrupt: 0, unreadable: 0, orphan: 0, repaired: 0 }
    const findings: Finding[] = []
    let damaged = false
    let progress: VerifyProgress = { rows: 0, totalRows: 0, blobs: 0, bytes: 0 }
    const line = status(io.stderr)
    const onProgress = (now: VerifyProgress): void => {
      progress = now
      if (!output.json) line.show(`${meter(now.rows, now.totalRows)} ${now.rows} of ${plural(now.totalRows, 'version')}, ${size(now.bytes)} read`)
    }
    const narrowed = ids.length > 0 || flags.type !== undefined || flags.store !== undefined
    const found = repositoryOf(session).verify({
      ...(ids.length > 0 && { where: { id: { in: ids } } }),
      ...(flags.type !== undefined && { type: flags.type }),
      ...(flags.store !== undefined && { stores: flags.store }),
      ...(flags.after !== undefined && { after: flags.after }),
      deep: flags.shallow !== true,
      repair: flags.repair === true,
      toDeclared: flags.toDeclared === true,
      orphans: flags.orphans ?? !narrowed,
      onProgress,
    })
    try {
      for await (const finding of found) {
        counts[finding.kind]++
        if (finding.kind === 'ok') continue
        if (finding.repaired) counts.repaired++
        else if (finding.kind !== 'orphan') damaged = true
        if (output.json) findings.push(finding)
        else {
          line.clear()
          await output.line(text(finding, output.paint))
        }
      }
    } finally {
      line.clear()
    }
    const { rows, blobs, bytes } = progress
    await output.result({ findings, counts, versions: rows, blobs, bytes }, () => {
      const parts = Object.entries(counts).filter(([kind, count]) => count > 0 || kind === 'ok')
      return `${plural(rows, 'version')}, ${plural(blobs, 'blob')}, ${size(bytes)} read: ${parts.map(([kind, count]) => `${count} ${kind}`).join(', ')}`
    })
    return damaged ? 4 : 0
  })
}

function text(finding: Finding, paint: Context['output']['paint']): string {
  const { kind, ref, artifact, pattern, part, store, digest, place, reason, repaired, quarantined } = finding
  const what = ref === null ? digest : `${ref} ${artifact} ${pattern}${part === 'checksums' ? ' (chunk checksums)' : ''}`
  const shown = paint(repaired ? 'green' : kind === 'orphan' ? 'yellow' : 'red', repaired ? 'repaired' : kind)
  const aside = quarantined === null ? '' : ` Kept aside: ${quarantined}`
  return `${shown}  ${clean(what)}  ${clean(place ?? store)}: ${clean(reason ?? '')}${clean(aside)}`
}
