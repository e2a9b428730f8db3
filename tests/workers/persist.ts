import { isPersistablesError, openRepository } from '../../src'
import { describe, work } from './child'
import { Note, TYPES } from './models'

export interface PersistTask {
  readonly url: string
  readonly worker: number
  readonly saves: number
}

export interface PersistAnswer {
  readonly failed?: string
  /** id and version of what resolved */
  readonly saved: readonly (readonly [string, number])[]
  /** ids of what was refused, with its code */
  readonly refused: readonly (readonly [string, string])[]
  /** errors without a code */
  readonly errors: readonly string[]
}

work(async ({ url, worker, saves }: PersistTask, ready) => {
  const repo = await openRepository({ url, types: TYPES, stores: [], author: `w${worker}`, pool: { max: 3 } })
  const saved: [string, number][] = []
  const refused: [string, string][] = []
  const errors: string[] = []
  await ready()
  const saver = async (from: number): Promise<void> => {
    for (let i = from; i < saves; i += 3) {
      const draft = new Note({ name: 'shared', config: { worker, i }, parents: { base: 'base' }, tags: { i: String(i) } })
      const { id } = draft
      try {
        saved.push([id, (await repo.save(draft)).version])
      } catch (error) {
        if (isPersistablesError(error)) refused.push([id, `${error.code}/${String(error.details['kind'])}`])
        else errors.push(describe(error))
      }
    }
  }
  await Promise.all([saver(0), saver(1), saver(2)])
  await repo.close()
  return { saved, refused, errors } satisfies PersistAnswer
})
