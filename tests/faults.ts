import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { atomically, rawOf } from '../src/client'
import { figures } from './campaigns'
import type { TestRegistry } from './registries'
import { seededRandom } from './support'
import { startWorker, type Worker } from './workers'
import { CONTENTS, contentOf, type Role, Shared, storesOf, type UpkeepAnswer, type UpkeepTask } from './workers/upkeep'

/** of each process */
const ROLES: readonly (readonly Role[])[] = [
  ['save', 'save', 'read'],
  ['gc', 'save', 'read'],
  ['gc', 'verify'],
]

/**
 * Savers, readers, gcs and repairs, each in a process of its own, on stores that fail; rows go, pins end early, some of the processes are killed, bytes are
 * damaged on the disk. Round after round, until there were so many faults: no read gives wrong bytes, no row is without its bytes, and afterwards, on
 * stores that do not fail, every row has every byte, in every store after a repair, and gc leaves only those.
 */
export const faultCampaign = async (registry: TestRegistry, wanted: number, options: { time: number; share?: number }): Promise<void> => {
  const { url, folder } = registry
  const { time, share = 0.15 } = options
  const random = seededRandom()
  const repo = await registry.open({ types: [Shared], stores: storesOf(folder) })
  const sql = async (text: string) => (await atomically(rawOf(repo.client), [rawOf(repo.client).$queryRawUnsafe<object[]>(text)]))[0] ?? []
  const seen = { faults: 0, kills: 0, damages: 0, done: 0, rounds: 0, repaired: 0 }
  const start = performance.now()
  while (seen.faults + seen.kills + seen.damages < wanted) {
    seen.rounds++
    const tasks = ROLES.map((roles): UpkeepTask => ({ url, folder, roles, seed: random.int(2 ** 31), time, share }))
    const workers = tasks.map((task) => startWorker<UpkeepAnswer>('upkeep', task))
    await Promise.all(workers.map(({ ready }) => ready))
    for (const worker of workers) worker.go()
    // All gcs die together: then what they had condemned is anybody's at once, and savers need not wait for the end of a lease.
    const kills = [[0], [1, 2]].filter(() => random() < 0.4).map((which) => ({ which, at: random.int(time) }))
    const timers = kills.map(({ which, at }) => setTimeout(() => kill(which.map((i) => workers[i])), at))
    const lapsed = kills.some(({ which }) => which.length > 1) ? Promise.all([workers[1]?.done, workers[2]?.done]).then(lapse) : undefined
    const outcomes = await Promise.all(workers.map(({ done }) => done))
    for (const timer of timers) clearTimeout(timer)
    await lapsed
    for (const [i, { answer, signal }] of outcomes.entries()) {
      if (signal === 'SIGKILL') {
        seen.kills++
        continue
      }
      expect({ roles: tasks[i]?.roles, seed: tasks[i]?.seed, ...answer }).toMatchObject({ wrong: 0, lost: [], errors: [] })
      seen.faults += answer?.faults ?? 0
      seen.done += answer?.done ?? 0
    }
    // Nobody is at work now.
    await lapse()
    await everythingIsThere()
    seen.damages += await damageSome()
    seen.repaired += await repairs()
  }
  await sql(`UPDATE persistable_blobs SET pinned_until = 1 WHERE state = 'live' RETURNING digest`)
  await repo.gc({ force: true, olderThan: 0 })
  for await (const finding of repo.verify()) expect(finding).toMatchObject({ kind: 'ok' })
  figures(`faults on ${url.split(':')[0]}`, { ...seen, seconds: (performance.now() - start) / 1000 })
  expect(seen.done).toBeGreaterThan(0)

  function kill(doomed: readonly (Worker<UpkeepAnswer> | undefined)[]): void {
    for (const worker of doomed) worker?.kill()
  }

  async function lapse(): Promise<void> {
    await sql(`UPDATE persistable_blobs SET pinned_until = 1 WHERE state = 'condemned' RETURNING digest`)
  }

  /** by reading each row's bytes from each of its patterns alone */
  async function everythingIsThere(): Promise<void> {
    const bad = []
    for await (const finding of repo.verify({ orphans: false })) if (finding.kind !== 'ok') bad.push(finding)
    expect(bad).toEqual([])
    for (const one of await repo.find(Shared, { take: 20 })) expect(Buffer.compare(await one.artifact('body'), contentOf(one.config.content))).toBe(0)
  }

  async function damageSome(): Promise<number> {
    const saved = await repo.save(new Shared({ name: 'damaged', config: { content: random.int(CONTENTS) }, artifacts: { body: contentOf(0) } }))
    await sql(`DELETE FROM persistables WHERE id = '${saved.id}' RETURNING id`)
    let count = 0
    for (const one of await repo.find(Shared, { take: 5 })) {
      const record = one.filepaths['body']?.['backup_bytes']
      if (record === undefined || random() < 0.5) continue
      const path = join(folder, 'backup', 'sha256', record.digest.slice(0, 2), record.digest.slice(2, 4), record.digest.slice(4))
      const whole = await readFile(path)
      const at = random.int(whole.length)
      whole[at] = (whole[at] as number) ^ 1
      await rm(path)
      if (random() < 0.7) await writeFile(path, whole)
      count++
    }
    return count
  }

  async function repairs(): Promise<number> {
    let count = 0
    for await (const { kind, repaired } of repo.verify({ repair: true, orphans: false })) if (kind !== 'ok' && repaired) count++
    await everythingIsThere()
    return count
  }
}
