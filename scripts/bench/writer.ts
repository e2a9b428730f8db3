// One of the processes of contention.ts: opens the registry of its url, then saves as told, and says how long each save took.
import { openRepository } from '../../src'
import { Report, report } from './registry'

/** What a writer is told to do: so many versions of one name. */
export interface Order {
  readonly name: string
  readonly saves: number
}

const main = async (): Promise<void> => {
  const send = (message: unknown): void => void process.send?.(message)
  const repo = await openRepository({ url: process.argv[2] as string, types: [Report], stores: [], author: 'bench' })
  process.on('message', async ({ name, saves }: Order) => {
    const took: number[] = []
    try {
      for (let i = 0; i < saves; i++) {
        const start = performance.now()
        await repo.save(report(name))
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
