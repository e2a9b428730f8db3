import type { Command } from 'commander'
import type { Context, Start } from '../context'
import type { ExitCode } from '../exit'
import { countOption } from '../options'
import { clean, plural, shortHash, table, time } from '../render'

/** `persistables versions <name>`. */
export function addVersions(program: Command, start: Start): void {
  program
    .command('versions')
    .summary('list all versions of a name')
    .description('Lists the versions of a name, newest first.')
    .argument('<name>', 'Type/name; a bare name will do where one type alone has it')
    .option('-n, --take <n>', 'only the newest n', countOption)
    .addHelpText(
      'after',
      `
Examples:
  $ persistables versions Classifier/clf
  $ persistables versions clf --take 5

With --json: {"type", "name", "items": [version, …], "total": n}`,
    )
    .action((name: string, options: { take?: number }) => start((context) => versions(context, name, options)))
}

async function versions(context: Context, text: string, { take }: { take?: number }): Promise<ExitCode> {
  const { output } = context
  const [{ withSession }, { findName }, view] = await Promise.all([import('../session'), import('../lookup'), import('../view')])
  await withSession(context, async (session) => {
    const { type, name } = await findName(session, text)
    const scope = { ...session.scope, type }
    const { rows } = await session.query.find(scope, { where: { name }, orderBy: { version: 'desc' }, ...(take !== undefined && { take }) })
    const total = await session.query.count(scope, { where: { name } })
    await output.result({ type, name, items: rows.map(view.rowView), total }, () => {
      const head = ['VERSION', 'HASH', 'CREATED', 'AUTHOR', 'ARTIFACTS', 'TAGS', 'DESCRIPTION']
      const cells = rows.map((row) => [
        String(row.version),
        shortHash(row.hash),
        time(row.createdAt),
        clean(row.author),
        view.artifactLines(row),
        view.tagLines(row),
        view.clip(clean(row.versionDescription)),
      ])
      const shown = rows.length === total ? plural(total, 'version') : `the newest ${rows.length} of ${plural(total, 'version')}`
      return `${output.paint('bold', clean(`${type}/${name}`))}\n${table(head, cells, output.paint)}\n${output.paint('dim', shown)}`
    })
  })
  return 0
}
