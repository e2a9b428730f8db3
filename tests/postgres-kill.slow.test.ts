import { setTimeout as wait } from 'node:timers/promises'
import { startPostgres } from '../scripts/postgres'
import { openRepository } from '../src'
import { migrate } from '../src/migrate'
import { figures, sorted, upTo } from './campaigns'
import { onServer } from './postgres'
import { startWorker } from './workers'
import { Base, Note, TYPES } from './workers/models'
import type { PersistAnswer, PersistTask } from './workers/persist'

const WORKERS = 8
const SAVES = 75

test('the server is killed under 8 writers and comes back, twice: what resolved is there, once, and versions are dense', async () => {
  const server = await startPostgres()
  try {
    const { url } = server
    const logger = { warn: () => {} }
    await migrate(url, { logger })
    const repo = await openRepository({ url, types: TYPES, stores: [], logger })
    await repo.save(new Base({ name: 'base', config: { of: 0 } }))
    const workers = upTo(WORKERS).map((worker) => startWorker<PersistAnswer>('persist', { url, worker, saves: SAVES } satisfies PersistTask))
    await Promise.all(workers.map(({ ready }) => ready))
    for (const worker of workers) worker.go()
    const count = () => onServer(url, async (client) => Number((await client.query(`SELECT count(*) AS n FROM "persistables"`)).rows[0]?.n))
    for (const reached of [60, 240]) {
      while ((await count()) < reached) await wait(20)
      await server.kill()
      await wait(200)
      await server.start()
    }
    const answers = (await Promise.all(workers.map(({ done }) => done))).map(({ answer }) => answer)
    expect(answers.map((answer) => answer?.failed)).toEqual(answers.map(() => undefined))
    expect(answers.flatMap((answer) => answer?.errors)).toEqual([])
    const saved = answers.flatMap((answer) => answer?.saved ?? [])
    const refused = answers.flatMap((answer) => answer?.refused ?? [])
    figures('server killed twice', { resolved: saved.length, refused: refused.length })
    expect(saved.length + refused.length).toBe(WORKERS * SAVES)
    for (const [, code] of refused) expect(code).toMatch(/^DATABASE_FAILED\/(unreachable|ended-transaction)$/)

    const rows = new Map((await repo.find(Note)).map((note) => [note.id, note]))
    expect(sorted([...rows.values()].map(({ version }) => version))).toEqual(upTo(rows.size))
    for (const [id, version] of saved) {
      const row = rows.get(id)
      expect([row?.version, row?.tags['i']]).toEqual([version, String(row?.config.i)])
    }
    // Nothing is there that nobody asked for, and nothing twice.
    const asked = new Set([...saved, ...refused].map(([id]) => id))
    expect([...rows.keys()].filter((id) => !asked.has(id))).toEqual([])
    expect(new Set([...rows.values()].map(({ config }) => `${config.worker}/${config.i}`)).size).toBe(rows.size)
    expect((await repo.save(new Note({ name: 'shared', config: { worker: 0, i: -1 }, parents: { base: 'base' } }))).version).toBe(rows.size + 1)
    await repo.close()
  } finally {
    await server.stop()
  }
}, 180_000)
