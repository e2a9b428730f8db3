import { PrismaClient as PostgresClient } from '../../generated/postgresql/client'
import { PrismaClient as SqliteClient } from '../../generated/sqlite/client'
import { createRepository } from '../../src'
import { diskStoreOn } from '../../src/artifacts/stores/disk'
import { nodeFiles } from '../../src/artifacts/stores/disk-files'
import { immediate } from '../../src/connect/immediate'
import { postgresFactory } from '../../src/connect/postgres'
import { sqliteFactory } from '../../src/connect/sqlite'
import { targetOf } from '../../src/connect/target'
import { say, work } from './child'
import { bigOf, Model, smallOf, TYPES } from './models'
import { steppingDriver, steppingFiles } from './steps'

export interface CrashTask {
  readonly url: string
  readonly folder: string
  /** content of the saves: equal seeds give equal bytes */
  readonly seed: number
  /** bytes of the large artifact */
  readonly size: number
  /** the step, from 0 on, before which the process kills itself; without it, it goes on to the end */
  readonly killAt?: number
  /** saves after another, or without end */
  readonly saves?: number
}

export interface CrashAnswer {
  readonly failed?: string
  /** the kinds of the steps, in order */
  readonly steps: readonly string[]
  readonly version: number
}

const clientOf = async (url: string, step: (kind: string) => void): Promise<SqliteClient | PostgresClient> => {
  const target = targetOf(url, '/')
  if (target.provider === 'postgresql') return new PostgresClient({ adapter: steppingDriver(await postgresFactory(target), step) as never })
  return new SqliteClient({ adapter: steppingDriver(immediate(await sqliteFactory(target.file)), step) as never })
}

work(async ({ url, folder, seed, size, killAt, saves = 1 }: CrashTask, ready) => {
  const steps: string[] = []
  let counting = false
  const step = (kind: string): void => {
    if (!counting) return
    if (steps.length === killAt) process.kill(process.pid, 'SIGKILL')
    if (killAt !== undefined || steps.length < 10_000) steps.push(kind)
  }
  const client = await clientOf(url, step)
  const store = (name: string) => diskStoreOn(steppingFiles(nodeFiles, name, step), `${folder}/${name}`, { name })
  const repo = createRepository({ client, types: TYPES, stores: [store('disk'), store('backup')] })
  await client.$connect()
  await ready()
  counting = true
  let version = 0
  for (let i = 0; i < saves; i++) {
    const saved = await repo.save(
      new Model({ name: 'crash', config: { seed: seed + i }, artifacts: { small: smallOf(seed + i), big: bigOf(seed + i, size) } }),
    )
    version = saved.version
    // Whoever has heard of a version may rely on it from then on.
    if (saves > 1) say({ saved: version })
  }
  counting = false
  await client.$disconnect()
  return { steps, version } satisfies CrashAnswer
})
