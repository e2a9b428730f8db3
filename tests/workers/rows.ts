import { artifact, csv, diskStore, gzip, ndjson, openRepository, persistable } from '../../src'
import { work } from './child'

export interface RowsTask {
  readonly folder: string
  readonly rows: number
}

export interface RowsAnswer {
  readonly failed?: string
  /** rows that came back in order, of each artifact */
  readonly lines: number
  readonly table: number
  /** bytes of content of both */
  readonly size: number
  /** MB by which the peak of the process's memory grew */
  readonly growth: number
}

interface Row {
  i: number
  text: string
}

class Rows extends persistable('Rows', {
  artifacts: {
    lines: artifact(gzip(ndjson<Row>(), { level: 1 }).to('disk')),
    table: artifact(csv({ columns: { i: 'number', text: 'string' } }).to('disk')),
  },
}) {}

const peak = (): number => process.resourceUsage().maxRSS / 1000

function* rows(count: number): Generator<Row> {
  for (let i = 0; i < count; i++) yield { i, text: `row ${i}${' '.repeat(60)}${(i * 7919) % 1_000_003}` }
}

work(async ({ folder, rows: count }: RowsTask, ready) => {
  await using repo = await openRepository({ url: `file:${folder}/registry.db`, types: [Rows], stores: [diskStore(`${folder}/disk`)] })
  const roundTrip = async (name: string, length: number) => {
    const saved = await repo.save(new Rows({ name, artifacts: { lines: rows(length), table: rows(length) } }))
    const loaded = await repo.load(Rows, name)
    const inOrder = async (of: AsyncIterable<Row>): Promise<number> => {
      let next = 0
      for await (const { i } of of) if (i === next) next++
      return next
    }
    const size = Object.values(saved.filepaths).reduce((sum, patterns) => sum + (Object.values(patterns)[0]?.contentSize ?? 0), 0)
    return { lines: await inOrder(loaded.rows('lines')), table: await inOrder(loaded.rows('table')), size }
  }
  await ready()
  await roundTrip('warm-up', 20_000)
  const before = peak()
  const answer = await roundTrip('large', count)
  return { ...answer, growth: peak() - before } satisfies RowsAnswer
})
