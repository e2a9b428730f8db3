import { relative } from 'node:path'
import type { Command } from 'commander'
import type { Provider } from '../../client'
import type { Context, Start } from '../context'
import { type ExitCode, UsageError } from '../exit'

interface InitFlags {
  readonly schema?: string
  readonly provider?: string
  readonly dryRun?: boolean
}

/** `persistables init`. */
export function addInit(program: Command, start: Start): void {
  program
    .command('init')
    .summary('put the registry’s models into a Prisma project, or bring them up to date')
    .description(
      'Adds the registry’s models and the generator of typed classes to the Prisma schema, and writes persistables.config.ts. Run it again after an upgrade: what it wrote is brought ' +
        'up to date, what you wrote is left alone. In an empty folder it makes the schema as well. It changes no database: `prisma migrate dev` does.',
    )
    .option('--schema <path>', 'schema file or folder (default: as prisma.config.ts says, else prisma/schema.prisma)')
    .option('--provider <provider>', 'of a new schema: sqlite or postgresql (default: sqlite)')
    .option('--dry-run', 'only show what would change')
    .addHelpText(
      'after',
      `
Examples:
  $ persistables init
  $ persistables init --provider postgresql --dry-run

With --json: {"schema", "changed": [paths], "next": [commands], "dryRun"}`,
    )
    .action((flags: InitFlags) => start((context) => init(context, flags)))
}

async function init({ io, output }: Context, { schema, provider, dryRun = false }: InitFlags): Promise<ExitCode> {
  if (provider !== undefined && provider !== 'sqlite' && provider !== 'postgresql')
    throw new UsageError(`There is no provider "${provider}".`, 'Give sqlite or postgresql.')
  const [{ projectOf }, { initialize }, { apply, diff }] = await Promise.all([
    import('../../codegen/project'),
    import('../../codegen/init'),
    import('../../codegen/files'),
  ])
  const project = await projectOf(io.cwd, schema)
  const { changes, next } = await initialize(project, { provider: provider as Provider | undefined })
  const name = (path: string): string => relative(io.cwd, path)
  if (!dryRun) apply(changes)
  await output.result({ schema: project.schema, changed: changes.map(({ path }) => path), next, dryRun }, () => {
    if (changes.length === 0) return `Nothing to do: ${name(project.schema)} has the registry’s models as this release wants them.`
    if (dryRun) return diff(changes, name).trimEnd()
    const written = changes.map(({ path, before }) => `  ${before === null ? 'wrote  ' : 'changed'} ${name(path)}`).join('\n')
    return `${written}\nNext:\n${next.map((command) => `  ${command}`).join('\n')}`
  })
  return 0
}
