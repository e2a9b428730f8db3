import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { copyRegistry, isPersistablesError } from '../src'
import { upTo } from './campaigns'
import { persistables } from './cli-run'
import { types } from './examples/app/generated/persistables'
import { type App, openApp } from './examples/app/open'
import { Classifier } from './examples/app/persistables/Classifier'
import { Dataset } from './examples/app/persistables/Dataset'
import { Metric } from './examples/app/persistables/Metric'
import { createDatabase } from './postgres'
import { tempDir } from './support'

const opened: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of opened.splice(0)) await close()
})
const app = async (provider: 'sqlite' | 'postgresql'): Promise<App> => {
  const one = await openApp(provider)
  opened.push(one.close)
  return one
}
const failure = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!isPersistablesError(error)) throw error ?? new Error('nothing was thrown')
  return error
}

const TEAM = { id: 7, name: 'birds' }
const DETAILS = { a: [1, null, 'x', 1e300], '"\'\\ é😀': {} }

/** Three types with columns of every kind, with what is hard to keep; more rows than a page has. */
const fill = async ({ prisma, repo }: App): Promise<void> => {
  await prisma.team.create({ data: TEAM })
  const measuredOn = new Date('2026-03-04T05:06:07.089Z')
  const dataset = await repo.save(
    new Dataset({ name: 'd', config: { url: 'u' }, artifacts: { rows: [] }, columns: { source: 'ä"\'\\ %\n😀', rowCount: -(2 ** 31), measuredOn } }),
  )
  const made = { parents: { dataset }, artifacts: { weights: Float32Array.of(1) } }
  await repo.save(new Classifier({ name: 'c', config: { rate: 1 }, ...made, columns: { accuracy: 0.1 + 0.2, stage: 'live', teamId: TEAM.id } }))
  const rest = upTo(420).map(
    (i) => new Classifier({ name: `c${i}`, config: { rate: i }, ...made, columns: { accuracy: i % 3 === 0 ? null : 1 / i } }),
  )
  const [classifier] = await repo.saveMany(rest)
  const measured = (columns: { share: number; [key: string]: unknown }) =>
    new Metric({ name: 'm', parents: { classifier: classifier as never, dataset }, artifacts: { predictions: [] }, columns: columns as never })
  await repo.save(measured({ share: -0, cost: '-12345678901.5', details: DETAILS, seen: -(2n ** 63n), passed: true, slug: 'one' }))
  await repo.save(measured({ share: 5e-324, cost: '0.000001', details: [] }))
  // JSON's null is not a column's.
  const last = await repo.save(measured({ share: 1.7976931348623157e308 }))
  await prisma.$executeRawUnsafe(`UPDATE "Metric" SET "details" = 'null' WHERE "id" = '${last.id}'`)
}

/** All rows of the companions, as the app's own client reads them. */
const seen = async ({ prisma }: App): Promise<unknown> => {
  const orderBy = { id: 'asc' } as const
  const metrics = await prisma.metric.findMany({ orderBy })
  const nulls = await prisma.$queryRawUnsafe<{ id: string }[]>(`SELECT "id" FROM "Metric" WHERE CAST("details" AS TEXT) = 'null'`)
  return [
    await prisma.dataset.findMany({ orderBy }),
    await prisma.classifier.findMany({ orderBy, include: { team: true } }),
    metrics.map((metric) => ({ ...metric, cost: metric.cost === null ? null : Number(metric.cost) })),
    nulls,
  ]
}
const counts = (report: Awaited<ReturnType<typeof copyRegistry>>): Record<string, readonly number[]> =>
  Object.fromEntries(
    report.tables.filter(({ table }) => /^[A-Z]/.test(table)).map(({ table, rows, written, extra }) => [table, [rows, written, extra]]),
  )

for (const [from, to] of [
  ['sqlite', 'postgresql'],
  ['postgresql', 'sqlite'],
  ['postgresql', 'postgresql'],
  ['sqlite', 'sqlite'],
] as const) {
  test(`${from} to ${to}: columns come along, are read back, and follow what changes`, async () => {
    const [source, target] = [await app(from), await app(to)]
    await fill(source)
    await target.prisma.team.create({ data: TEAM })
    const options = { from: source.url, to: target.url, types }
    const dry = await copyRegistry({ ...options, dryRun: true })
    expect([counts(dry), dry.left]).toEqual([{ Dataset: [1, 1, 0], Classifier: [421, 421, 0], Metric: [3, 3, 0] }, []])
    expect(await target.prisma.dataset.count()).toBe(0)

    // Stopped among the columns: the rest comes with the next run.
    const stop = new AbortController()
    const stopped = copyRegistry({
      ...options,
      signal: stop.signal,
      onProgress: ({ table }) => void (table === 'Classifier' && stop.abort(new Error('enough'))),
    })
    await expect(stopped).rejects.toThrow('enough')
    const progress: number[] = []
    const report = await copyRegistry({ ...options, onProgress: ({ done, total }) => void progress.push(total - done) })
    expect(progress.at(-1)).toBe(0)
    expect(Object.values(counts(report)).map(([rows, , extra]) => [rows, extra])).toEqual([
      [421, 0],
      [1, 0],
      [3, 0],
    ]) // prettier-ignore
    expect(report.tables.find(({ table }) => table === 'Classifier')?.written).toBeLessThan(421)
    expect(await seen(target)).toEqual(await seen(source))
    expect(Object.values(counts(await copyRegistry(options))).map(([, written]) => written)).toEqual([0, 0, 0])

    // The same through the registry, and a later state goes over an earlier one, not the other way about.
    const open = target.again({ stores: [] })
    const best = { where: { accuracy: { gt: 0.2 }, stage: 'live' } } as const
    expect((await open.find(Classifier, best)).map(({ name, accuracy, teamId }) => [name, accuracy, teamId])).toEqual([['c', 0.1 + 0.2, TEAM.id]])
    await (await source.repo.load(Classifier, 'c1')).update({ columns: { accuracy: 0.75 } })
    const later = await open.load(Classifier, 'c2')
    await later.update({ columns: { accuracy: 0.5 } })
    expect(counts(await copyRegistry(options))['Classifier']).toEqual([421, 1, 0])
    expect([(await open.load(Classifier, 'c1')).accuracy, (await open.load(Classifier, 'c2')).accuracy]).toEqual([0.75, 0.5])
  }, 120_000)
}

test('a copy without the table, or without a column, is refused before anything is written', async () => {
  const source = await app('sqlite')
  await fill(source)
  const plain = await createDatabase()
  opened.push(plain.drop)
  const file = join(await tempDir(), 'new.db')
  for (const to of [plain.url, `file:${file}`]) {
    for (const dryRun of [false, true]) {
      const error = await failure(copyRegistry({ from: source.url, to, types, dryRun }))
      expect([error.code, error.message]).toEqual([
        'SCHEMA_OUTDATED',
        expect.stringMatching(/no table "\w+" of the companion model \w+.*persistables init.*prisma migrate deploy/s),
      ])
    }
  }
  expect(existsSync(file)).toBe(false)
  const left = await copyRegistry({ from: source.url, to: plain.url })
  expect(left.left).toEqual(['Classifier', 'Dataset', 'Metric'])
  // Nothing had been written: this copy wrote all.
  expect(left.tables[0]).toMatchObject({ table: 'persistables', written: 425 })

  const target = await app('postgresql')
  await target.sql('ALTER TABLE "Metric" DROP COLUMN "passed"')
  expect((await failure(copyRegistry({ from: source.url, to: target.url, types }))).message).toContain(
    'no "passed" in the table "Metric" of the companion model Metric',
  )
  expect(await target.repo.count()).toBe(0)
  await source.sql('ALTER TABLE "Metric" ADD COLUMN "newer" INTEGER')
  const unknown = await failure(copyRegistry({ from: source.url, to: (await app('sqlite')).url, types }))
  expect([unknown.code, unknown.message]).toEqual(['SCHEMA_OUTDATED', expect.stringMatching(/does not know: newer.*prisma generate/s)])
})

test('rows of the app’s own that the columns refer to must be there first; decimals that the copy cannot keep are told', async () => {
  for (const to of ['sqlite', 'postgresql'] as const) {
    const [source, target] = [await app('postgresql'), await app(to)]
    await fill(source)
    const options = { from: source.url, to: target.url, types }
    const error = await failure(copyRegistry(options))
    expect([error.code, error.message]).toEqual([
      'INVALID_CONFIG',
      expect.stringMatching(/"Classifier".*rows of the app’s own.*Copy the app’s own tables/s),
    ])
    await target.prisma.team.create({ data: TEAM })
    await copyRegistry(options)
    expect(await seen(target)).toEqual(await seen(source))
    await source.sql(`UPDATE "Metric" SET "cost" = 1234567890.123456789012 WHERE "slug" = 'one'`)
    if (to === 'sqlite') expect((await failure(copyRegistry(options))).message).toMatch(/"Metric" came back from the copy different.*15 digits/s)
    else expect(counts(await copyRegistry(options))['Metric']).toEqual([3, 1, 0])
  }
})

test('a unique value that another row has in the copy is told, and is not taken for another registry', async () => {
  const [source, target] = [await app('sqlite'), await app('postgresql')]
  await fill(source)
  await target.prisma.team.create({ data: TEAM })
  const options = { from: source.url, to: target.url, types }
  await copyRegistry(options)
  // The one that is written first wants what the other still has.
  const [first, second] = await source.prisma.metric.findMany({ orderBy: { id: 'asc' }, take: 2 })
  await target.sql(`UPDATE "Metric" SET "slug" = 'two' WHERE "id" = '${second?.id}'`)
  await source.sql(`UPDATE "Metric" SET "slug" = 'two' WHERE "id" = '${first?.id}'`)
  const error = await failure(copyRegistry(options))
  expect([error.code, error.message]).toEqual(['INVALID_CONFIG', expect.stringMatching(/"Metric" \(Metric\): others have their unique values/)])
})

test('the command copies the columns of the configuration’s types, and names the tables that it leaves', async () => {
  const [source, target] = [await app('sqlite'), await app('sqlite')]
  await fill(source)
  await target.prisma.team.create({ data: TEAM })
  const cwd = await tempDir()
  const without = await persistables({ cwd }, 'copy', '--url', source.url, '--to', target.url, '--dry-run')
  expect(without.out).toContain('Not copied, though they refer to versions: Classifier, Dataset, Metric.')
  writeFileSync(
    join(cwd, 'persistables.config.ts'),
    `import { types } from ${JSON.stringify(join(__dirname, 'examples/app/generated/persistables'))}\n\nexport default { types }\n`,
  )
  const done = await persistables({ cwd }, 'copy', '--url', source.url, '--to', target.url, '--json')
  expect([done.err, done.json().left, counts(done.json())]).toEqual(['', [], { Dataset: [1, 1, 0], Classifier: [421, 421, 0], Metric: [3, 3, 0] }])
  expect(await seen(target)).toEqual(await seen(source))
})
