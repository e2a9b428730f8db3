import { createRepository, diskStore, isPersistablesError, openRepository, type PersistableTransaction, type Repository } from '../../src'
import type { Writes } from '../../src/rows'
import { describe, work } from './child'
import { Base, Note, TYPES } from './models'

export interface ChurnTask {
  readonly url: string
  readonly folder: string
  readonly worker: number
  readonly saves: number
  /** over how many names the saves are spread */
  readonly names: number
  readonly writes: Writes
}

export interface ChurnAnswer {
  readonly failed?: string
  /** what was saved and committed: name, version, id */
  readonly saved: readonly (readonly [string, number, string])[]
  readonly deleted: readonly string[]
  readonly rolledBack: number
  readonly milliseconds: readonly number[]
  readonly errors: readonly string[]
}

type Transactions = { $transaction<T>(run: (tx: PersistableTransaction) => Promise<T>, limits: object): Promise<T> }
const LIMITS = { maxWait: 60_000, timeout: 60_000 }
class Undo extends Error {}

work(async ({ url, folder, worker, saves, names, writes }: ChurnTask, ready) => {
  const opened = await openRepository({ url, types: TYPES, stores: [diskStore(`${folder}/files`)], author: `w${worker}` })
  const repo: Repository = writes === 'statements' ? opened : createRepository({ client: opened.client, types: TYPES, writes })
  const client = opened.client as unknown as Transactions
  const saved: [string, number, string][] = []
  const [deleted, errors, milliseconds]: [string[], string[], number[]] = [[], [], []]
  let rolledBack = 0
  await ready()
  const base = await repo.save(new Base({ name: `base-${worker}`, config: { of: worker } }))

  for (let i = 0; i < saves; i++) {
    const name = names === 1 ? 'shared' : `n${(i * 7 + worker) % names}`
    const draft = () =>
      new Note({ name, config: { worker, i }, parents: { base }, ...(i % 2 === 0 && { tags: { worker: String(worker), i: String(i) } }) })
    const start = performance.now()
    try {
      if (i % 5 === 2) {
        const one = await client.$transaction((tx) => repo.using(tx).save(draft()), LIMITS)
        saved.push([name, one.version, one.id])
      } else {
        const one = await repo.save(draft())
        saved.push([name, one.version, one.id])
      }
      milliseconds.push(performance.now() - start)
      if (i % 5 === 3) {
        const undone = client.$transaction(async (tx) => {
          await repo.using(tx).save(draft())
          throw new Undo()
        }, LIMITS)
        await undone.catch((error: unknown) => {
          if (!(error instanceof Undo)) throw error
          rolledBack++
        })
      }
      if (i % 5 === 4) {
        const newest = await repo.tryLoad(Note, name)
        if (newest !== null) deleted.push((await repo.delete(newest)).id)
      }
    } catch (error) {
      // Two may have set out to delete the same one.
      if (!isPersistablesError(error, 'NOT_FOUND')) errors.push(describe(error))
    }
  }
  await opened.close()
  return { saved, deleted, rolledBack, milliseconds, errors } satisfies ChurnAnswer
})
