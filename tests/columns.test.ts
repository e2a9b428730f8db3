import { columns, type Found, isPersistablesError, persistable } from '../src'
import { type App, openApp } from './examples/app/open'
import { Classifier } from './examples/app/persistables/Classifier'
import { Dataset } from './examples/app/persistables/Dataset'
import { Metric } from './examples/app/persistables/Metric'
import { seededRandom } from './support'

const failure = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!isPersistablesError(error)) throw error ?? new Error('nothing was thrown')
  return error
}
const DAY = new Date('2026-03-04T05:06:07.089Z')
const ROWS = [{ species: 'Adelie', mass: 3750 }]

for (const provider of ['sqlite', 'postgresql'] as const) {
  describe(provider, () => {
    let app: App
    beforeEach(async () => {
      app = await openApp(provider)
    })
    afterEach(() => app.close())

    const dataset = (columns: { source: string; rowCount?: number; measuredOn?: Date | null }, name = 'penguins') =>
      new Dataset({ name, config: { url: 'u' }, artifacts: { rows: ROWS }, columns })
    const trained = async (accuracies: readonly (number | null)[]) => {
      const parent = await app.repo.save(dataset({ source: 's' }))
      return app.repo.saveMany(
        accuracies.map((accuracy, i) => {
          const columns = { accuracy, stage: i % 2 === 0 ? ('draft' as const) : ('live' as const) }
          return new Classifier({
            name: `c${i}`,
            config: { rate: i },
            parents: { dataset: parent },
            artifacts: { weights: Float32Array.of(i) },
            columns,
          })
        }),
      )
    }

    for (const writes of ['statements', 'models'] as const) {
      test(`columns are saved with the row and come back as they were, by ${writes}`, async () => {
        const repo = app.again({ writes })
        const saved = await repo.save(dataset({ source: 'ä"\'\\ %', rowCount: 344, measuredOn: DAY }))
        expect([saved.source, saved.rowCount, saved.measuredOn]).toEqual(['ä"\'\\ %', 344, DAY])
        for (const loaded of [
          await repo.load(Dataset, 'penguins'),
          await repo.load(Dataset, { id: saved.id }),
          await repo.load(Dataset, { hash: saved.hash }),
        ])
          expect([loaded.source, loaded.rowCount, loaded.measuredOn]).toEqual(['ä"\'\\ %', 344, DAY])
        const untyped = await repo.load('Dataset/penguins@1')
        const byId = await repo.load({ id: saved.id })
        expect([untyped, byId].map((one) => (one as unknown as { rowCount: number }).rowCount)).toEqual([344, 344])
        const parent = await repo.save(
          new Classifier({ name: 'c', config: { rate: 1 }, parents: { dataset: saved }, artifacts: { weights: Float32Array.of(1) } }),
        )
        expect((await parent.parent('dataset')).rowCount).toBe(344)
        expect([parent.accuracy, parent.stage, parent.teamId]).toEqual([null, 'draft', null])
        const all = { share: 0.1 + 0.2, cost: '12.50', details: { a: [1, null, 'x'] }, seen: 2n ** 60n, passed: true, slug: 'one' }
        const metric = await repo.save(
          new Metric({ name: 'm', parents: { classifier: parent, dataset: saved }, artifacts: { predictions: [] }, columns: all }),
        )
        const again = await repo.load(Metric, 'm')
        for (const one of [metric, again]) {
          expect([one.share, one.cost, one.details, one.seen, one.passed, one.slug]).toEqual([0.1 + 0.2, '12.5', all.details, 2n ** 60n, true, 'one'])
          expect(one.takenAt).toEqual(metric.createdAt)
        }
        // What the app's own client sees is what was saved.
        const own = await app.prisma.metric.findUniqueOrThrow({ where: { id: metric.id }, include: { persistable: true } })
        expect([own.share, Number(own.cost), own.details, own.seen, own.passed, own.takenAt, own.persistable.name]).toEqual([
          0.1 + 0.2,
          12.5,
          all.details,
          2n ** 60n,
          true,
          metric.createdAt,
          'm',
        ])
      })
    }

    test('what does not fit is refused with every fault, and nothing is saved', async () => {
      const { repo } = app
      const draft = dataset({ source: 's' })
      Object.assign(draft.columns, { rowCount: 1.5, source: undefined, measuredOn: new Date('x'), rowCuont: 1 })
      const error = await failure(repo.save(draft))
      expect(error.code).toBe('INVALID_CONFIG')
      for (const part of [
        '"rowCount" must be a whole number',
        '"source" is required',
        '"measuredOn" must be a valid Date',
        'Did you mean "rowCount"?',
      ])
        expect(error.message).toContain(part)
      expect(await repo.count()).toBe(0)
      Object.assign(draft.columns, { rowCount: 2, source: 'now', measuredOn: null })
      delete (draft.columns as Record<string, unknown>)['rowCuont']
      expect((await repo.save(draft)).source).toBe('now')
    })

    test('the database’s own constraints: a value that is taken, a row that is not there; nothing stays behind', async () => {
      const { repo } = app
      const [classifier] = await trained([0.5])
      const parents = { classifier: classifier!, dataset: await repo.load(Dataset, 'penguins') }
      const metric = (slug: string) => new Metric({ name: 'm', parents, artifacts: { predictions: [] }, columns: { share: 1, slug } })
      await repo.save(metric('taken'))
      const again = await failure(repo.save(metric('taken')))
      expect([again.code, again.message]).toEqual(['INVALID_CONFIG', expect.stringContaining('another one has the same value')])
      const lost = new Classifier({
        name: 'lost',
        config: { rate: 1 },
        parents: { dataset: parents.dataset },
        artifacts: { weights: Float32Array.of(1) },
        columns: { teamId: 99 },
      })
      expect((await failure(repo.save(lost))).code).toMatch(/INVALID_CONFIG|NOT_FOUND/)
      expect([await repo.count(Metric), await repo.count(Classifier)]).toEqual([1, 1])
      expect((await repo.save(metric('free'))).version).toBe(2)
      await app.prisma.team.create({ data: { id: 99, name: 'birds' } })
      const saved = await repo.save(lost)
      const team = await app.prisma.team.findUniqueOrThrow({ where: { id: 99 }, include: { classifiers: { include: { persistable: true } } } })
      expect(team.classifiers.map(({ persistable }) => persistable.id)).toEqual([saved.id])
      // Deleting a version takes its columns along.
      await repo.delete(saved)
      expect(await app.prisma.classifier.count({ where: { id: saved.id } })).toBe(0)
    })

    test('find, count, order and pages over columns are what the same data says in memory', async () => {
      const random = seededRandom()
      const accuracies = Array.from({ length: 60 }, () => (random.int(6) === 0 ? null : random.int(12) / 10 - 0.1))
      const saved = await trained(accuracies)
      const all = saved.map((one, i) => ({ id: one.id, accuracy: accuracies[i] as number | null, stage: i % 2 === 0 ? 'draft' : 'live', rate: i }))
      const rows = (keep: (one: (typeof all)[number]) => boolean) =>
        all
          .filter(keep)
          .map(({ id }) => id)
          .sort()
      const number = (): number => random.int(12) / 10 - 0.1
      for (let i = 0; i < 120; i++) {
        const [a, b] = [number(), number()]
        const cases: [
          NonNullable<NonNullable<Parameters<typeof app.repo.find<typeof Classifier>>[1]>['where']>,
          (one: (typeof all)[number]) => boolean,
        ][] = [
          [{ accuracy: a }, (one) => one.accuracy === a],
          [{ accuracy: { gt: a, lte: b } }, (one) => one.accuracy !== null && one.accuracy > a && one.accuracy <= b],
          [{ accuracy: { in: [a, b] }, stage: 'live' }, (one) => (one.accuracy === a || one.accuracy === b) && one.stage === 'live'],
          [{ accuracy: { not: a }, name: { contains: '1' } }, (one) => one.accuracy !== null && one.accuracy !== a && `c${one.rate}`.includes('1')],
          [{ accuracy: null }, (one) => one.accuracy === null],
          [{ accuracy: { not: null }, stage: { in: ['draft', 'retired'] } }, (one) => one.accuracy !== null && one.stage === 'draft'],
        ]
        const [where, keep] = cases[i % cases.length]!
        expect((await app.repo.find(Classifier, { where })).map(({ id }) => id).sort()).toEqual(rows(keep))
        expect(await app.repo.count(Classifier, { where })).toBe(rows(keep).length)
      }
      for (const direction of ['asc', 'desc'] as const) {
        const sign = direction === 'asc' ? 1 : -1
        const wanted = [...all].sort((x, y) => {
          if (x.accuracy !== y.accuracy) return x.accuracy === null ? 1 : y.accuracy === null ? -1 : (x.accuracy - y.accuracy) * sign
          return (x.id < y.id ? -1 : 1) * sign
        })
        for (const take of [1 + random.int(7), 60, 100]) {
          const seen: string[] = []
          let cursor: string | null = null
          do {
            const page: Found<unknown> & readonly { id: string }[] = await app.repo.find(Classifier, {
              orderBy: { accuracy: direction },
              take,
              cursor,
            })
            seen.push(...page.map(({ id }) => id))
            cursor = page.cursor
          } while (cursor !== null)
          expect(seen).toEqual(wanted.map(({ id }) => id))
        }
      }
      const best = await app.repo.find(Classifier, { where: { stage: 'live' }, orderBy: { accuracy: 'desc' }, take: 1, latest: true })
      expect(best[0]?.accuracy).toBe(Math.max(...all.filter(({ stage }) => stage === 'live').map(({ accuracy }) => accuracy ?? -1)))
    })

    test('columns within OR and NOT, beside config; who has no companion fits no condition on a column', async () => {
      const [first] = await trained([0.5, null, 0.9])
      await app.sql(`DELETE FROM "Classifier" WHERE id = '${first!.id}'`)
      type Where = NonNullable<NonNullable<Parameters<typeof app.repo.find<typeof Classifier>>[1]>['where']>
      const cases: [Where, string][] = [
        [{ OR: [{ accuracy: { gt: 0.7 } }, { config: { rate: 0 } }] }, 'c0 c2'],
        [{ OR: [{ accuracy: null }, { name: 'c2' }] }, 'c1 c2'],
        [{ NOT: { accuracy: null } }, 'c0 c2'],
        [{ NOT: { accuracy: { lt: 1 } } }, 'c0 c1'],
        [{ accuracy: null }, 'c1'],
        [{ AND: [{ accuracy: { gt: 0.7 } }, { config: { rate: { gte: 2 } } }] }, 'c2'],
        [{ stage: { notIn: ['live'] }, config: { rate: { in: [1, 2] } } }, 'c2'],
        [{ config: { rate: { lt: 2 } }, OR: [{ stage: 'live' }] }, 'c1'],
      ]
      for (const [where, wanted] of cases) {
        for (const orderBy of [{ name: 'asc' }, { createdAt: 'asc' }] as const) {
          const names = (await app.repo.find(Classifier, { where, orderBy })).map(({ name }) => name)
          expect([where, names.sort().join(' ')]).toEqual([where, wanted])
        }
        expect(await app.repo.count(Classifier, { where })).toBe(wanted.split(' ').length)
        expect(await app.repo.count(Classifier, { where, latest: true })).toBe(wanted.split(' ').length)
      }
      // An order by a column begins in its table, where the first is missing.
      const ordered = await app.repo.find(Classifier, { where: { NOT: { config: { rate: 7 } } }, orderBy: { accuracy: 'desc' } })
      expect(ordered.map(({ name }) => name)).toEqual(['c2', 'c1'])
    })

    test('conditions and orders on a column begin in its index, whatever the number of rows', async () => {
      const { repo, prisma, sql } = app
      const numbers =
        provider === 'sqlite'
          ? 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT'
          : 'WITH n(i) AS (SELECT generate_series(1, 20000)) SELECT'
      const json = provider === 'sqlite' ? '' : '::jsonb'
      const time = provider === 'sqlite' ? `'2026-01-01T00:00:00.000+00:00'` : `timestamp '2026-01-01'`
      await sql(`INSERT INTO persistables (id, type, registered_name, project, name, author, version, hash, has_external_files, filepaths, metadata, row_version, created_at, modified_at)
        ${numbers} 'id-' || i, 'Dataset', 'Dataset', 'default', 'n' || i, 'a', 1, 'h', false, '{}'${json}, '{"config":{}}'${json}, 1, ${time}, ${time} FROM n`)
      await sql(`INSERT INTO "Dataset" (id, "rowCount", source) ${numbers} 'id-' || i, i, 's' FROM n`)
      await sql('ANALYZE')
      const asked: [string, unknown[]][] = []
      const client = new Proxy(prisma, {
        get(target, key) {
          const member: unknown = Reflect.get(target, key)
          if (key !== '$queryRawUnsafe') return typeof member === 'function' ? (member as (...args: unknown[]) => unknown).bind(target) : member
          return (text: string, ...values: unknown[]) => {
            asked.push([text, values])
            return target.$queryRawUnsafe(text, ...values)
          }
        },
      })
      const watched = app.again({ client: client as never, provider })
      const page = await repo.find(Dataset, { orderBy: { rowCount: 'desc' }, take: 10 })
      const cases = [
        () => watched.find(Dataset, { where: { rowCount: 77 } }),
        () => watched.find(Dataset, { where: { rowCount: { gt: 19_990 } }, orderBy: { rowCount: 'asc' }, take: 10 }),
        () => watched.find(Dataset, { orderBy: { rowCount: 'desc' }, take: 10 }),
        () => watched.find(Dataset, { orderBy: { rowCount: 'desc' }, take: 10, cursor: page.cursor }),
        () => watched.count(Dataset, { where: { rowCount: { lte: 9 } } }),
      ]
      for (const work of cases) {
        asked.length = 0
        await work()
        const [text, values] = asked.at(-1)!
        const plan = await prisma.$queryRawUnsafe<Record<string, unknown>[]>(
          `${provider === 'sqlite' ? 'EXPLAIN QUERY PLAN' : 'EXPLAIN'} ${text}`,
          ...values,
        )
        expect(plan.map((row) => String(row['detail'] ?? row['QUERY PLAN'])).join('\n')).toContain('Dataset_rowCount_id_idx')
      }
    })

    test('every kind of column can be asked for and ordered by', async () => {
      const { repo } = app
      const [classifier] = await trained([1])
      const parents = { classifier: classifier!, dataset: await repo.load(Dataset, 'penguins') }
      const given = [
        { share: 1, cost: '9.5', seen: 2n ** 53n + 1n, passed: true, slug: 'ä', takenAt: DAY },
        { share: 2, cost: '10.25', seen: 2n ** 53n + 2n, passed: false, slug: 'Z', details: {} },
        { share: 3, slug: 'a' },
      ]
      await repo.saveMany(given.map((columns, i) => new Metric({ name: `m${i}`, parents, artifacts: { predictions: [] }, columns })))
      const names = async (options: Parameters<typeof repo.find<typeof Metric>>[1]) => (await repo.find(Metric, options)).map(({ name }) => name)
      expect(await names({ where: { cost: { gt: '9.75' } } })).toEqual(['m1'])
      expect(await names({ where: { seen: 2n ** 53n + 1n } })).toEqual(['m0'])
      expect(await names({ where: { passed: true } })).toEqual(['m0'])
      expect(await names({ where: { takenAt: { lt: new Date(DAY.getTime() + 1) } } })).toEqual(['m0'])
      expect(await names({ where: { details: { not: null } } })).toEqual(['m1'])
      expect(await names({ where: { slug: { startsWith: 'ä' } } })).toEqual(['m0'])
      for (const [key, wanted] of Object.entries({ share: 'm0 m1 m2', cost: 'm0 m1 m2', seen: 'm0 m1 m2', slug: 'm1 m2 m0', takenAt: 'm0' })) {
        const page = await repo.find(Metric, { orderBy: { [key]: 'asc' }, take: 1 })
        const rest = await repo.find(Metric, { orderBy: { [key]: 'asc' }, cursor: page.cursor })
        expect([...page, ...rest].map(({ name }) => name).join(' ')).toMatch(new RegExp(`^${wanted}`))
      }
      expect(await names({ orderBy: { passed: 'desc' }, take: 1 })).toEqual(['m0'])
      const wrong: [object, string][] = [
        [{ where: { shar: 1 } }, 'Did you mean "share"'],
        [{ where: { share: 'x' } }, 'a finite number'],
        [{ where: { share: { startsWith: 'x' } } }, 'has no condition "startsWith"'],
        [{ where: { share: [] } }, 'a finite number'],
        [{ where: { NOT: { takenAt: new Map() } } }, 'a valid Date'],
        [{ orderBy: null }, 'exactly one key'],
        [{ orderBy: { slug: 'asc' }, cursor: Buffer.from(JSON.stringify(['slug', 'asc', 'a\0', 'x'])).toString('base64url') }, 'cannot be read'],
        [{ orderBy: { details: 'asc' } }, 'Nothing can be ordered'],
        [{ orderBy: { share: 'up' } }, 'neither'],
        [{ orderBy: { share: 'asc' }, cursor: (await repo.find(Metric, { take: 1 })).cursor }, 'another order'],
      ]
      for (const [options, part] of wrong) {
        const error = await failure(repo.find(Metric, options))
        expect([error.code, error.message]).toEqual(['INVALID_QUERY', expect.stringContaining(part)])
      }
    })

    test('update changes columns alone; of two at once one is told to look again', async () => {
      const { repo } = app
      const [first] = await trained([0.5])
      const other = await repo.load(Classifier, 'c0')
      const same = await first!.update({ columns: { accuracy: 0.75, stage: 'retired' } })
      expect([same === first, first!.accuracy, first!.stage]).toEqual([true, 0.75, 'retired'])
      const late = await failure(repo.update(other, { columns: { accuracy: 0.1 } }))
      expect([late.code, other.accuracy]).toEqual(['VERSION_CONFLICT', 0.5])
      const loaded = await repo.load(Classifier, 'c0')
      expect([loaded.accuracy, loaded.stage, loaded.hash, loaded.version]).toEqual([0.75, 'retired', first!.hash, 1])
      const racers = await Promise.all(Array.from({ length: 8 }, () => repo.load(Classifier, 'c0')))
      const outcomes = await Promise.allSettled(racers.map((one, i) => one.update({ columns: { accuracy: i } })))
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      const winner = outcomes.findIndex(({ status }) => status === 'fulfilled')
      expect((await repo.load(Classifier, 'c0')).accuracy).toBe(winner)
      for (const [changes, part] of [
        [{ columns: { accuracy: 'x' } }, 'a finite number'],
        [{ columns: { stage: null } }, 'cannot be null'],
        [{ columns: {} }, 'nothing is given'],
        [{ state: {} }, 'columns alone'],
      ] as const)
        expect((await failure(first!.update(changes as never))).message).toContain(part)
    })

    if (provider === 'postgresql') {
      test('native types of PostgreSQL, in a session that is not in UTC', async () => {
        await app.sql(`CREATE TABLE timed (id text PRIMARY KEY, at timestamptz(6), day date, code varchar(5), ref uuid, small smallint)`)
        const [{ name }] = (await app.prisma.$queryRawUnsafe('SELECT current_database() AS name')) as [{ name: string }]
        await app.sql(`ALTER DATABASE ${name} SET timezone TO 'Asia/Kolkata'`)
        await app.prisma.$disconnect()
        interface Cols {
          at: Date | null
          day: Date | null
          code: string | null
          ref: string | null
          small: number | null
        }
        const Timed = persistable('Timed', {
          columns: columns<Cols, Partial<Cols>>({
            model: 'Timed',
            table: 'timed',
            fields: {
              at: { kind: 'timestamp', type: 'timestamptz(6)', optional: true },
              day: { kind: 'timestamp', type: 'date', optional: true },
              code: { kind: 'text', type: 'varchar(5)', optional: true },
              ref: { kind: 'text', type: 'uuid', optional: true },
              small: { kind: 'int', type: 'smallint', optional: true },
            },
          }),
        })
        const repo = app.again({ types: [Timed] })
        const given = { at: DAY, day: new Date('2026-03-04T00:00:00.000Z'), code: 'abc', ref: '00000000-0000-4000-8000-000000000000', small: 7 }
        const saved = await repo.save(new Timed({ name: 't', columns: given }))
        for (const one of [saved, await repo.load(Timed, 't')])
          expect({ at: one.at, day: one.day, code: one.code, ref: one.ref, small: one.small }).toEqual(given)
        for (const where of [{ at: DAY }, { day: given.day }, { code: { startsWith: 'ab' } }, { ref: given.ref }, { small: { lt: 8 } }])
          expect(await repo.count(Timed, { where })).toBe(1)
        await repo.save(new Timed({ name: 't', columns: { at: new Date(DAY.getTime() + 1) } }))
        const first = await repo.find(Timed, { orderBy: { at: 'asc' }, take: 1 })
        expect((await repo.find(Timed, { orderBy: { at: 'asc' }, cursor: first.cursor })).map(({ version }) => version)).toEqual([2])
        await saved.update({ columns: { at: null, small: 8 } })
        expect([saved.at, saved.small]).toEqual([null, 8])
      })
    }

    test('in the caller’s transaction columns commit and roll back with it', async () => {
      const { repo, prisma } = app
      const data = await repo.save(dataset({ source: 's' }))
      const draft = new Classifier({
        name: 'tx',
        config: { rate: 1 },
        parents: { dataset: data },
        artifacts: { weights: Float32Array.of(1) },
        columns: { teamId: 7 },
      })
      const ready = await repo.stage(draft)
      const undone = prisma.$transaction(async (tx) => {
        await tx.team.create({ data: { id: 7, name: 'seven' } })
        expect((await repo.using(tx as never).save(ready)).teamId).toBe(7)
        throw new Error('undo')
      })
      await expect(undone).rejects.toThrow('undo')
      expect([await repo.count(Classifier), await prisma.classifier.count(), await prisma.team.count()]).toEqual([0, 0, 0])
      const saved = await prisma.$transaction(async (tx) => {
        await tx.team.create({ data: { id: 7, name: 'seven' } })
        const inside = await repo.using(tx as never).save(ready)
        const updated = await repo.using(tx as never).update(inside, { columns: { accuracy: 0.9 } })
        return [inside.accuracy, updated.accuracy]
      })
      expect(saved).toEqual([null, 0.9])
      expect((await repo.load(Classifier, 'tx')).accuracy).toBe(0.9)
    })
  })
}
