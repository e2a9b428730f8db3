import { artifact, diskStore, openRepository, persistable, text } from '../../src'
import { work } from './child'

/** Ten small artifacts. */
export class Many extends persistable('Many', {
  artifacts: {
    a: artifact(text().to('disk')),
    b: artifact(text().to('disk')),
    c: artifact(text().to('disk')),
    d: artifact(text().to('disk')),
    e: artifact(text().to('disk')),
    f: artifact(text().to('disk')),
    g: artifact(text().to('disk')),
    h: artifact(text().to('disk')),
    i: artifact(text().to('disk')),
    j: artifact(text().to('disk')),
  },
}) {}

export interface ManyTask {
  readonly url: string
  readonly folder: string
  readonly verb: 'save' | 'verify' | 'gc'
  /** rows to save, from this number on */
  readonly rows?: number
  readonly from?: number
}

export interface ManyAnswer {
  readonly failed?: string
  readonly count: number
  /** MB by which the peak of the process's memory grew */
  readonly growth: number
  readonly seconds: number
}

const peak = (): number => process.resourceUsage().maxRSS / 1000

work(async ({ url, folder, verb, rows = 0, from = 0 }: ManyTask, ready) => {
  await using repo = await openRepository({ url, types: [Many], stores: [diskStore(`${folder}/files`)], logger: { warn: () => {} } })
  const draft = (i: number): Many => {
    const artifacts = Object.fromEntries([...'abcdefghij'].map((name) => [name, `${name} of ${i}`])) as Record<'a', string>
    return new Many({ name: `n${i % 5}`, artifacts: artifacts as never })
  }
  // What a first call loads and compiles is not what many cost.
  for await (const _ of repo.verify({ where: { name: 'none' } }));
  await ready()
  const before = peak()
  const start = performance.now()
  let count = 0
  if (verb === 'save') {
    for (; count < rows; count += 100) await repo.saveMany(Array.from({ length: Math.min(100, rows - count) }, (_, i) => draft(from + count + i)))
  } else if (verb === 'verify') {
    for await (const { kind } of repo.verify()) if (kind === 'ok') count++
  } else {
    const [report] = await repo.gc({ force: true })
    count = (report?.deleted ?? 0) + (report?.kept ?? 0)
  }
  return { count, growth: peak() - before, seconds: (performance.now() - start) / 1000 } satisfies ManyAnswer
})
