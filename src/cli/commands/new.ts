import { relative } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import type { Command } from 'commander'
import type { NewType } from '../../codegen/new-type'
import type { Context, Start } from '../context'
import { type ExitCode, UsageError } from '../exit'

interface NewFlags extends Partial<Omit<NewType, 'type' | 'artifacts' | 'sources' | 'parents' | 'columns'>> {
  readonly column?: readonly string[]
  readonly artifact?: readonly string[]
  readonly source?: readonly string[]
  readonly parent?: readonly string[]
  readonly schema?: string
  readonly generate: boolean
  readonly dryRun?: boolean
}

const several = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]

/** `persistables new`. */
export function addNew(program: Command, start: Start): void {
  program
    .command('new')
    .argument('[type]', 'its name, e.g. Classifier; without one you are asked on a terminal')
    .summary('make a new type of persistable')
    .description(
      'Writes the class of a new type, the skeleton of a test, and, where it has columns, its companion model in the Prisma schema; then generates. A type without columns needs no migration.',
    )
    .option(
      '--column <name:Type>',
      'an indexed or plain column: accuracy:Float?, rowCount:Int=0, slug:String@unique, stage:Stage@index; repeat it',
      several,
    )
    .option('--config <name:type>', 'a member of the config, with its TypeScript type; repeat it', several)
    .option('--state <name:type>', 'a member of the state; repeat it', several)
    .option('--artifact <name:serializer>', 'weights:floats, tree:json<Tree>->disk,s3; repeat it', several)
    .option('--source <name:serializer>', 'as --artifact, for one whose content is part of the hash; repeat it', several)
    .option('--parent <role:Type>', 'dataset:Dataset, inputs:Dataset[]; repeat it', several)
    .option('--description <text>', 'what it is, for the docstring')
    .option('--schema <path>', 'schema file or folder (default: as prisma.config.ts says, else prisma/schema.prisma)')
    .option('--no-generate', 'do not run prisma generate afterwards')
    .option('--dry-run', 'only show what would be written')
    .addHelpText(
      'after',
      `
Examples:
  $ persistables new Classifier --column accuracy:Float? --config rate:number --artifact weights:floats --parent dataset:Dataset
  $ persistables new Report --config title:string --artifact page:text --dry-run

With --json: {"type", "changed": [paths], "next": [commands], "dryRun"}`,
    )
    .action((type: string | undefined, flags: NewFlags) => start((context) => create(context, type, flags)))
}

async function create(context: Context, type: string | undefined, flags: NewFlags): Promise<ExitCode> {
  const { io, output } = context
  const wanted = type === undefined ? await asked(context) : given(type, flags)
  const [{ projectOf }, { newType, reread, upToDate }, { apply, diff }, { generateClient }] = await Promise.all([
    import('../../codegen/project'),
    import('../../codegen/new-type'),
    import('../../codegen/files'),
    import('../../codegen/client'),
  ])
  const project = await projectOf(io.cwd, flags.schema)
  const { changes, table } = await newType(project, wanted)
  const name = (path: string): string => relative(io.cwd, path)
  const dryRun = flags.dryRun ?? false
  const paths = new Set(changes.map(({ path }) => path))
  const next = table ? [`npx prisma migrate dev --name ${wanted.type.toLowerCase()}`] : []
  if (!dryRun) {
    apply(changes)
    // The index lists the class that has just been written.
    const after = await upToDate(reread(project))
    apply(after.changes)
    for (const { path } of after.changes) paths.add(path)
    if (flags.generate && table) {
      const failed = await generateClient(project)
      if (failed !== undefined) {
        output.logger.warn(`The files are written, but prisma generate did not run: ${failed}`)
        next.unshift('npx prisma generate')
      }
    } else if (table) next.unshift('npx prisma generate')
  }
  await output.result({ type: wanted.type, changed: [...paths], next, dryRun }, () => {
    if (dryRun) return diff(changes, name).trimEnd()
    const written = [...paths].map((path) => `  wrote ${name(path)}`).join('\n')
    return next.length === 0 ? `${written}\nThere is nothing to migrate.` : `${written}\nNext:\n${next.map((command) => `  ${command}`).join('\n')}`
  })
  return 0
}

function given(type: string, { column, config, state, artifact, source, parent, description }: NewFlags): NewType {
  const lists = { columns: column ?? [], artifacts: artifact ?? [], sources: source ?? [], parents: parent ?? [] }
  return { type, ...lists, config: config ?? [], state: state ?? [], description }
}

async function asked({ io, flags }: Context): Promise<NewType> {
  const { stdin, stdout } = io
  if (flags.json || stdout.isTTY !== true || stdin?.isTTY !== true) {
    throw new UsageError('No type is given.', 'Write: persistables new Classifier --column accuracy:Float?')
  }
  const [{ cancel, group, text }, { unfitType }] = await Promise.all([import('@clack/prompts'), import('../../codegen/names')])
  const terminal = { input: stdin as Readable, output: stdout as Writable }
  const question = (message: string, placeholder: string) => () => text({ ...terminal, message, placeholder, defaultValue: '' })
  const answers = await group(
    {
      type: () =>
        text({
          ...terminal,
          message: 'What is the type called?',
          placeholder: 'Classifier',
          validate: (name) => {
            const unfit = name ? unfitType(name) : 'needs a name'
            return unfit === undefined ? undefined : `It ${unfit}.`
          },
        }),
      description: question('What is it, in a sentence?', 'How penguins are told apart'),
      columns: question('Columns, apart by blanks (none: no table, nothing to migrate)', 'accuracy:Float? rowCount:Int=0'),
      config: question('Config: what it is made with', 'rate:number'),
      artifacts: question('Artifacts: what is kept outside of the database', 'weights:floats'),
      parents: question('Parents: what it is made from', 'dataset:Dataset'),
    },
    {
      onCancel: () => {
        cancel('Nothing was written.', terminal)
        throw new UsageError('Cancelled.', 'Nothing was written.')
      },
    },
  )
  const { type, description, columns, config, artifacts, parents } = answers
  return {
    type,
    columns: words(columns),
    config: words(config),
    state: [],
    artifacts: words(artifacts),
    sources: [],
    parents: words(parents),
    description: description === '' ? undefined : description,
  }
}

/** The parts of an answer: apart by blanks, but for those inside of brackets and quotes. */
export function words(answer: string): string[] {
  const found: string[] = []
  let [word, depth, quote]: [string, number, string] = ['', 0, '']
  for (const [i, char] of answer.split('').entries()) {
    if (quote !== '') quote = char === quote ? '' : quote
    else if (/['"`]/.test(char)) quote = char
    else if (/[<({[]/.test(char)) depth++
    // of an arrow it closes nothing
    else if (/[)}\]]/.test(char) || (char === '>' && !/[-=]/.test(answer[i - 1] ?? ''))) depth--
    if (/\s/.test(char) && depth <= 0 && quote === '') {
      found.push(word)
      word = ''
    } else word += char
  }
  return [...found, word].filter((each) => each !== '')
}
