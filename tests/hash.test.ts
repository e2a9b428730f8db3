import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { HASH_SCHEME, hashNormal, hashValue, isHash } from '../src/hash'
import { canonical, normalize, restore } from '../src/normal'
import type { Json } from '../src/types'
import { mutated, twin, value } from './arbitraries'
import { compiled, MODULES, remove } from './compiled'
import { hashValues } from './hash-values'

const GOLDEN = join(__dirname, 'golden/hashes.json')

/** Binaries of other versions of Node: PERSISTABLES_NODES, and the packages node22 and node24 where they are installed. */
const NODES = [
  ...(process.env['PERSISTABLES_NODES'] ?? '').split(delimiter).filter(Boolean),
  ...['node22', 'node24'].map((name) => join(MODULES, name, 'bin/node')).filter((path) => existsSync(path)),
]

const hashes = () => hashValues().map(([description, input]) => [description, hashValue(input)] as const)

describe('golden hashes', () => {
  // A hash that is in somebody's database must never change: a new scheme gets a new name. UPDATE_GOLDEN=1 adds hashes of new values, and changes none.
  test('are what they were', () => {
    const golden = new Map(existsSync(GOLDEN) ? (JSON.parse(readFileSync(GOLDEN, 'utf8')) as [string, string][]) : [])
    if (process.env['UPDATE_GOLDEN'] === '1') {
      const lines = hashes().map(([description, hash]) => `  ${JSON.stringify([description, golden.get(description) ?? hash])}`)
      writeFileSync(GOLDEN, `[\n${lines.join(',\n')}\n]\n`)
    }
    expect(hashes()).toEqual(JSON.parse(readFileSync(GOLDEN, 'utf8')))
  })

  const script = `
    const { hashValues } = require(process.argv[1] + '/tests/hash-values.js')
    const { hashValue } = require(process.argv[1] + '/src/hash.js')
    console.log(JSON.stringify({ node: process.version, hashes: hashValues().map(([name, value]) => [name, hashValue(value)]) }))`

  function elsewhere(binary: string): { node: string; hashes: unknown } {
    const folder = compiled()
    try {
      return JSON.parse(
        execFileSync(binary, ['-e', script, folder], { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '', NODE_PATH: MODULES } }),
      )
    } finally {
      remove(folder)
    }
  }

  test('are the same in another process', () => {
    expect(elsewhere(process.execPath)).toEqual({ node: process.version, hashes: JSON.parse(readFileSync(GOLDEN, 'utf8')) })
  })

  if (NODES.length === 0) test.skip('are the same under other versions of Node: set PERSISTABLES_NODES to their binaries', () => {})
  for (const binary of NODES) {
    test(`are the same under ${binary}`, () => {
      const there = elsewhere(binary)
      expect(there.hashes).toEqual(JSON.parse(readFileSync(GOLDEN, 'utf8')))
      expect(there.node).toMatch(/^v\d+\./)
    })
  }
})

describe('the hash', () => {
  test('is the scheme and sha256 of what object-hash writes for the canonical text', () => {
    // sha256 of `string:2:{}`, from sha256sum
    expect(hashValue({})).toBe('oh1:c70b72c3bd6bc3d9a68f810ae10739e5c3c428416bffc3d483027adbd0d0759d')
    expect(hashNormal(normalize([1]))).toBe(hashValue([1]))
    expect(hashValue({}).startsWith(`${HASH_SCHEME}:`)).toBe(true)
  })

  test('isHash', () => {
    expect(isHash(hashValue(1))).toBe(true)
    for (const wrong of [
      '',
      'oh1:',
      hashValue(1).toUpperCase(),
      `${hashValue(1)}0`,
      `${hashValue(1)}\n`,
      hashValue(1).slice(4),
      `oh2${hashValue(1).slice(3)}`,
      null,
      5,
    ]) {
      expect(isHash(wrong)).toBe(false)
    }
  })

  test.each<[string, unknown, unknown]>([
    ['key order', { a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 }],
    [
      'Map order',
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
      new Map([
        ['b', 2],
        ['a', 1],
      ]),
    ],
    ['Set order', new Set([1, 2, [3]]), new Set([[3], 2, 1])],
    [
      'Map of alike keys',
      new Map([
        [{}, 1],
        [{}, 2],
      ]),
      new Map([
        [{}, 2],
        [{}, 1],
      ]),
    ],
    ['an undefined member', { a: undefined }, {}],
    ['a hole', new Array(1), [undefined]],
    ['Buffer and Uint8Array', Buffer.from([1, 2]), Uint8Array.of(1, 2)],
    ['a view and a copy', Uint16Array.of(9, 1, 2).subarray(1), Uint16Array.of(1, 2)],
    ['no prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    ['repeated strings', ['x', 'x'], ['x', 'xx'.slice(1)]],
    ['1 and 1.0', 1, 1.0],
  ])('is the same for %s', (_, a, b) => {
    expect(hashValue(a)).toBe(hashValue(b))
  })

  test('is the same for a shared part and for copies of it', () => {
    const part = { deep: [{ x: 1 }] }
    const copy = () => ({ deep: [{ x: 1 }] })
    expect(hashValue([part, part, { part }])).toBe(hashValue([copy(), copy(), { part: copy() }]))
  })

  test('differs for every two of these', () => {
    const [a, b] = [{ x: 1 }, { y: 1 }]
    const corpus: unknown[] = [
      // what a looser hash takes for one another
      true, 1, '1', 1n, 'true', [1], ['1'], [true], { 1: 1 }, new Set([1]), new Map([[1, 1]]), Uint8Array.of(1), Int8Array.of(1), Uint8Array.of(1).buffer, new DataView(Uint8Array.of(1).buffer),
      [], {}, '', 0, -0, 0n, false, null, undefined, Number.NaN, 'NaN', 'null', 'undefined', '0', '-0', [[]], [{}], {a: []}, {a: {}}, {a: ''}, new Map(), new Set(), new Uint8Array(0), new Float32Array(0), new ArrayBuffer(0),
      [undefined], [null], [undefined, undefined], [0], [-0], { a: null }, { a: 0 }, { a: -0 }, new Set([undefined]), new Map([[undefined, undefined]]), new Map([['a', undefined]]), new Map([['a', null]]),
      Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 'Infinity', 1e21, '1e21', 10n ** 21n, 2 ** 53, 2 ** 53 + 2, 0.1 + 0.2, 0.3,
      // object-hash's own markers, and what it would write for other values
      'string:1:a', 'a', 'number:1', '[CIRCULAR:0]', ['[CIRCULAR:0]'], 'array:0:', 'object:0:', 'bool:true', 'Null', '[undefined]', 'date:1970-01-01T00:00:00.000Z', 'string:4:null',
      // what joins alike
      ['a', 'b'], ['ab'], ['a,b'], 'ab', ['', 'ab'], { a: 'b' }, [['a', 'b']], { a: { b: 1 } }, { 'a.b': 1 }, { 'a:b': 1 }, { a: 1, b: 2 }, { a: 2, b: 1 }, [{ a: 1 }, { b: 2 }],
      // tags and what looks like them
      new Date(0), '1970-01-01T00:00:00.000Z', { $: 'date', v: '1970-01-01T00:00:00.000Z' }, { $: 'date' }, { $: 'undefined' }, { $: 'object', v: [['$', 'undefined']] }, { $: 'object', v: [] }, { $: 'map', v: [] },
      { $: 'set', v: [1] }, { $: 'bigint', v: '1' }, { $: 'number', v: '-0' }, { $: 'number', v: 'NaN' }, { $: 'uint8array', v: 'AQ==' }, { v: [], $: 1 }, { $$: 1 }, { $: 1 },
      // names of prototypes
      JSON.parse('{"__proto__":1}'), JSON.parse('{"__proto__":{}}'), JSON.parse('{"__proto__":null}'), { constructor: 1 }, { prototype: 1 }, { toString: 1 }, { ['constructor']: {} },
      // repeated references
      [a, a], [a], [a, b], [b, a], { a, b }, { a: b, b: a }, { a, b: a }, [a, [a]], [[a], a], new Set([a, b]), new Set([a]), new Map([[a, b]]), new Map([[b, a]]),
      // text: neither trimmed, folded nor brought to NFC
      '\u00e9', 'e\u0301', 'É', ' a', 'a ', 'A', '\u0001', '\\u0001', '😀', '\ufeffa',
    ] // biome-ignore format: a table
    const seen = new Map<string, unknown>()
    for (const item of corpus) {
      const hash = hashValue(item)
      expect([item, seen.get(hash)]).toEqual([item, undefined])
      expect(seen.has(hash)).toBe(false)
      seen.set(hash, item)
    }
    // A value and its normal form taken as data.
    for (const item of corpus) {
      const form = normalize(item)
      if (!isDeepStrictEqual(form, item)) expect([item, hashValue(form) === hashValue(item)]).toEqual([item, false])
    }
  })

  test('of golden values differs, but for those that are equal', () => {
    const groups = new Map<string, string[]>()
    for (const [description, hash] of hashes()) groups.set(hash, [...(groups.get(hash) ?? []), description])
    expect([...groups.values()].filter((group) => group.length > 1)).toEqual([['Uint8Array', 'Buffer']])
  })

  test('is linear where object-hash alone is not: 2*10^5 nodes, deep, and full of repeats', () => {
    const part = [1, { a: 1 }]
    const rows = Array.from({ length: 50_000 }, () => part)
    expect(isHash(hashNormal(normalize(rows, { maxBytes: Number.POSITIVE_INFINITY })))).toBe(true)
  })
})

describe('properties (fast-check prints the seed of a failure)', () => {
  const random = fc.infiniteStream(fc.nat())
  const next = (stream: Iterator<number>) => () => stream.next().value as number

  test('equal values hash alike, whatever their order', () => {
    fc.assert(
      fc.property(value, random, (input, stream) => {
        expect(hashValue(twin(input, next(stream)))).toBe(hashValue(input))
        expect(hashValue(restore(normalize(input)))).toBe(hashValue(input))
        expect(hashNormal(JSON.parse(canonical(normalize(input))) as Json)).toBe(hashValue(input))
      }),
    )
  })

  test('any single change hashes differently', () => {
    let changed = 0
    fc.assert(
      fc.property(value, random, (input, stream) => {
        const other = mutated(twin(input), next(stream))
        const equal = isDeepStrictEqual(other, input)
        if (!equal) changed++
        expect(hashValue(other) === hashValue(input)).toBe(equal)
      }),
      { numRuns: 1000 },
    )
    expect(changed).toBeGreaterThan(500)
  })

  test('no two different values of a corpus collide', () => {
    const seed = Number(process.env['SEED'] ?? 20260101)
    const groups = new Map<string, unknown>()
    for (const input of fc.sample(value, { seed, numRuns: 5000 })) {
      const hash = hashValue(input)
      if (!groups.has(hash)) groups.set(hash, input)
      else if (!isDeepStrictEqual(groups.get(hash), input))
        throw new Error(`seed ${seed}: ${fc.stringify(groups.get(hash))} and ${fc.stringify(input)} hash alike`)
    }
    expect(groups.size).toBeGreaterThan(2000)
  })
})
