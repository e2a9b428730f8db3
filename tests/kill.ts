import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { diskStore, openRepository } from '../src'
import { seededRandom, tempDir } from './support'
import { runWorker, startWorker } from './workers'
import { bigOf, type KillAnswer, type KillTask, smallOf } from './workers/kill'
import { Model, TYPES } from './workers/models'

/** What must hold of a registry after its writers were killed: every row reads, versions are dense, every blob is what its name says. */
const check = async (url: string, folder: string): Promise<number> => {
  const stores = [diskStore(join(folder, 'files')), diskStore(join(folder, 'backup'), { name: 'backup' })]
  const warnings: string[] = []
  await using repo = await openRepository({ url, types: TYPES, stores, logger: { warn: (message) => void warnings.push(message) } })
  const all = await repo.find(Model, { orderBy: { version: 'asc' } })
  expect(all.map(({ version }) => version)).toEqual(all.map((_, i) => i + 1))
  for (const one of all) {
    expect(await one.artifact('small')).toEqual(smallOf(one.config.seed))
    expect(Buffer.compare(await one.artifact('big'), bigOf(one.config.seed))).toBe(0)
  }
  expect(warnings).toEqual([])
  for (const root of ['files', 'backup']) {
    const top = join(folder, root, 'sha256')
    const found = await readdir(top, { recursive: true, withFileTypes: true }).catch(() => [])
    for (const entry of found.filter((each) => each.isFile())) {
      const path = join(entry.parentPath, entry.name)
      expect(
        createHash('sha256')
          .update(await readFile(path))
          .digest('hex'),
      ).toBe(path.slice(top.length).replaceAll('/', ''))
    }
  }
  const seed = 1000 + all.length
  expect((await repo.save(new Model({ name: 'm', config: { seed }, artifacts: { small: smallOf(seed), big: bigOf(seed) } }))).version).toBe(
    all.length + 1,
  )
  return all.length
}

/** Kills a save before and after each of its operations (every `stride`-th of them), `hits` times over, and checks the registry after each. */
export const killAtEveryStep = async (hits: number, stride: number): Promise<void> => {
  const folder = await tempDir()
  const url = `file:${join(folder, 'registry.db')}`
  const task = (seed: number): KillTask => ({ url, folder, seed })
  await runWorker<KillAnswer>('kill', task(0))
  const whole = (await runWorker<KillAnswer>('kill', task(1))).answer
  expect(whole?.failed).toBeUndefined()
  const steps = whole?.steps ?? []
  expect(steps).toEqual(expect.arrayContaining(['open', 'write', 'fdatasync', 'rename', 'fsync', '$transaction']))
  const random = seededRandom()
  const reached = new Map<string, number>()
  let seed = 2
  for (let hit = 0; hit < hits; hit++) {
    for (let at = stride === 1 ? 0 : random.int(stride); at < steps.length; at += stride) {
      for (const when of ['before', 'after'] as const) {
        const { answer, signal, said } = await runWorker<KillAnswer>('kill', { ...task(seed++), at, when })
        // What earlier kills left behind changes how many operations a save needs.
        if (answer !== undefined && answer.failed === undefined && answer.steps.length <= at) continue
        expect(`${at} ${when} ${steps[at]}: ${String(signal)}`).toBe(`${at} ${when} ${steps[at]}: SIGKILL`)
        const { step } = said.at(-1) as { step: string }
        reached.set(step, (reached.get(step) ?? 0) + 1)
        await check(url, folder)
      }
    }
  }
  for (const [step, times] of reached) if (stride === 1) expect(`${step}: ${times >= 5}`).toBe(`${step}: true`)
}

/** Kills several writers at random moments, and checks the registry after each round. */
export const killAtRandom = async (rounds: number): Promise<void> => {
  const folder = await tempDir()
  const url = `file:${join(folder, 'registry.db')}`
  const random = seededRandom()
  let seed = 1
  await runWorker<KillAnswer>('kill', { url, folder, seed: 0 } satisfies KillTask)
  for (let round = 0; round < rounds; round++) {
    const workers = Array.from({ length: 4 }, () => startWorker<KillAnswer>('kill', { url, folder, seed: seed++ } satisfies KillTask))
    for (const worker of workers) setTimeout(() => worker.kill(), 300 + random.int(900))
    await Promise.all(workers.map(({ done }) => done))
    await check(url, folder)
  }
}
