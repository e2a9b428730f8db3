// One of the processes of contention.ts: opens the registry of its url, then saves as told ({ name, loop, saves }), and says how long each save took.
// With `loop` by the loop that one would write by hand, instead of save().
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { openRepository, persistable, typed } from 'persistables'

class Report extends persistable('Report', { config: typed() }) {}
const config = { rate: 0.1, layers: [64, 32, 10], data: { url: 'https://example.org/penguins.json', rows: 344 } }

const repo = await openRepository({ url: process.argv[2], types: [Report], stores: [], author: 'bench' })
const prisma = repo.client

// As save() writes it.
const row = {
  type: 'Report',
  registeredName: 'Report',
  author: 'bench',
  hash: `oh1:${'0'.repeat(64)}`,
  filepaths: {},
  metadata: { config, state: { save_patterns: {} } },
}

const byLoop = async (name) => {
  for (;;) {
    const where = { project: 'default', type: 'Report', name }
    const newest = await prisma.persistable.findFirst({ where, orderBy: { version: 'desc' }, select: { version: true } })
    try {
      await prisma.persistable.create({ data: { ...row, id: randomUUID(), name, version: (newest?.version ?? 0) + 1 } })
      return
    } catch (error) {
      if (error.code !== 'P2002' && error.code !== 'P1008') throw error
    }
    await wait(Math.random() * 10)
  }
}

process.on('message', async ({ name, loop, saves }) => {
  const took = []
  try {
    for (let i = 0; i < saves; i++) {
      const start = performance.now()
      await (loop ? byLoop(name) : repo.save(new Report({ name, config })))
      took.push(performance.now() - start)
    }
    process.send({ took })
  } catch (error) {
    process.send({ error: error instanceof Error ? error.stack : String(error) })
  }
})
process.on('disconnect', () => void repo.close())
process.send({ ready: true })
