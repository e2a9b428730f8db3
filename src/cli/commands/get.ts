import { basename } from 'node:path'
import type { Command } from 'commander'
import { nearest, PersistablesError } from '../../errors'
import { quote } from '../../ref'
import type { Row } from '../../row'
import type { Context, Start } from '../context'
import { type ExitCode, UsageError } from '../exit'
import { ReaderGone, write } from '../io'
import { size } from '../render'

interface GetOptions {
  readonly output?: string
  readonly force?: boolean
}

/** `persistables get <ref> <artifact>`. */
export function addGet(program: Command, start: Start): void {
  program
    .command('get')
    .summary('write an artifact to a file or stdout')
    .description(
      'Writes the content of an artifact, verified against what was saved, to a file or to stdout. A file gets its name only when all of it is there and intact; ' +
        'damaged bytes are read from another store of the artifact where there is one.',
    )
    .argument('<ref>', 'Type/name, Type/name@3, Type/name@alias or an id; the type may be left out where one type alone has the name')
    .argument('<artifact>', 'name of the artifact; `persistables show <ref>` lists them')
    .option('-o, --output <file>', 'write to this file; - is stdout')
    .option('-f, --force', 'replace the file if it is there')
    .addHelpText(
      'after',
      `
Examples:
  $ persistables get Classifier/clf@3 weights -o weights.bin
  $ persistables get Dataset/iris rows | head -1 | jq .
  $ persistables get Report/q3 pdf -o q3.pdf --force --json

With --json, which needs a file: {"ref", "artifact", "file", "size", "contentDigest"}`,
    )
    .action((ref: string, artifact: string, options: GetOptions) => start((context) => get(context, ref, artifact, options)))
}

async function get(context: Context, ref: string, named: string, options: GetOptions): Promise<ExitCode> {
  const { io, output } = context
  const artifact = named.normalize('NFC')
  const toStdout = options.output === undefined || options.output === '-'
  if (toStdout && output.json) throw new UsageError('With --json the answer is on stdout, and so would be the artifact.', 'Name a file with -o.')
  const [{ withSession }, { findRow }, { labelOf, orderedPatterns }, { streamArtifact }, { bar }, { deliver }] = await Promise.all([
    import('../session'),
    import('../lookup'),
    import('../../row'),
    import('../../artifacts/patterns'),
    import('../progress'),
    import('../delivery'),
  ])
  await withSession(context, async (session) => {
    const { stores, logger } = session
    const row = await findRow(session, ref)
    if (!Object.hasOwn(row.filepaths, artifact)) throw unknown(row, labelOf(row), artifact)
    const records = orderedPatterns(row, artifact)
    const first = records[0]?.[1]
    if (toStdout && options.output !== '-' && io.stdout.isTTY === true && !TEXTS.includes(first?.serializer ?? '')) {
      throw new UsageError(
        `"${artifact}" of ${labelOf(row)} is no text, and a terminal would show it as noise.`,
        'Name a file with -o, or write -o - to have it all the same.',
      )
    }
    // Content bytes are all that is asked for: no serializer is needed.
    const shown = toStdout || output.json ? undefined : bar(io.stderr, basename(options.output ?? ''))
    const content = streamArtifact(
      { label: labelOf(row), artifact, records, onProgress: shown?.onProgress },
      { stores, logger, serializerOf: () => undefined, serializerNames: [] },
    )
    if (toStdout) return print(context, content)
    const done = await deliver(content, { path: options.output ?? '', cwd: io.cwd, force: options.force ?? false }).finally(() => shown?.done())
    await output.result(
      { ref: labelOf(row), artifact, file: done.path, size: done.size, contentDigest: first?.contentDigest ?? null },
      () => `${done.path}: ${size(done.size)}, verified`,
    )
  })
  return 0
}

const TEXTS = ['json', 'ndjson', 'text', 'csv', 'structured']

async function print({ io, output }: Context, content: AsyncIterable<Uint8Array>): Promise<void> {
  let written = 0
  try {
    for await (const chunk of content) {
      await write(io.stdout, chunk)
      written += chunk.byteLength
    }
  } catch (error) {
    if (written > 0 && !(error instanceof ReaderGone))
      await output.note(`Only the first ${written} bytes were written: they are intact, and not all.`)
    throw error
  }
}

function unknown(row: Row, label: string, artifact: string): PersistablesError {
  const known = Object.keys(row.filepaths).sort()
  const near = nearest(artifact, known)
  const hint = near.length > 0 ? `Did you mean ${near.map(quote).join(' or ')}? ` : ''
  return new PersistablesError('UNKNOWN_ARTIFACT', `${label} has no artifact ${quote(artifact)}.`, {
    fix: known.length === 0 ? 'It has none at all.' : `${hint}It has ${known.slice(0, 20).map(quote).join(', ')}${known.length > 20 ? ', …' : ''}.`,
    details: { artifact, known, near },
  })
}
