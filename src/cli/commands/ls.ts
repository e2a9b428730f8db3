import type { Command } from 'commander'
import { PersistablesError, suggest } from '../../errors'
import type { OrderBy } from '../../order'
import type { FindOptions } from '../../query'
import { checkType } from '../../ref'
import type { Where } from '../../where'
import type { Context, Start } from '../context'
import type { ExitCode } from '../exit'
import { shell } from '../lookup'
import { countOption, orderOption, tagOption, timeOption, whereOption } from '../options'
import { clean, plural, shortHash, table, time } from '../render'

interface LsOptions {
  readonly type?: string
  readonly name?: string
  readonly author?: string
  readonly tag?: ReadonlyMap<string, string>
  readonly latest?: boolean
  readonly since?: Date
  readonly until?: Date
  readonly where?: Where
  readonly order?: OrderBy
  readonly take: number
  readonly all?: boolean
  readonly cursor?: string
}

/** `persistables ls [type]`. */
export function addLs(program: Command, start: Start): void {
  program
    .command('ls')
    .alias('list')
    .summary('list versions, newest first')
    .description('Lists saved versions, newest first: what there is, since when, by whom, with which artifacts and tags.')
    .argument('[type]', 'only this type, e.g. Dataset')
    .option('--type <type>', 'the same as the argument')
    .option('--name <name>', 'only this name')
    .option('--author <author>', 'only by this author')
    .option('--tag <key=value>', 'only with this tag; may be given more than once, then all must hold', tagOption)
    .option('--latest', 'only the newest version of each name')
    .option('--since <time>', 'only saved at or after this ISO time, UTC unless it says otherwise', timeOption)
    .option('--until <time>', 'only saved before this ISO time', timeOption)
    .option('--where <json>', 'only what fits these conditions, written as repo.find takes them', whereOption)
    .option('--order <key[:asc|desc]>', 'by createdAt, modifiedAt, name, type, author or version (default: createdAt:desc)', orderOption)
    .option('-n, --take <n>', 'at most so many', countOption, 50)
    .option('--all', 'all of them, instead of --take')
    .option('--cursor <cursor>', 'where the page before ended')
    .addHelpText(
      'after',
      `
Examples:
  $ persistables ls
  $ persistables ls Classifier --latest --tag stage=prod
  $ persistables ls Classifier --where '{"config":{"rate":{"gt":0.1}}}'
  $ persistables ls --since 2026-08-01 --order name --take 20
  $ persistables ls --all --json | jq -r '.items[].ref'

With --json: {"items": [version, …], "total": n, "cursor": "…" or null}`,
    )
    .action((type: string | undefined, options: LsOptions) =>
      start((context) => ls(context, { ...options, ...(type !== undefined && { type: sameType(type, options.type) }) })),
    )
}

function sameType(argument: string, option: string | undefined): string {
  if (option === undefined || option === argument) return argument
  throw new PersistablesError('INVALID_OPTION', `Two types are given: "${argument}" and, with --type, "${option}".`, { fix: 'Give one.' })
}

async function ls(context: Context, options: LsOptions): Promise<ExitCode> {
  const { output } = context
  if (options.type?.includes('/')) {
    throw new PersistablesError('INVALID_OPTION', `ls takes a type, and "${options.type}" is a reference.`, {
      fix: `Run \`persistables versions ${shell(options.type)}\`, or give a type and --name.`,
    })
  }
  if (options.type !== undefined) checkType(options.type)
  const [{ withSession }, view] = await Promise.all([import('../session'), import('../view')])
  await withSession(context, async ({ query, scope: project }) => {
    const scope = { ...project, ...(options.type !== undefined && { type: options.type }) }
    const wanted = { where: where(options), latest: options.latest ?? false }
    const page: FindOptions = {
      ...wanted,
      ...(options.order !== undefined && { orderBy: options.order }),
      ...(options.all !== true && { take: options.take }),
      ...(options.cursor !== undefined && { cursor: options.cursor }),
    }
    const { rows, cursor } = await query.find(scope, page)
    const total = await query.count(scope, wanted)
    await output.result({ items: rows.map(view.rowView), total, cursor }, () => {
      const head = ['VERSION', 'HASH', 'CREATED', 'AUTHOR', 'ARTIFACTS', 'TAGS']
      const cells = rows.map((row) => [
        view.refOf(row),
        shortHash(row.hash),
        time(row.createdAt),
        clean(row.author),
        view.artifactLines(row),
        view.tagLines(row),
      ])
      const shown = rows.length === total ? plural(total, 'version') : `${rows.length} of ${plural(total, 'version')}`
      const next = cursor === null ? '' : `; the next page: --cursor ${cursor}`
      return rows.length === 0 ? 'Nothing matches.' : `${table(head, cells, output.paint)}\n${output.paint('dim', `${shown}${next}`)}`
    })
    if (total > 0 || options.type === undefined) return
    const types = new Set((await query.names(project)).map(({ type }) => type))
    if (!types.has(options.type))
      await output.note(`There is no ${options.type} in the project "${project.project}". ${suggest(options.type, types, 'It is empty.')}`)
  })
  return 0
}

function where({ name, author, tag, since, until, where: given }: LsOptions): Where {
  return {
    ...(name !== undefined && { name: name.normalize('NFC') }),
    ...(author !== undefined && { author: author.normalize('NFC') }),
    ...(tag !== undefined && { tags: Object.fromEntries(tag) }),
    ...((since !== undefined || until !== undefined) && {
      createdAt: { ...(since !== undefined && { gte: since }), ...(until !== undefined && { lt: until }) },
    }),
    ...(given !== undefined && { AND: given }),
  }
}
