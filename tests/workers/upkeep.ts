import { setTimeout as pause } from 'node:timers/promises'
import {
  artifact,
  bytes,
  databaseStore,
  diskStore,
  isPersistablesError,
  openRepository,
  persistable,
  type Repository,
  type Store,
  typed,
} from '../../src'
import { atomically, rawOf } from '../../src/client'
import { faulty } from '../faulty'
import { seededNumbers } from '../seeded'
import { describe, work } from './child'

/** What the campaign saves: the same few contents over and over, so that savers and gc meet. */
export class Shared extends persistable('Shared', {
  config: typed<{ content: number }>(),
  artifacts: { body: artifact(bytes().to('disk'), bytes().to('backup'), bytes().to('database')) },
}) {}

export type Role = 'save' | 'read' | 'gc' | 'verify'

export interface UpkeepTask {
  readonly url: string
  readonly folder: string
  /** each goes on by itself, all at once */
  readonly roles: readonly Role[]
  readonly seed: number
  /** milliseconds to go on for */
  readonly time: number
  /** of store operations that go wrong */
  readonly share: number
}

export interface UpkeepAnswer {
  readonly failed?: string
  readonly faults: number
  readonly done: number
  /** reads that gave other bytes than were saved */
  readonly wrong: number
  /** rows whose bytes could not be had from a store without faults, though they were there before and after */
  readonly lost: readonly string[]
  /** errors that are none of the registry's */
  readonly errors: readonly string[]
}

export const CONTENTS = 10
/** The largest has chunk checksums. */
export const contentOf = (content: number): Buffer => Buffer.alloc(content === 0 ? (1 << 20) + 77 : 100 * content, `content ${content};`)
export const storesOf = (folder: string, wrap: (store: Store) => Store = (store) => store): Store[] =>
  [diskStore(`${folder}/files`), diskStore(`${folder}/backup`, { name: 'backup' }), databaseStore()].map(wrap)

const quiet = { warn: () => {} }

if (require.main === module) {
  work(async ({ url, folder, roles, seed, time, share }: UpkeepTask, ready) => {
    const random = seededNumbers(seed)
    const faults = { count: 0 }
    const open = (stores: Store[]) => openRepository({ url, types: [Shared], stores, logger: quiet })
    const repo = await open(storesOf(folder, (store) => faulty(store, random, share, faults)))
    const plain = await open(storesOf(folder))
    const sql = async <T>(text: string): Promise<T[]> =>
      (await atomically(rawOf(plain.client), [rawOf(plain.client).$queryRawUnsafe<T[]>(text)]))[0] ?? []
    const errors: string[] = []
    const lost: string[] = []
    let [done, wrong] = [0, 0]
    const attempt = async (run: () => Promise<void>): Promise<void> => {
      try {
        await run()
        done++
      } catch (error) {
        if (!isPersistablesError(error)) errors.push(describe(error))
        else if (error.code === 'DATABASE_FAILED') errors.push(describe(error))
      }
    }
    const anyone = async (from: Repository): Promise<Shared | undefined> => {
      const found = await from.find(Shared, { take: 50 })
      return found.length === 0 ? undefined : (random.pick(found) as unknown as Shared)
    }
    const read = async (): Promise<void> => {
      const one = (await anyone(repo)) as unknown as Awaited<ReturnType<typeof repo.load<typeof Shared>>> | undefined
      if (one === undefined) return pause(5).then(() => {})
      const expected = contentOf(one.config.content)
      const check = async (given: typeof one): Promise<void> => {
        if (random() < 0.5) {
          if (Buffer.compare(await given.artifact('body'), expected) !== 0) wrong++
          return
        }
        const parts: Uint8Array[] = []
        for await (const part of given.stream('body')) {
          parts.push(part)
          const sofar = Buffer.concat(parts)
          // Not even a part of what is wrong is handed on.
          if (Buffer.compare(sofar, expected.subarray(0, sofar.length)) !== 0) wrong++
        }
        if (Buffer.concat(parts).length !== expected.length) wrong++
      }
      try {
        await check(one)
      } catch (error) {
        const again = await plain.tryLoad(Shared, { id: one.id })
        if (again === null) return
        await check(again).catch(async (worse: unknown) => {
          if ((await plain.tryLoad(Shared, { id: one.id })) !== null) lost.push(`${one.id}: ${describe(worse)}`)
        })
        throw error
      }
    }
    const works: Record<Role, () => Promise<void>> = {
      async save() {
        const content = random.int(CONTENTS)
        const draft = new Shared({ name: `n${content}`, config: { content }, artifacts: { body: contentOf(content) } })
        const dice = random()
        if (dice < 0.35) {
          // A row goes, and with it perhaps the last that refers to its bytes.
          const one = await anyone(plain)
          if (one !== undefined) await sql(`DELETE FROM persistables WHERE id = '${(one as unknown as { id: string }).id}' RETURNING id`)
        } else if (dice < 0.55) {
          // Time passes: pins are over, those of saves under way as well.
          faults.count++
          await sql(`UPDATE persistable_blobs SET pinned_until = 1 WHERE state = 'live' RETURNING digest`)
        } else if (dice < 0.65) {
          // Staged, and saved when it may be too late.
          await repo.stage(draft)
          await pause(random.int(60))
          await repo.save(draft)
        } else await repo.save(draft)
      },
      read,
      async gc() {
        const reports = await repo.gc({ force: true, olderThan: random.pick([0, 0, 1000]) })
        // A removal that failed here is not late in coming through: savers need not wait for the end of the lease.
        for (const { store, errors } of reports) {
          const digests = errors.flatMap((error) => (/^[0-9a-f]{64}:/.test(error) ? [`'${error.slice(0, 64)}'`] : []))
          if (digests.length === 0) continue
          await sql(
            `UPDATE persistable_blobs SET pinned_until = 1 WHERE state = 'condemned' AND store = '${store}' AND digest IN (${digests.join()}) RETURNING digest`,
          )
        }
      },
      async verify() {
        for await (const { kind } of repo.verify({ repair: true, deep: random() < 0.8 })) if (kind === 'orphan' && random() < 0.1) break
      },
    }
    await ready()
    const end = Date.now() + time
    const loop = async (role: Role): Promise<void> => {
      while (Date.now() < end) await attempt(works[role])
    }
    await Promise.all(roles.map(loop))
    await repo.close()
    await plain.close()
    return { faults: faults.count, done, wrong, lost, errors } satisfies UpkeepAnswer
  })
}
