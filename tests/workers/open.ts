import { openRepository } from '../../src'
import { describe, work } from './child'
import { Dataset, TYPES } from './models'

export interface OpenTask {
  /** the app's folder: its registry is made by whoever comes first */
  readonly cwd: string
  readonly worker: number
}

export interface OpenAnswer {
  readonly failed?: string
  readonly version: number
  readonly rows: unknown
  readonly warnings: readonly string[]
}

work(async ({ cwd, worker }: OpenTask, ready) => {
  const warnings: string[] = []
  await ready()
  const repo = await openRepository({ cwd, types: TYPES, logger: { warn: (message) => void warnings.push(message) } })
  try {
    const saved = await repo.save(new Dataset({ name: 'first', config: { worker, i: 0 }, artifacts: { rows: [{ i: worker }] } }))
    return { version: saved.version, rows: await (await repo.load(Dataset, { id: saved.id })).artifact('rows'), warnings }
  } catch (error) {
    return { failed: describe(error) }
  } finally {
    await repo.close()
  }
})
