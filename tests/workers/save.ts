import { setTimeout as pause } from 'node:timers/promises'
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3'
import { PrismaClient } from '../../generated/sqlite/client'
import { createRepository, diskStore, openRepository, type PersistableTransaction, type Repository } from '../../src'
import { describe, work } from './child'
import { Base, Dataset, Note, TYPES } from './models'

export interface SaveTask {
  readonly url: string
  readonly folder: string
  readonly worker: number
  /** of one name that all workers share */
  readonly saves: number
  /** saves under way at once in this process */
  readonly at?: number
  /** readers, transactions that roll back, and others' transactions on the same client go on meanwhile */
  readonly mixed: boolean
  /** by a client of the app's own, with Prisma's defaults, instead of the registry's */
  readonly own?: boolean
}

export interface SaveAnswer {
  readonly failed?: string
  readonly versions: readonly number[]
  readonly datasets: readonly number[]
  readonly milliseconds: readonly number[]
  readonly reads: number
  readonly rolledBack: number
  readonly foreign: number
  readonly errors: readonly string[]
  readonly warnings: readonly string[]
}

type Transactions = { $transaction<T>(run: (tx: PersistableTransaction) => Promise<T>, limits: { maxWait: number; timeout: number }): Promise<T> }
/** A caller's own limits: how long its transactions wait for a busy database is not the registry's to say. */
const LIMITS = { maxWait: 60_000, timeout: 60_000 }
class Undo extends Error {}
const ownClient = (url: string): PrismaClient => new PrismaClient({ adapter: new PrismaBetterSqlite3({ url }) })

work(async ({ url, folder, worker, saves, at = 1, mixed, own = false }: SaveTask, ready) => {
  const warnings: string[] = []
  const options = {
    types: TYPES,
    stores: [diskStore(`${folder}/files`)],
    logger: { warn: (message: string) => void warnings.push(message) },
    author: `w${worker}`,
  }
  const repo = own ? createRepository({ ...options, client: ownClient(url) }) : await openRepository({ url, ...options })
  const beside = mixed ? await openRepository({ url, ...options }) : repo
  const client = repo.client as unknown as Transactions
  const errors: string[] = []
  const [versions, datasets, milliseconds]: [number[], number[], number[]] = [[], [], []]
  const note = (base: Base, i: number): Note =>
    new Note({ name: 'shared', config: { worker, i }, parents: { base: base as never }, tags: { worker: String(worker), i: String(i) } })
  const attempt = async (what: string, run: () => Promise<unknown>): Promise<void> => {
    try {
      await run()
    } catch (error) {
      errors.push(`${what}: ${describe(error)}`)
    }
  }
  const rollingBack = (run: (tx: PersistableTransaction) => Promise<void>): Promise<void> =>
    client
      .$transaction(async (tx) => {
        await run(tx)
        throw new Undo()
      }, LIMITS)
      .catch((error: unknown) => {
        if (!(error instanceof Undo)) throw error
      })

  await ready()
  const base = await repo.save(new Base({ name: `base-${worker}`, config: { of: worker } }))
  let saving = true
  let [reads, rolledBack, foreign] = [0, 0, 0]

  const saver = async (from: number): Promise<void> => {
    for (let i = from; i < saves; i += at) {
      const start = performance.now()
      await attempt('save', async () => versions.push((await repo.save(note(base as never, i))).version))
      milliseconds.push(performance.now() - start)
      if (mixed && i % 5 === 0) {
        await attempt('save with bytes', async () => {
          const saved = await repo.save(new Dataset({ name: 'shared', config: { worker, i }, artifacts: { rows: [{ i }] } }))
          datasets.push(saved.version)
        })
      }
    }
  }
  const reader = async (from: Repository, own: boolean): Promise<void> => {
    for (; saving; reads++) {
      await attempt('read', async () => {
        const found = await from.find(Note, { where: { name: 'shared' }, orderBy: { version: 'desc' }, take: 3 })
        const newest = await from.tryLoad(Note, 'shared')
        // On SQLite a client's one connection shows what its own open transactions have written, and may undo.
        if (own && (newest?.version ?? 0) < (found[0]?.version ?? 0)) throw new Error(`version ${newest?.version} after ${found[0]?.version}`)
        if (newest === null) return
        if (newest.tags['i'] !== String(newest.config.i)) throw new Error('half of a version is there')
        if ((await from.hash(newest)) !== newest.hash) throw new Error('another hash')
        if (own && (await newest.parent('base')).config.of !== newest.config.worker) throw new Error('another parent')
      })
      await pause(20)
    }
  }
  const undoer = async (): Promise<void> => {
    for (; rolledBack < saves / 5; rolledBack++) {
      await attempt('transaction', () => rollingBack(async (tx) => void (await repo.using(tx).save(note(base as never, -1)))))
      await pause(5)
    }
  }
  // Somebody else's transaction, which knows nothing of the registry, is open while a save begins and is rolled back while it runs.
  const stranger = async (): Promise<void> => {
    for (; foreign < saves / 10; foreign++) {
      await attempt('foreign transaction', async () => {
        let during: Promise<void> | undefined
        await rollingBack(async (tx) => {
          await tx.$executeRawUnsafe(
            `INSERT INTO "persistable_counters" ("project", "type", "name", "version") VALUES ('foreign', 't', 'w${worker}', 1)`,
          )
          during = attempt('save beside', async () => versions.push((await repo.save(note(base as never, saves + foreign))).version))
          await pause(3)
        })
        await during
      })
      await pause(10)
    }
  }

  const reading = mixed ? [reader(repo, false), reader(beside, true)] : []
  await Promise.all([...Array.from({ length: at }, (_, from) => saver(from)), ...(mixed ? [undoer(), stranger()] : [])])
  saving = false
  await Promise.all(reading)
  if (own) await repo.client.$disconnect()
  for (const each of [repo, beside]) await each.close()
  return { versions, datasets, milliseconds, reads, rolledBack, foreign, errors, warnings } satisfies SaveAnswer
})
