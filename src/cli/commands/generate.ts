import { relative } from 'node:path'
import type { Command } from 'commander'
import type { Context, Start } from '../context'
import type { ExitCode } from '../exit'
import { plural } from '../render'

interface GenerateFlags {
  readonly schema?: string
  readonly check?: boolean
}

/** `persistables generate`. */
export function addGenerate(program: Command, start: Start): void {
  program
    .command('generate')
    .summary('write the typed classes of the schema’s companion models')
    .description(
      'Reads the models annotated /// @persistable and writes a typed class for each, as `prisma generate` does with the generator block, and brings the relations of the registry’s models up to ' +
        'date. Nothing is written where anything is wrong, and no file that would stay the same.',
    )
    .option('--schema <path>', 'schema file or folder (default: as prisma.config.ts says, else prisma/schema.prisma)')
    .option('--check', 'write nothing; the exit code is 1 when something is not up to date or was changed by hand')
    .addHelpText(
      'after',
      `
Examples:
  $ persistables generate --check

With --json: {"types": [names], "changed": [paths], "warnings", "check"}`,
    )
    .action((flags: GenerateFlags) => start((context) => generate(context, flags)))
}

async function generate({ io, output }: Context, { schema, check = false }: GenerateFlags): Promise<ExitCode> {
  const [{ projectOf }, { upToDate }, { apply, diff }] = await Promise.all([
    import('../../codegen/project'),
    import('../../codegen/new-type'),
    import('../../codegen/files'),
  ])
  const { changes, types, warnings } = await upToDate(await projectOf(io.cwd, schema))
  if (!check) apply(changes)
  for (const warning of warnings) output.logger.warn(warning)
  const name = (path: string): string => relative(io.cwd, path)
  await output.result({ types, changed: changes.map(({ path }) => path), warnings, check }, () => {
    if (changes.length === 0) return `${plural(types.length, 'type')}: everything generated is up to date.`
    if (check) return `Not what the schema would generate (run \`persistables generate\`):\n${diff(changes, name).trimEnd()}`
    return changes.map(({ path, after }) => `${after === null ? 'removed' : 'wrote'} ${name(path)}`).join('\n')
  })
  return check && changes.length > 0 ? 1 : 0
}
