// One of the processes of contention.ts: opens the registry of its url, then saves as told, and says how long each save took.
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { PrismaClient } from '../../generated/sqlite/client'
import { openRepository } from '../../src'
import { CONFIG, Report, report } from './registry'

/** What a writer is told to do: so many versions of one name. */
export interface Order {
  readonly name: string
  /** by the loop that one would write by hand, instead of save() */
  readonly loop?: boolean
  readonly saves: number
}

// As save() writes it.
const REPORT_ROW = {
  type: 'Report',
  registeredName: 'Report',
  hash: `oh1:${'0'.repeat(64)}`,
  filepaths: {},
  metadata: { config: CONFIG, state: { save_patterns: {} } },
}

const main = async (): Promise<void> => {
  const send = (message: unknown): void => void process.send?.(message)
  const repo = await openRepository({ url: process.argv[2] as string, types: [Report], stores: [], author: 'bench' })
  const prisma = repo.client as unknown as PrismaClient
  const row = { ...REPORT_ROW, author: 'bench' }
  const loop = async (name: string): Promise<void> => {
    for (;;) {
      const newest = await prisma.persistable.findFirst({
        where: { project: 'default', type: 'Report', name },
        orderBy: { version: 'desc' },
        select: { version: true },
      })
      try {
        await prisma.persistable.create({ data: { ...row, id: randomUUID(), name, version: (newest?.version ?? 0) + 1 } })
        return
      } catch (error) {
        const { code } = error as { code?: string }
        if (code !== 'P2002' && code !== 'P1008') throw error
      }
      await wait(Math.random() * 10)
    }
  }
  process.on('message', async ({ name, loop: looped = false, saves }: Order) => {
    const took: number[] = []
    try {
      for (let i = 0; i < saves; i++) {
        const start = performance.now()
        await (looped ? loop(name) : repo.save(report(name)))
        took.push(performance.now() - start)
      }
      send({ took })
    } catch (error) {
      send({ error: error instanceof Error ? error.stack : String(error) })
    }
  })
  process.on('disconnect', () => void repo.close())
  send({ ready: true })
}

void main()
