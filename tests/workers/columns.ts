import { createRepository, diskStore, type PersistableClient } from '../../src'
import type { Writes } from '../../src/rows'
import { clientFor } from '../examples/app/client'
import { types } from '../examples/app/generated/persistables'
import { Dataset } from '../examples/app/persistables/Dataset'
import { describe, say, work } from './child'

export interface ColumnsTask {
  readonly provider: 'sqlite' | 'postgresql'
  readonly url: string
  readonly files: string
  readonly worker: number
  /** none: until it is killed */
  readonly saves?: number
  readonly writes: Writes
}

export interface ColumnsAnswer {
  readonly failed?: string
  readonly saved: readonly (readonly [id: string, version: number, rowCount: number])[]
  readonly errors: readonly string[]
}

work(async ({ provider, url, files, worker, saves = Number.POSITIVE_INFINITY, writes }: ColumnsTask, ready) => {
  const prisma = await clientFor(provider, url)
  const repo = createRepository({
    client: prisma as unknown as PersistableClient,
    types,
    writes,
    stores: [diskStore(files)],
    logger: { warn: () => {} },
  })
  const saved: [string, number, number][] = []
  const errors: string[] = []
  const draft = (rowCount: number) =>
    new Dataset({ name: 'shared', config: { url: `${worker}` }, artifacts: { rows: [] }, columns: { source: `w${worker}`, rowCount } })
  await ready()
  for (let i = 0; i < saves; i++) {
    try {
      const rowCount = worker * 1_000_000 + i
      const some = i % 4 === 3 ? await repo.saveMany([draft(rowCount), draft(rowCount)]) : [await repo.save(draft(rowCount))]
      for (const one of some) saved.push([one.id, one.version, rowCount])
      if (i % 4 === 1) await (some[0] as (typeof some)[number]).update({ columns: { rowCount, measuredOn: new Date(0) } })
      if (saves === Number.POSITIVE_INFINITY) say({ saved: some.map(({ id }) => [id, rowCount]) })
    } catch (error) {
      errors.push(describe(error))
    }
  }
  await prisma.$disconnect()
  return { saved, errors } satisfies ColumnsAnswer
})
