import { type Check, failed, ok, warn } from './check'

/** Whether the registry's models and the typed classes are what the project's Prisma schema wants; nothing for a project without such a schema. */
export async function checkGenerated(cwd: string): Promise<Check | undefined> {
  const [{ projectOf }, { configOf }, { generatorIn }, { upToDate }] = await Promise.all([
    import('../../codegen/project'),
    import('../../codegen/schema'),
    import('../../codegen/init'),
    import('../../codegen/new-type'),
  ])
  try {
    const project = await projectOf(cwd, undefined)
    if (project.files.size === 0 || generatorIn((await configOf(project.files)).generators) === undefined) return undefined
    const { changes, types } = await upToDate(project)
    if (changes.length === 0) return ok('generated', `${project.schema}: ${types.length} types, up to date`)
    return warn(
      'generated',
      `Not what the schema would generate: ${changes.map(({ path }) => path).join(', ')}.`,
      'Run `persistables init`, then `npx prisma generate`.',
    )
  } catch (error) {
    return failed('generated', error)
  }
}
