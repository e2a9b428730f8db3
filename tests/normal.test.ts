import { execFileSync } from 'node:child_process'
import { isDeepStrictEqual } from 'node:util'
import { createContext, runInContext } from 'node:vm'
import fc from 'fast-check'
import { isPersistablesError, type PersistablesError } from '../src/errors'
import { canonical, DEPTH_CEILING, type Fault, freezeDeep, MAX_BYTES, MAX_DEPTH, normalize, restore } from '../src/normal'
import type { Json } from '../src/types'
import { json, twin, value } from './arbitraries'
import { compiled, remove } from './compiled'
import { hashValues } from './hash-values'

function refused(run: () => unknown): PersistablesError {
  try {
    run()
  } catch (error) {
    if (isPersistablesError(error)) return error
    throw error
  }
  throw new Error('nothing was refused')
}

function faults(input: unknown, options = {}): string[] {
  const list = refused(() => normalize(input, { what: 'config', ...options })).details['faults'] as Fault[]
  return list.map(({ path, problem }) => `${path} ${problem}`)
}

function nested(levels: number): unknown {
  let tree: unknown = 1
  for (let level = 0; level < levels; level++) tree = level % 2 === 0 ? [tree] : { a: tree }
  return tree
}

describe('what the normal form is', () => {
  test.each<[string, unknown, Json]>([
    ['date', new Date(0), { $: 'date', v: '1970-01-01T00:00:00.000Z' }],
    ['bigint', -12n, { $: 'bigint', v: '-12' }],
    ['-0', -0, { $: 'number', v: '-0' }],
    ['0', 0, 0],
    ['NaN', Number.NaN, { $: 'number', v: 'NaN' }],
    ['Infinity', Number.POSITIVE_INFINITY, { $: 'number', v: 'Infinity' }],
    ['-Infinity', Number.NEGATIVE_INFINITY, { $: 'number', v: '-Infinity' }],
    ['undefined at the top', undefined, { $: 'undefined' }],
    ['undefined in an array', [undefined], [{ $: 'undefined' }]],
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is tested
    ['a hole', [1, , 2], [1, { $: 'undefined' }, 2]],
    ['undefined in an object', { a: undefined, b: 1 }, { b: 1 }],
    ['an undefined $', { $: undefined }, {}],
    [
      'Map',
      new Map<unknown, unknown>([
        ['b', undefined],
        ['a', 1],
      ]),
      {
        $: 'map',
        v: [
          ['a', 1],
          ['b', { $: 'undefined' }],
        ],
      },
    ],
    [
      'Map with alike keys',
      new Map([
        [{}, 2],
        [{}, 1],
      ]),
      {
        $: 'map',
        v: [
          [{}, 1],
          [{}, 2],
        ],
      },
    ],
    ['Set, in the order of texts', new Set([10, 9, 'a']), { $: 'set', v: ['a', 10, 9] }],
    ['typed array, little-endian', Uint16Array.of(0x0102), { $: 'uint16array', v: 'AgE=' }],
    ['typed array of 8 bytes', Float64Array.of(1), { $: 'float64array', v: 'AAAAAAAA8D8=' }],
    ['Buffer', Buffer.from('hi'), { $: 'uint8array', v: 'aGk=' }],
    ['ArrayBuffer', Uint8Array.of(1).buffer, { $: 'arraybuffer', v: 'AQ==' }],
    ['DataView', new DataView(Uint8Array.of(1, 2).buffer, 1), { $: 'dataview', v: 'Ag==' }],
    [
      'an own $',
      { $: 'date', v: 1 },
      {
        $: 'object',
        v: [
          ['$', 'date'],
          ['v', 1],
        ],
      },
    ],
    [
      'an own __proto__',
      JSON.parse('{"b":1,"__proto__":{"x":1}}'),
      {
        $: 'object',
        v: [
          ['__proto__', { x: 1 }],
          ['b', 1],
        ],
      },
    ],
    ['names of Object.prototype', { toString: 1, constructor: 2 }, { constructor: 2, toString: 1 }],
    ['no prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    [
      'a getter',
      {
        get a() {
          return 1
        },
      },
      { a: 1 },
    ],
    ['a proxy', new Proxy({ a: 1 }, {}), { a: 1 }],
    ['an unseen member', Object.defineProperty({ a: 1 }, 'b', { value: () => 1 }), { a: 1 }],
  ])('%s', (_, input, form) => {
    expect(normalize(input)).toStrictEqual(form)
    expect(Object.keys(normalize(input) as object)[0]).toBe(Object.keys(form as object)[0])
  })

  test('keys are sorted by code unit', () => {
    expect(Object.keys(normalize({ b: 1, a: 1, B: 1, é: 1, '\uffff': 1, '😀': 1 }) as object)).toEqual(['B', 'a', 'b', 'é', '😀', '\uffff'])
  })

  test('the canonical text is that of RFC 8785, whatever the order of keys, also of keys that engines order by number', () => {
    expect(canonical({ b: [1e21, 'ä"\u0001'], a: null })).toBe('{"a":null,"b":[1e+21,"ä\\"\\u0001"]}')
    expect(canonical(normalize({ 9: 1, 10: 2, a: 3, '01': 4 }))).toBe('{"01":4,"10":2,"9":1,"a":3}')
    for (const wrong of [Number.NaN, -0, undefined, [() => 1], 1n]) expect(refused(() => canonical(wrong as Json)).code).toBe('UNHASHABLE')
    expect(refused(() => canonical(nested(100_000) as Json)).code).toBe('UNHASHABLE')
  })

  test('a value of another realm is the same', () => {
    const there = runInContext(
      'const o = Object.create(null); o.x = [new Date(5), new Map([[1, new Set([2])]]), Float32Array.of(1.5), { a: -0 }]; ({ o, p: [o] })',
      createContext(),
    )
    const here = { x: [new Date(5), new Map([[1, new Set([2])]]), Float32Array.of(1.5), { a: -0 }] }
    expect(normalize(there)).toStrictEqual(normalize({ o: here, p: [here] }))
    expect(faults(runInContext('[new (class A {})(), new (class B extends Map {})(), /x/, Object.create({})]', createContext()))).toHaveLength(4)
  })

  test('the form is fresh and shares nothing', () => {
    const shared = { a: [1] }
    const form = normalize({ x: shared, y: [shared, shared] }) as { x: { a: number[] }; y: object[] }
    expect(form).toStrictEqual({ x: { a: [1] }, y: [{ a: [1] }, { a: [1] }] })
    expect(form.y[0]).not.toBe(form.y[1])
    expect(form.x).not.toBe(shared)
    form.x.a.push(2)
    expect(shared).toEqual({ a: [1] })
  })

  test('every NaN of a float array is the same', () => {
    const odd = new Float64Array(new BigUint64Array([0xfff8000000000001n, 0x7ff8000000000000n]).buffer)
    expect(normalize(odd)).toStrictEqual(normalize(Float64Array.of(Number.NaN, Number.NaN)))
    expect(normalize(new Float32Array(Uint32Array.of(0xffc00001).buffer))).toStrictEqual(normalize(Float32Array.of(Number.NaN)))
    expect(odd).toEqual(Float64Array.of(Number.NaN, Number.NaN))
  })

  test('bytes are little-endian on a big-endian machine too', () => {
    jest.isolateModules(() => {
      jest.doMock('node:os', () => ({ ...jest.requireActual('node:os'), endianness: () => 'BE' }))
      const there = require('../src/normal') as typeof import('../src/normal')
      // What lies in this machine's memory stands for what would lie in the other's.
      expect(there.normalize(Uint16Array.of(0x0201))).toStrictEqual({ $: 'uint16array', v: 'AgE=' })
      expect(there.normalize(Uint8Array.of(1, 2))).toStrictEqual({ $: 'uint8array', v: 'AQI=' })
      for (const array of [Int16Array.of(1, -2), Float32Array.of(1.5), Float64Array.of(0.1, 2), BigInt64Array.of(1n)]) {
        expect(there.restore(there.normalize(array))).toEqual(array)
        expect(there.normalize(array)).not.toEqual(normalize(array))
      }
    })
    jest.dontMock('node:os')
  })
})

describe('what has no normal form', () => {
  class Thing {}
  class MyMap extends Map {}
  class MyArray extends Array {}
  class MyBytes extends Uint8Array {}
  const revoked = Proxy.revocable({}, {})
  revoked.revoke()
  const revokedList = Proxy.revocable([], {})
  revokedList.revoke()
  const detached = new ArrayBuffer(8)
  const view = new Float64Array(detached)
  structuredClone(detached, { transfer: [detached] })
  const listed = Object.assign([1], { label: 'x' })

  test.each<[string, unknown, string]>([
    ['function', () => 1, 'is a function'],
    ['class', Thing, 'is a function'],
    ['symbol', Symbol('s'), 'is a symbol'],
    ['symbol key', { [Symbol('s')]: 1 }, 'has the symbol "s" as a key'],
    ['symbol key of an array', Object.assign([], { [Symbol('s')]: 1 }), 'has the symbol "s" as a key'],
    ['class instance', new Thing(), 'is an instance of Thing, not plain data'],
    ['object with another prototype', Object.create({ a: 1 }), 'is an object with a prototype of its own, not plain data'],
    ['object on top of one without a prototype', Object.create(Object.create(null)), 'is an object with a prototype of its own, not plain data'],
    ['Map subclass', new MyMap(), 'is an instance of MyMap, not plain data'],
    ['Array subclass', new MyArray(), 'is an instance of MyArray, not plain data'],
    ['Uint8Array subclass', new MyBytes(1), 'is an instance of MyBytes, not plain data'],
    ['boxed string', Object('x'), 'is an instance of String, not plain data'],
    ['boxed bigint', Object(1n), 'is an instance of BigInt, not plain data'],
    ['RegExp', /x/, 'is an instance of RegExp, not plain data'],
    ['Error', new TypeError('x'), 'is an instance of TypeError, not plain data'],
    ['Promise', Promise.resolve(), 'is an instance of Promise, not plain data'],
    ['WeakMap', new WeakMap(), 'is an instance of WeakMap, not plain data'],
    ['URL, which has a toJSON', new URL('https://example.org'), 'is an instance of URL, not plain data'],
    ['SharedArrayBuffer', new SharedArrayBuffer(1), 'is an instance of SharedArrayBuffer, not plain data'],
    ['invalid Date', new Date(Number.NaN), 'is an invalid Date'],
    ['proxy of a Map', new Proxy(new Map(), {}), 'is an instance of Map, not plain data'],
    [
      'arguments',
      (function (..._: unknown[]) {
        // biome-ignore lint/complexity/noArguments: it is what is tested
        return arguments
      })(1),
      'is an object with a prototype of its own, not plain data',
    ],
    ['member of a Map', Object.assign(new Map(), { a: 1 }), 'has a member "a" beside its content, which would be lost'],
    ['member of a Date', Object.assign(new Date(0), { a: 1 }), 'has a member "a" beside its content, which would be lost'],
    ['member of an array', listed, 'has a member "label" beside its content, which would be lost'],
    ['lone high surrogate', 'a\ud800', 'holds half of a surrogate pair (see toWellFormed)'],
    ['lone low surrogate', '\udc00é', 'holds half of a surrogate pair (see toWellFormed)'],
    ['NUL', 'a\0b', 'holds a NUL character'],
  ])('%s', (_, input, problem) => {
    expect(faults({ layers: [0, { it: input }] })).toEqual([`config.layers[1].it ${problem}`])
    expect(faults(input)).toEqual([`config ${problem}`])
  })

  test.each<[string, unknown, RegExp]>([
    ['revoked proxy', revoked.proxy, /^config\.a cannot be read \(.*revoked.*\)$/],
    ['revoked proxy of an array', revokedList.proxy, /^config\.a cannot be read \(.*revoked.*\)$/],
    ['detached ArrayBuffer', detached, /^config\.a cannot be read \(.*detached.*\)$/],
    ['view of a detached ArrayBuffer', view, /^config\.a cannot be read \(.*detached.*\)$/],
    [
      'throwing getter',
      {
        get b(): never {
          throw new Error('no')
        },
      },
      /^config\.a\.b cannot be read \(no\)$/,
    ],
    [
      'throwing trap',
      new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error('no')
          },
        },
      ),
      /^config\.a cannot be read \(no\)$/,
    ],
  ])('%s', (_, input, problem) => {
    expect(faults({ a: input })).toEqual([expect.stringMatching(problem)])
  })

  test('toJSON is not asked', () => {
    expect(faults({ a: { toJSON: () => 1 } })).toEqual(['config.a.toJSON is a function'])
    expect(normalize({ toJSON: 1 })).toEqual({ toJSON: 1 })
  })

  test('faults in keys, with the key escaped', () => {
    expect(faults({ 'a\0': 1, ['b\ud800']: 1 })).toEqual([
      'config["a\\u{0}"] has a key that holds a NUL character',
      'config["b\\u{d800}"] has a key that holds half of a surrogate pair',
    ])
    expect(faults({ $: 1, 'a\0': 1 })).toHaveLength(1)
  })

  test('paths through Maps and Sets', () => {
    const deep = new Map<unknown, unknown>([
      ['a b', { f: () => 1 }],
      [1, new Set([() => 1])],
      [() => 1, 2],
    ])
    expect(faults({ 'odd key': deep })).toEqual([
      'config["odd key"].get("a b").f is a function',
      'config["odd key"].values[1].values[0] is a function',
      'config["odd key"].keys[2] is a function',
    ])
  })

  test('cycles, through anything; but not what is only repeated', () => {
    const a: Record<string, unknown> = { list: [] }
    ;(a['list'] as unknown[]).push({ back: a })
    expect(faults(a)).toEqual(['config.list[0].back refers back to config, so it never ends'])
    const map = new Map<unknown, unknown>()
    map.set('k', new Set([{ map }]))
    expect(faults({ map })).toEqual(['config.map.get("k").values[0].map refers back to config.map, so it never ends'])
    const twice = { x: 1 }
    expect(normalize([twice, twice, { twice }])).toEqual([{ x: 1 }, { x: 1 }, { twice: { x: 1 } }])
  })

  test('all faults are told at once, up to 20, in the message and the details; the code can be chosen', () => {
    const error = refused(() => normalize({ a: () => 1, b: [Symbol('x')], c: 1 }, { what: 'state', code: 'INVALID_CONFIG' }))
    expect(error.code).toBe('INVALID_CONFIG')
    expect(error.message).toMatch(/^state has 2 faults: state\.a is a function; state\.b\[0\] is a symbol\. Use null, /)
    expect(error.details['faults']).toEqual([{ path: 'state.a', problem: 'is a function' }, { path: 'state.b[0]', problem: 'is a symbol' }]) // biome-ignore format: one line
    expect(faults(Array.from({ length: 50 }, () => () => 1))).toHaveLength(20)
    expect(refused(() => normalize(() => 1)).message).toMatch(/^value is a function\. Use/)
    expect(refused(() => normalize(() => 1)).code).toBe('UNHASHABLE')
  })

  test('a long path and a long key are shortened', () => {
    const key = 'k'.repeat(100_000)
    expect(refused(() => normalize({ [key]: () => 1 })).message.length).toBeLessThan(400)
    let tree: unknown = () => 1
    for (let i = 0; i < 190; i++) tree = { abcdefgh: tree }
    expect(faults(tree)[0]).toMatch(/^config\.abcdefgh.{1,300} is a function$/)
  })
})

describe('limits', () => {
  test(`depth: ${MAX_DEPTH} levels and no more`, () => {
    expect(restore(normalize(nested(MAX_DEPTH)))).toEqual(nested(MAX_DEPTH))
    expect(faults(nested(MAX_DEPTH + 1))).toEqual([expect.stringMatching(/^config.* is nested deeper than the limit of 200 levels$/)])
    expect(normalize([[]], { maxDepth: 2 })).toEqual([[]])
    expect(faults([[]], { maxDepth: 1 })).toEqual(['config[0] is nested deeper than the limit of 1 levels'])
    expect(normalize(1, { maxDepth: 0 })).toBe(1)
    for (const maxDepth of [-1, 1.5, DEPTH_CEILING + 1, Number.NaN]) expect(refused(() => normalize(1, { maxDepth })).code).toBe('INVALID_OPTION')
  })

  test('the highest depth that can be asked for goes the whole way, also through Maps, which nest most', () => {
    let maps: unknown = -0
    let escaped: unknown = new Date(0)
    for (let i = 0; i < DEPTH_CEILING; i++) {
      maps = new Map([[maps, i]])
      escaped = { $: escaped }
    }
    for (const tree of [maps, escaped]) {
      const form = normalize(tree, { maxDepth: DEPTH_CEILING })
      expect(canonical(normalize(restore(form), { maxDepth: DEPTH_CEILING }))).toBe(canonical(form))
    }
  })

  test.each([10_000, 1_000_000])('%i levels are a depth error', (levels) => {
    const error = refused(() => normalize(nested(levels), { what: 'config' }))
    expect(error.code).toBe('UNHASHABLE')
    expect(error.message).toMatch(/limit of 200 levels\. Keep large or deep values in an artifact/)
    let sets: unknown = 1
    for (let level = 0; level < levels; level++) sets = level % 2 === 0 ? new Set([sets]) : new Map([[sets, 1]])
    expect(refused(() => normalize(sets)).message).toMatch('limit of 200 levels')
    expect(refused(() => restore(nested(levels) as Json)).message).toMatch('levels')
  })

  test(`size: exactly that of the canonical text, ${MAX_BYTES} bytes`, () => {
    expect(normalize('x'.repeat(MAX_BYTES - 2))).toHaveLength(MAX_BYTES - 2)
    const error = refused(() => normalize({ a: 'x'.repeat(MAX_BYTES) }, { what: 'config' }))
    expect(error.message).toMatch(/^config\.a goes beyond the limit of 1000000 bytes of JSON\. Keep large or deep values in an artifact/)
    for (const [description, input] of hashValues()) {
      const exact = Buffer.byteLength(canonical(normalize(input)))
      expect([description, normalize(input, { maxBytes: exact })]).toEqual([description, normalize(input)])
      expect([description, refused(() => normalize(input, { maxBytes: exact - 1 })).message]).toEqual([
        description,
        expect.stringMatching('limit of'),
      ])
    }
  })

  test('too large is found early, however large', () => {
    let doubled: unknown = 'x'
    for (let i = 0; i < 190; i++) doubled = [doubled, doubled]
    for (const huge of [
      doubled,
      new Array(2 ** 32 - 1),
      new Set(Array.from({ length: 600_000 }, (_, i) => i)),
      'é'.repeat(1e8),
      1n << 50_000_000n,
      new Uint8Array(5e8),
    ]) {
      expect(refused(() => normalize(huge)).message).toMatch('limit of 1000000 bytes')
    }
  })

  test('2*10^5 nodes are taken', () => {
    const flat = Array.from({ length: 200_000 }, (_, i) => i % 10)
    expect(canonical(normalize(flat))).toBe(JSON.stringify(flat))
    const rows = Array.from({ length: 50_000 }, (_, i) => ({ a: i, b: `x${i}`, c: [i] }))
    expect(canonical(normalize(rows, { maxBytes: Number.POSITIVE_INFINITY }))).toBe(JSON.stringify(rows))
  })
})

describe('restore', () => {
  test.each(hashValues())('gives what went in: %s', (_, input) => {
    const back = restore(normalize(input))
    expect(back).toEqual(Buffer.isBuffer(input) ? new Uint8Array(input) : input)
    expect(normalize(back)).toStrictEqual(normalize(input))
    if (!Buffer.isBuffer(input) && Object.getPrototypeOf(input ?? 0) !== null && !/hole|undefined member/.test(_))
      expect(isDeepStrictEqual(back, input)).toBe(true)
  })

  test('what comes back is fresh, in buffers of its own', () => {
    const form = normalize({ a: new Date(0), m: new Map([[1, { x: 1 }]]), b: Uint8Array.of(1, 2) })
    const [one, two] = [restore(form), restore(form)] as { a: Date; m: Map<number, { x: number }>; b: Uint8Array }[]
    one!.a.setFullYear(1990)
    one!.m.get(1)!.x = 2
    one!.b[0] = 9
    expect(two).toEqual({ a: new Date(0), m: new Map([[1, { x: 1 }]]), b: Uint8Array.of(1, 2) })
    expect(one!.b.buffer.byteLength).toBe(2)
  })

  test('no member touches a prototype', () => {
    const input = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"a":{"__proto__":5}}')
    for (const form of [normalize(input), input as Json]) {
      const back = restore(form) as Record<string, unknown>
      expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
      expect(Object.hasOwn(back, '__proto__')).toBe(true)
      expect(JSON.stringify(back)).toContain('"__proto__":{"polluted":1}')
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
      expect(back['polluted']).toBeUndefined()
    }
  })

  test.each<[string, unknown]>([
    ['unknown tag', { $: 'regexp', v: 'x' }],
    ['tag that is inherited', { $: 'toString' }],
    ['tag that is no text', { $: 1 }],
    ['more members', { $: 'date', v: '1970-01-01T00:00:00.000Z', x: 1 }],
    ['undefined with a value', { $: 'undefined', v: 1 }],
    ['date', { $: 'date', v: '1970' }],
    ['no date', { $: 'date' }],
    ['date of a number', { $: 'date', v: 5 }],
    ['bigint', { $: 'bigint', v: '1e3' }],
    ['bigint -0', { $: 'bigint', v: '-0' }],
    ['number', { $: 'number', v: '12' }],
    ['map', { $: 'map', v: [[1]] }],
    ['map of no pairs', { $: 'map', v: { 0: 1 } }],
    [
      'map with one key twice',
      {
        $: 'map',
        v: [
          [1, 2],
          [1, 3],
        ],
      },
    ],
    ['set', { $: 'set', v: 'ab' }],
    ['set with one element twice', { $: 'set', v: [1, 1] }],
    ['object', { $: 'object', v: [[1, 2]] }],
    [
      'object with one key twice',
      {
        $: 'object',
        v: [
          ['$', 2],
          ['$', 3],
        ],
      },
    ],
    ['base64', { $: 'uint8array', v: '!!' }],
    ['half an element', { $: 'float64array', v: 'AQ==' }],
    ['bytes of a number', { $: 'arraybuffer', v: 1 }],
  ])('refuses what it does not know: %s', (_, form) => {
    const error = refused(() => restore({ a: [form] } as Json, { what: 'config', code: 'DATABASE_FAILED' }))
    expect(error.code).toBe('DATABASE_FAILED')
    expect(error.message).toMatch(/^Stored data cannot be restored: config\.a\[0\] .*changed by hand\.$/)
    expect(refused(() => restore(form as Json)).code).toBe('UNHASHABLE')
  })

  test('what somebody put on Object.prototype is no tag, and no member', () => {
    Object.defineProperty(Object.prototype, '$', { value: 'undefined', configurable: true, enumerable: true, writable: false })
    let back: unknown
    try {
      back = restore(normalize({ a: { $: 1 }, b: {} }))
    } finally {
      delete (Object.prototype as Record<string, unknown>)['$']
    }
    expect(back).toStrictEqual({ a: { $: 1 }, b: {} })
  })

  test('Float16Array comes back where Node has it, and is refused by name where not', () => {
    const form: Json = { $: 'float16array', v: 'ADw=' }
    if ('Float16Array' in globalThis) expect(normalize(restore(form))).toEqual(form)
    else expect(refused(() => restore(form)).message).toMatch('Float16Array, which this version of Node does not have')
  })
})

describe('freezeDeep', () => {
  test('freezes plain data all the way, and leaves what cannot be frozen', () => {
    const back = freezeDeep({ a: [{ b: 1 }], m: new Map([[{ k: 1 }, { v: [1] }]]), s: new Set([[1]]), d: new Date(0), t: Uint8Array.of(1) })
    const [[key, item]] = [...back.m] as [[object, { v: number[] }]]
    for (const part of [back, back.a, back.a[0], key, item, item.v, [...back.s][0]]) expect(Object.isFrozen(part)).toBe(true)
    for (const part of [back.m, back.s, back.d, back.t]) expect(Object.isFrozen(part)).toBe(false)
    expect(freezeDeep(5)).toBe(5)
    const ring: Record<string, unknown> = {}
    ring['ring'] = ring
    expect(Object.isFrozen(freezeDeep(ring))).toBe(true)
    expect(Object.isFrozen(freezeDeep(nested(100_000)))).toBe(true)
  })
})

describe('properties (fast-check prints the seed of a failure)', () => {
  test('restore(normalize(x)) equals x, and normalize(restore(n)) equals n', () => {
    fc.assert(
      fc.property(value, (input) => {
        const form = normalize(input)
        const back = restore(form)
        expect(isDeepStrictEqual(back, input)).toBe(true)
        expect(isDeepStrictEqual(normalize(back), form)).toBe(true)
      }),
    )
  })

  test('a normal form outlives JSON text, and a database that forgets the order of keys', () => {
    fc.assert(
      fc.property(value, fc.infiniteStream(fc.nat()), (input, random) => {
        const form = normalize(input)
        const text = canonical(form)
        // Not toStrictEqual, which takes a member called constructor for the type.
        expect(isDeepStrictEqual(JSON.parse(JSON.stringify(form)), form)).toBe(true)
        expect(isDeepStrictEqual(JSON.parse(text), form)).toBe(true)
        const shuffled = reordered(form, random)
        expect(isDeepStrictEqual(restore(shuffled), restore(form))).toBe(true)
        expect(canonical(shuffled)).toBe(text)
      }),
    )
  })

  test('any JSON is its own restored value, tags and all', () => {
    fc.assert(fc.property(json, (input) => isDeepStrictEqual(restore(normalize(input)), twin(input))))
  })

  test('any value at all is taken or refused with a path', () => {
    const anything = fc.anything({ withBigInt: true, withBoxedValues: true, withDate: true, withMap: true, withNullPrototype: true, withObjectString: true, withSet: true, withSparseArray: true, withTypedArray: true, withUnicodeString: true, withInvalidDate: true } as object) // biome-ignore format: one line
    fc.assert(
      fc.property(anything, (input) => {
        try {
          expect(isDeepStrictEqual(normalize(restore(normalize(input))), normalize(input))).toBe(true)
        } catch (error) {
          if (!isPersistablesError(error, 'UNHASHABLE')) throw error
          expect((error.details['faults'] as Fault[]).length).toBeGreaterThan(0)
        }
      }),
    )
  })
})

test('no depth overflows a small stack', () => {
  // A stack a quarter of the usual one: the walk must fit where it is called deep inside somebody's program.
  const script = `
    const { normalize, restore, canonical } = require(process.argv[1])
    let maps = 1
    for (let i = 0; i < 200; i++) maps = new Map([[maps, i]])
    let deep = []
    for (let i = 0; i < 1e5; i++) deep = [deep]
    canonical(normalize(restore(normalize(maps))))
    try { normalize(deep) } catch (error) { console.log(error.code) }`
  const folder = compiled()
  try {
    expect(execFileSync(process.execPath, ['--stack-size=246', '-e', script, `${folder}/src/normal.js`], { encoding: 'utf8' }).trim()).toBe(
      'UNHASHABLE',
    )
  } finally {
    remove(folder)
  }
})

function reordered(form: Json, random: Iterator<number>): Json {
  if (typeof form !== 'object' || form === null) return form
  if (Array.isArray(form)) return form.map((item) => reordered(item, random))
  const entries = Object.entries(form).map(([key, item]) => [random.next().value as number, key, reordered(item, random)] as const)
  return Object.fromEntries(entries.sort((a, b) => a[0] - b[0]).map(([, key, item]) => [key, item]))
}
