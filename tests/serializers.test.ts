import { createReadStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import fc from 'fast-check'
import { bytes, type Content, json, ndjson, serializer, text } from '../src'
import { contentOf, encode, encodedText, failure, roundTrip, utf8 } from './serializing'
import { seededRandom, tempDir } from './support'

describe('json', () => {
  test('any JSON value comes back, and equal values have equal bytes whatever the order of keys', async () => {
    const { seed } = seededRandom()
    const value = fc.jsonValue({ noUnicodeString: false } as never)
    await fc.assert(
      fc.asyncProperty(value, async (tree) => {
        const first = await encode(json(), tree)
        expect(await json().decode(contentOf(first))).toEqual(tree)
        const reversed = (node: unknown): unknown => {
          if (Array.isArray(node)) return node.map(reversed)
          if (typeof node !== 'object' || node === null) return node
          return Object.fromEntries(
            Object.entries(node)
              .reverse()
              .map(([key, child]) => [key, reversed(child)]),
          )
        }
        expect(Buffer.compare(await encode(json(), reversed(tree)), first)).toBe(0)
      }),
      { seed, numRuns: 150 },
    )
  })

  test('what is written is compact JSON with sorted keys', async () => {
    expect(await encodedText(json(), { b: [1, 'ä', null], a: { d: true, c: -0.5e-7 }, skip: undefined })).toBe(
      '{"a":{"c":-5e-8,"d":true},"b":[1,"ä",null]}',
    )
    expect(await encodedText(json(), { 10: 1, 9: 2, a: 3 })).toBe('{"10":1,"9":2,"a":3}')
    expect(await encodedText(json(), Object.create(null))).toBe('{}')
    const shared = { x: 1 }
    expect(await encodedText(json(), [shared, shared])).toBe('[{"x":1},{"x":1}]')
  })

  test('-0, half surrogate pairs, NUL and keys such as __proto__ survive', async () => {
    expect(Object.is(await roundTrip(json(), -0), -0)).toBe(true)
    expect(await encodedText(json(), 0)).not.toBe(await encodedText(json(), -0))
    for (const odd of ['\ud800', '\udc00x', 'a\u0000b', '\u2028', '\ufeff', '😀'])
      expect(await roundTrip(json(), { [odd]: odd })).toEqual({ [odd]: odd })
    const hostile = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":2},"toJSON":3,"hasOwnProperty":4}')
    const back = (await roundTrip(json(), hostile)) as Record<string, unknown>
    expect(Object.keys(back).sort()).toEqual(['__proto__', 'constructor', 'hasOwnProperty', 'toJSON'])
    expect(Object.getOwnPropertyDescriptor(back, '__proto__')?.value).toEqual({ polluted: 1 })
    expect(({} as Record<string, unknown>)['polluted']).toBe(undefined)
  })

  class Point {
    x = 1
  }
  const circle: Record<string, unknown> = {}
  circle['deep'] = [{ circle }]
  const named = Object.assign([1], { extra: 2 })
  const cases: [string, unknown, string][] = [
    ['undefined', undefined, 'value'],
    ['undefined in an array', { a: [1, undefined] }, 'value.a[1]'],
    // biome-ignore lint/suspicious/noSparseArray: that is what is tested
    ['a hole', [1, , 2], 'value[1]'],
    ['a function', { f: () => 1 }, 'value.f'],
    ['a symbol', [Symbol('s')], 'value[0]'],
    ['a symbol as key', { a: { [Symbol('s')]: 1 } }, 'value.a'],
    ['NaN', { 'odd key': Number.NaN }, 'value["odd key"]'],
    ['Infinity', [[Number.NEGATIVE_INFINITY]], 'value[0][0]'],
    ['bigint', { n: 1n }, 'value.n'],
    ['a Date', { d: new Date(0) }, 'value.d'],
    ['a Map', new Map(), 'value'],
    ['a Set', { s: new Set() }, 'value.s'],
    ['a typed array', { t: new Float32Array(1) }, 'value.t'],
    ['a Buffer', Buffer.from('x'), 'value'],
    ['a boxed number', { n: Object(1) }, 'value.n'],
    ['an instance', { p: new Point() }, 'value.p'],
    ['an object with a toJSON', { toJSON: () => 1 }, 'value.toJSON'],
    ['an array with named properties', { named }, 'value.named'],
    ['an array of a subclass', new (class extends Array {})(), 'value'],
    ['a RegExp', /x/, 'value'],
    ['a promise', { p: Promise.resolve() }, 'value.p'],
    ['a circle', circle, 'value.deep[0].circle'],
  ]
  test.each(cases)('refuses %s, with the path', async (_, value, path) => {
    const error = await failure(() => encode(json(), value))
    expect([error.code, error.details['path']]).toEqual(['INVALID_ARTIFACT', path])
    expect(error.message).toContain(`at ${path}.`)
  })

  test('nesting of 40 000 levels is written, read, and refused with a path of readable length', async () => {
    const nest = (core: unknown): unknown => {
      let value = core
      for (let level = 0; level < 40_000; level++) value = level % 2 === 0 ? [value] : { a: value }
      return value
    }
    const written = await encode(json(), nest(1))
    expect(written.length).toBe(1 + 20_000 * 2 + 20_000 * 6)
    expect(Buffer.compare(await encode(json(), await json().decode(contentOf(written))), written)).toBe(0)
    const error = await failure(() => encode(json(), nest(undefined)))
    expect(error.code).toBe('INVALID_ARTIFACT')
    expect(error.message.length).toBeLessThan(500)
  })

  test('a large value does not keep the event loop to itself', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    await encode(
      json(),
      Array.from({ length: 100_000 }, (_, i) => ({ i })),
    )
    clearInterval(timer)
    expect(turns).toBeGreaterThan(3)
  })

  test('what is not JSON, or not UTF-8, is an error', async () => {
    for (const wrong of [utf8(''), utf8('{"a":1'), utf8('\ufeff{}'), Uint8Array.of(0x22, 0xff, 0x22)]) {
      expect((await failure(() => json().decode(contentOf(wrong)))).code).toBe('INVALID_ARTIFACT')
    }
  })
})

describe('text', () => {
  test('any well-formed text comes back, to the byte', async () => {
    const { seed } = seededRandom()
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (value) => expect(await roundTrip(text(), value)).toBe(value)),
      { seed },
    )
    expect(await roundTrip(text(), '\ufeffa\r\nb\u0000')).toBe('\ufeffa\r\nb\u0000')
  })

  test('refuses half a surrogate pair, and bytes that are not UTF-8', async () => {
    const error = await failure(() => encode(text(), 'ab\ud800c'))
    expect([error.code, error.details['position']]).toEqual(['INVALID_ARTIFACT', 2])
    for (const wrong of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]])
      expect((await failure(() => text().decode(contentOf(Uint8Array.from(wrong))))).code).toBe('INVALID_ARTIFACT')
  })
})

describe('ndjson', () => {
  test('rows come back whatever the pieces they are read in', async () => {
    const { seed } = seededRandom()
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue(), { maxLength: 12 }), fc.integer({ min: 1, max: 9 }), async (rows, pieces) => {
        const written = await encode(ndjson(), rows)
        expect(await ndjson().decode(contentOf(written, pieces))).toEqual(rows)
        expect(Buffer.from(written).toString().split('\n')).toHaveLength(rows.length + 1)
      }),
      { seed, numRuns: 200 },
    )
  })

  test('takes arrays, sets, generators and streams of rows; writes in pieces of about 64 KiB', async () => {
    const rows = Array.from({ length: 6000 }, (_, i) => ({ i, text: `row ${i} ä` }))
    const sizes: number[] = []
    for await (const chunk of (await ndjson().encode(rows)).bytes as AsyncIterable<Uint8Array>) sizes.push(chunk.length)
    expect(sizes.length).toBeGreaterThan(2)
    expect(Math.max(...sizes)).toBeLessThan(80_000)
    const sources = [
      new Set(rows),
      (function* () {
        yield* rows
      })(),
      (async function* () {
        yield* rows
      })(),
      Readable.from(rows),
    ]
    for (const source of sources) expect(await roundTrip(ndjson(), source)).toEqual(rows)
    expect(await roundTrip(ndjson(), [])).toEqual([])
  })

  test('a last line without an end is read; blank and broken lines are errors that name the line', async () => {
    expect(await ndjson().decode(contentOf(utf8('{"a":1}\n2')))).toEqual([{ a: 1 }, 2])
    expect(await ndjson().decode(contentOf(utf8('1\r\n2\r\n')))).toEqual([1, 2])
    for (const [wrong, line] of [
      ['1\n\n2\n', 2],
      ['1\n2\n{', 3],
      ['\n', 1],
    ] as const) {
      const error = await failure(() => ndjson().decode(contentOf(utf8(wrong))))
      expect([error.code, error.details['line']]).toEqual(['INVALID_ARTIFACT', line])
    }
    for (const wrong of [Uint8Array.of(0x31, 0x0a, 0xff), Uint8Array.of(0x22, 0xc3)])
      expect((await failure(() => ndjson().decode(contentOf(wrong)))).code).toBe('INVALID_ARTIFACT')
  })

  test('a row that does not fit is named', async () => {
    const error = await failure(() => encode(ndjson(), [{ a: 1 }, { b: [new Date(0)] }]))
    expect([error.code, error.details['path']]).toEqual(['INVALID_ARTIFACT', 'row 1.b[0]'])
    for (const wrong of ['text', utf8('x'), { length: 1 }, null, 1])
      expect((await failure(() => encode(ndjson(), wrong))).code).toBe('INVALID_ARTIFACT')
  })
})

describe('bytes', () => {
  const HELLO = utf8('hello')

  test('every source of bytes', async () => {
    const path = join(await tempDir(), 'hello')
    await writeFile(path, 'hello')
    const passed = new PassThrough()
    passed.end('hello')
    const sources: unknown[] = [
      HELLO,
      Buffer.from('hello'),
      HELLO.buffer,
      'hello',
      new Blob(['hel', 'lo']),
      new Blob(['hello']).stream(),
      createReadStream(path, { highWaterMark: 2 }),
      passed,
      Readable.from([Buffer.from('he'), Buffer.from('llo')]),
      Readable.from(['he', 'llo']),
      (async function* () {
        yield 'he'
        yield utf8('llo')
      })(),
      // a web stream of an engine whose streams cannot be iterated
      { locked: false, getReader: () => new Blob(['hello']).stream().getReader() },
    ]
    for (const source of sources) expect(await roundTrip(bytes(), source)).toEqual(HELLO)
    expect(await roundTrip(bytes(), new Uint8Array(0))).toEqual(new Uint8Array(0))
  })

  test('a window of a pooled Buffer takes and gives nothing but itself', async () => {
    const secret = Buffer.from('secret!hello')
    const window = secret.subarray(7)
    const written = await encode(bytes(), window)
    expect(written).toEqual(HELLO)
    const back = await bytes().decode({ ...contentOf(HELLO), bytes: async () => window })
    expect(back.buffer.byteLength).toBe(5)
    expect(Buffer.isBuffer(back)).toBe(false)
    back.fill(0)
    expect(secret.toString()).toBe('secret!hello')
  })

  test('bytes that are changed after the save began are saved as they were', async () => {
    const mine = HELLO.slice()
    const { bytes: written } = await bytes().encode(mine)
    const { bytes: copied } = await bytes().encode(mine.buffer)
    mine.fill(0)
    expect([written, copied]).toEqual([HELLO, HELLO])
  })

  test('a pair of surrogates may be split between two strings of a stream, and half of one is refused', async () => {
    expect(await roundTrip(bytes(), Readable.from(['a\ud83d', '\ude00b']))).toEqual(utf8('a😀b'))
    for (const wrong of [['a\ud83d'], ['a\ud83d', Buffer.from('x')], ['\ude00']])
      expect((await failure(() => encode(bytes(), Readable.from(wrong)))).code).toBe('INVALID_ARTIFACT')
    expect((await failure(() => encode(bytes(), '\ud83d'))).code).toBe('INVALID_ARTIFACT')
  })

  test('refuses a stream that was read before, other typed arrays, values, and streams of values', async () => {
    const spent = Readable.from([HELLO])
    for await (const _ of spent) void _
    const destroyed = new PassThrough()
    destroyed.destroy()
    const locked = new Blob(['x']).stream()
    locked.getReader()
    for (const wrong of [spent, destroyed, locked]) {
      const error = await failure(() => encode(bytes(), wrong))
      expect([error.code, error.message]).toEqual(['INVALID_ARTIFACT', expect.stringContaining('fresh')])
    }
    for (const wrong of [
      new Float32Array(1),
      new DataView(new ArrayBuffer(1)),
      { a: 1 },
      [1],
      1,
      null,
      undefined,
      [HELLO],
      Readable.from([{ a: 1 }]),
      Readable.from([1]),
    ]) {
      expect((await failure(() => encode(bytes(), wrong))).code).toBe('INVALID_ARTIFACT')
    }
  })
})

test('a pattern is named after its store and its serializer, and names are checked', () => {
  const pattern = json().to('team-bucket')
  expect([pattern.name, pattern.store, pattern.serializer.name]).toEqual(['team-bucket_json', 'team-bucket', 'json'])
  for (const name of ['', 'Disk', 'a_b', '../x']) expect(() => json().to(name)).toThrow(expect.objectContaining({ code: 'INVALID_NAME' }))
  expect(() => serializer({ name: 'No', encode: () => ({ bytes: HELLO0 }), decode: () => 1 })).toThrow(
    expect.objectContaining({ code: 'INVALID_NAME' }),
  )
  expect(() => serializer({ name: 'half', encode: () => ({ bytes: HELLO0 }) } as never)).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining('decode') }),
  )
})
const HELLO0 = new Uint8Array(0)

test('a serializer of one’s own, also as an instance of a class', async () => {
  class Upper {
    readonly name = 'upper'
    readonly suffix = '!'
    encode(value: string): { bytes: Uint8Array } {
      return { bytes: utf8(value.toUpperCase() + this.suffix) }
    }
    async decode(content: Content): Promise<string> {
      return Buffer.from(await content.bytes()).toString() + this.suffix
    }
  }
  expect(await roundTrip(serializer(new Upper()), 'hi')).toBe('HI!!')
})
