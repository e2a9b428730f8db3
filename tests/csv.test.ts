import { parse as reference } from 'csv-parse/sync'
import fc from 'fast-check'
import { csv } from '../src'
import { contentOf, encode, encodedText, failure, gather, roundTrip, utf8 } from './serializing'
import { seededRandom } from './support'

const decode = (text: string, options = {}) => csv().decode(contentOf(utf8(text), 3, options))
const NASTY = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
  fc.string({ unit: fc.constantFrom('"', ',', '\r', '\n', 'a', '\ufeff', '😀', ' ') }),
)

test('any rows of texts come back, whatever the pieces they are read in; another reader reads the same', async () => {
  const { seed } = seededRandom()
  const table = fc.uniqueArray(NASTY, { minLength: 1, maxLength: 5 }).chain((names) =>
    fc.array(
      fc.tuple(...names.map(() => NASTY)).map((values) => Object.fromEntries(names.map((name, at) => [name, values[at] as string]))),
      { maxLength: 6 },
    ),
  )
  await fc.assert(
    fc.asyncProperty(table, fc.integer({ min: 1, max: 9 }), async (rows, pieces) => {
      const written = await encode(csv(), rows)
      expect(await csv().decode(contentOf(written, pieces))).toEqual(rows)
      const parsed = reference(Buffer.from(written), { record_delimiter: ['\r\n', '\n'], skip_empty_lines: false }) as string[][]
      const names = rows.length === 0 ? [] : Object.keys(rows[0] as object).sort()
      expect(parsed).toEqual(rows.length === 0 ? [] : [names, ...rows.map((row) => names.map((name) => row[name]))])
    }),
    { seed, numRuns: 300 },
  )
})

test('any text is read as another reader reads it, or refused', async () => {
  const { seed } = seededRandom()
  const text = fc.string({ unit: fc.constantFrom('"', '"', ',', '\r\n', '\n', 'a', 'b', ' '), maxLength: 14 })
  let read = 0
  await fc.assert(
    fc.asyncProperty(text, fc.integer({ min: 1, max: 5 }), async (body, pieces) => {
      let expected: string[][] | undefined
      try {
        expected = reference(`x,y\n${body}`, { record_delimiter: ['\r\n', '\n'], relax_column_count: false, bom: true }) as string[][]
      } catch {
        expected = undefined
      }
      const rows = await Promise.resolve(csv().decode(contentOf(utf8(`x,y\n${body}`), pieces))).catch((error: { code: string }) => error.code)
      if (expected === undefined) expect(rows).toBe('INVALID_ARTIFACT')
      else expect(rows).toEqual(expected.slice(1).map(([x, y]) => ({ x, y })))
      read += expected === undefined ? 0 : 1
    }),
    { seed, numRuns: 1500 },
  )
  expect(read).toBeGreaterThan(20)
})

test('typed columns come back as they were: null is nothing, an empty text is quotes', async () => {
  const { seed } = seededRandom()
  const typed = csv({
    columns: {
      s: 'string',
      sn: 'string?',
      n: 'number',
      nn: 'number?',
      b: 'boolean',
      bn: 'boolean?',
      i: 'bigint',
      in: 'bigint?',
      d: 'date',
      dn: 'date?',
    },
  })
  const number = fc.oneof(fc.double(), fc.constantFrom(-0, Number.NaN, Number.POSITIVE_INFINITY, 1e21, 5e-324))
  const date = fc.date({ noInvalidDate: true })
  const row = fc.record({
    s: NASTY,
    sn: fc.option(NASTY),
    n: number,
    nn: fc.option(number),
    b: fc.boolean(),
    bn: fc.option(fc.boolean()),
    i: fc.bigInt(),
    in: fc.option(fc.bigInt()),
    d: date,
    dn: fc.option(date),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 5 }), async (rows) => expect(await roundTrip(typed, rows, 7)).toEqual(rows)),
    { seed, numRuns: 200 },
  )
  for (const type of ['string?', 'number?', 'boolean?', 'bigint?', 'date?'] as const)
    expect(await roundTrip(csv({ columns: { only: type } }), [{ only: null }, { only: null }])).toEqual([{ only: null }, { only: null }])
  expect(await roundTrip(csv({ columns: { only: 'string?' } }), [{ only: '' }, { only: null }])).toEqual([{ only: '' }, { only: null }])
})

test('what is written: names in their order, or sorted; CRLF; quotes where they are needed', async () => {
  expect(
    await encodedText(csv(), [
      { b: 'x "y", z', a: '' },
      { a: '1\n2', b: ' ' },
    ]),
  ).toBe('a,b\r\n,"x ""y"", z"\r\n"1\n2", \r\n')
  const typed = csv({ columns: { when: 'date', b: 'string?', a: 'number' } })
  expect(
    await encodedText(typed, [
      { a: -0, b: null, when: new Date(0) },
      { a: 1.5, b: '', when: new Date(0) },
    ]),
  ).toBe('when,b,a\r\n1970-01-01T00:00:00.000Z,,-0\r\n1970-01-01T00:00:00.000Z,"",1.5\r\n')
  expect(await encodedText(typed, [])).toBe('when,b,a\r\n')
  expect(await encodedText(csv(), [])).toBe('')
  expect(await encodedText(csv(), [{ a: '' }])).toBe('a\r\n""\r\n')
})

test('the row notes the types, so that a reader without them gets the same', async () => {
  const typed = csv({ columns: { n: 'number', ['__proto__']: 'string' } })
  const rows = [JSON.parse('{"n":1,"__proto__":"x"}')]
  const { options } = await typed.encode(rows)
  expect(options).toEqual({
    columns: [
      ['n', 'number'],
      ['__proto__', 'string'],
    ],
  })
  const back = (await csv().decode(contentOf(await encode(typed, rows), 100, options))) as object[]
  expect(Object.entries(back[0] as object)).toEqual([
    ['n', 1],
    ['__proto__', 'x'],
  ])
  expect(({} as { x?: unknown }).x).toBe(undefined)
  for (const columns of [5, {}, [['a']], [['a', 'text']], [null]] as never[])
    expect((await failure(() => decode('a\n1\n', { columns }))).code).toBe('INVALID_ARTIFACT')
})

test.each([
  ['a,b\n1\n', { row: 1, line: 2 }],
  ['a,b\n1,2\n3,4,5\n', { row: 2, line: 3 }],
  ['a,b\n1,2\n\n', { row: 2, line: 3 }],
  ['a,a\n1,2\n', { line: 1, column: 'a' }],
  ['a,b\n"x\ny",z\n1,x"y\n', { line: 4 }],
  ['a,b\n1,"x"y\n', { line: 2 }],
  ['a,b\n1,"x\n\n', { line: 2 }],
  ['a,b\n1\r,2\n', { line: 2 }],
  ['a,b\n1,2\r', { line: 2 }],
] as const)('refuses %j, and says where', async (text, where) => {
  const error = await failure(() => decode(text))
  expect([error.code, error.details]).toEqual(['INVALID_ARTIFACT', { serializer: 'csv', ...where }])
})

test('refuses bytes that are not UTF-8, and fields that do not fit their column', async () => {
  for (const wrong of [
    [0x61, 0x0a, 0xff, 0x0a],
    [0x61, 0x0a, 0xc3],
  ])
    expect((await failure(() => csv().decode(contentOf(Uint8Array.from(wrong))))).code).toBe('INVALID_ARTIFACT')
  const cases = {
    number: ['', 'x', '0x1', '1,0', ' 1', '1e'],
    boolean: ['', 'yes', 'TRUE'],
    bigint: ['', '1.0', '1n'],
    date: ['', '2026', '2026-01-01 10:00', '2026-99-01', 'x'],
  }
  for (const [type, texts] of Object.entries(cases))
    for (const text of texts) {
      const error = await failure(() => decode(`a,b\n"${text}",1\n`, { columns: [['a', type]] }))
      expect([text, error.code, error.details]).toEqual([text, 'INVALID_ARTIFACT', { serializer: 'csv', row: 1, line: 2, column: 'a' }])
    }
  expect((await failure(() => decode('b\n1\n', { columns: [['a', 'string']] }))).details['column']).toBe('a')
})

test('refuses rows that do not fit, with row and column', async () => {
  const typed = csv({ columns: { a: 'number', b: 'string?' } })
  const cases: [unknown, unknown[], object][] = [
    [csv(), [{ a: '1' }, { a: 1 }], { row: 2, column: 'a' }],
    [csv(), [{ a: null }], { row: 1, column: 'a' }],
    [csv(), [{ a: '1' }, {}], { row: 2, column: 'a' }],
    [csv(), [{ a: '1' }, { a: '1', b: '2' }], { row: 2, column: 'b' }],
    [csv(), [{ a: '\ud800' }], { row: 1, column: 'a' }],
    [csv(), [{}], { row: 1 }],
    [csv(), [['a']], { row: 1 }],
    [csv(), ['a'], { row: 1 }],
    [typed, [{ a: '1', b: null }], { row: 1, column: 'a' }],
    [typed, [{ a: null, b: null }], { row: 1, column: 'a' }],
    [csv({ columns: { d: 'date' } }), [{ d: new Date(Number.NaN) }], { row: 1, column: 'd' }],
  ]
  for (const [made, rows, where] of cases) {
    const error = await failure(() => encode(made as never, rows))
    expect([error.code, error.details]).toEqual(['INVALID_ARTIFACT', { serializer: 'csv', ...where }])
  }
  for (const wrong of [5, 'a,b', utf8('a'), null, { a: ['1'] }]) expect((await failure(() => encode(csv(), wrong))).code).toBe('INVALID_ARTIFACT')
  for (const columns of [{}, { a: 'text' }, { '\ud800': 'string' }] as never[])
    expect((await failure(() => csv({ columns }))).code).toBe('INVALID_OPTION')
})

test('streams both ways; a byte order mark is skipped', async () => {
  const rows = Array.from({ length: 20_000 }, (_, i) => ({ i: String(i), text: `row ${i} "ä"` }))
  async function* source(): AsyncGenerator<(typeof rows)[number], void, undefined> {
    yield* rows
  }
  const sizes: number[] = []
  for await (const chunk of (await csv().encode(source())).bytes as AsyncIterable<Uint8Array>) sizes.push(chunk.length)
  expect(Math.max(...sizes)).toBeLessThan(80_000)
  const whole = await gather((await csv().encode(source())).bytes)
  const seen: unknown[] = []
  for await (const row of csv().decodeRows?.(contentOf(whole, 65_536)) ?? []) seen.push(row)
  expect(seen).toEqual(rows)
  expect(await decode('\ufeffa,b\n1,\ufeff2\n')).toEqual([{ a: '1', b: '\ufeff2' }])
})

test('a field over many pieces takes time in proportion to its length', async () => {
  const long = `"${'x\n'.repeat(2_000_000)}"`
  const rows = await csv().decode(contentOf(utf8(`a\n${long}\n`), 16_384))
  expect(rows).toHaveLength(1)
  expect(rows[0]?.['a']).toHaveLength(4_000_000)
})
