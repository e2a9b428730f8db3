import { persistable, typed } from '../src'
import { onEveryProvider } from './registries'
import { seededRandom } from './support'
import { anyObject, anyWhere, holds, type Known } from './where-model'

class Thing extends persistable('Thing', { config: typed<Record<string, unknown>>(), state: typed<Record<string, unknown>>() }) {}

const show = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'bigint'
      ? `${each}n`
      : Object.is(each, -0)
        ? '-0'
        : typeof each === 'number' && !Number.isFinite(each)
          ? String(each)
          : each instanceof Map || each instanceof Set
            ? [...each]
            : each,
  )

onEveryProvider((make) => {
  test('generated conditions find what the same data says in memory', async () => {
    const repo = await (await make()).open({ types: [Thing] })
    const random = seededRandom()
    const saved = await repo.saveMany(
      Array.from(
        { length: 120 },
        (_, i) =>
          new Thing({
            name: `n${i % 40}`,
            author: random.pick(['ann', 'bob', 'zoë']),
            config: anyObject(random, 3),
            state: Object.fromEntries(Object.entries(anyObject(random, 2)).filter(([key]) => key !== '$' && key !== '__proto__')),
            tags:
              random.int(2) === 0
                ? {}
                : { stage: random.pick(['ok', 'raw', 'ä', 'Z', '%']), [random.pick(['x', 'ä', 'a"b'])]: random.pick(['', '1', '😀', '\uffee']) },
          }),
      ),
    )
    const records = saved.map((one): Known => one)
    const sizes: number[] = []
    for (let i = 0; i < 400; i++) {
      const where = anyWhere(random, random.pick(records), 3)
      const wanted = records.filter((record) => holds(where, record)).map(({ id }) => id)
      sizes.push(wanted.length)
      let found: string[]
      try {
        found = (await repo.find(Thing, { where })).map(({ id }) => id)
      } catch (error) {
        throw new Error(`${show(where)}: ${(error as Error).message}`)
      }
      const [missing, extra] = [wanted.filter((id) => !found.includes(id)), found.filter((id) => !wanted.includes(id))]
      if (missing.length + extra.length > 0) {
        const about = (ids: string[]) => ids.slice(0, 2).map((id) => show(records.find((one) => one.id === id)))
        throw new Error(`${i}: ${show(where)}\nmissing: ${about(missing)}\nextra: ${about(extra)}`)
      }
      expect(await repo.count(Thing, { where })).toBe(wanted.length)
    }
    // Neither all of them nor none: else little was compared.
    expect(sizes.filter((size) => size > 0 && size < records.length).length).toBeGreaterThan(150)
  })

  test('what is easily mistaken', async () => {
    const repo = await (await make()).open({ types: [Thing] })
    const day = new Date('2026-03-04T05:06:07.089Z')
    const configs: Readonly<Record<string, Record<string, unknown>>> = {
      one: { x: 1, deep: { list: [1, 'a', null, { k: 1 }], none: null }, when: day, big: 10n, 'a.b': { '"': { '\\': 'odd' } } },
      text: { x: '1', deep: [{ list: 1 }], when: day.toISOString(), big: 10, a: { b: 1 } },
      yes: { x: true, deep: 'deep', when: day.getTime(), big: '10' },
      null: { x: null, deep: null },
      none: {},
      zero: { x: -0, when: new Date(8.64e15), big: -10n },
      nan: { x: Number.NaN, when: new Date(-8.64e15), big: 9n },
      much: { x: Number.POSITIVE_INFINITY, when: new Date(0), big: 2n ** 80n },
      set: { x: new Set(['a', 1]), deep: new Map([['list', [1]]]), v: 'plain' },
      pairs: Object.fromEntries([
        ['$', 'date'],
        ['v', 'in pairs'],
        ['when', new Date(5)],
        ['x', 1],
        ['deep', { $: { list: [1] } }],
      ]),
      proto: JSON.parse('{"__proto__": {"x": 1}, "constructor": 1}') as Record<string, unknown>,
      words: { in: ['a'], not: 1, is: { is: 2 }, x: { in: 5, equals: 'e' } },
      order: { x: '😀' },
      other: { x: '\uffee' },
      exact: { x: 47930225358188010, big: 9007199254740992 },
      near: { x: 0.1 + 0.2, big: 0.3 },
      bytes: { x: Uint8Array.of(1, 2), deep: Float32Array.of(1) },
    }
    await repo.saveMany(Object.entries(configs).map(([name, config]) => new Thing({ name, config, tags: name === 'one' ? { stage: 'ok' } : {} })))
    const all = Object.keys(configs)
    const but = (...names: string[]) => all.filter((name) => !names.includes(name))
    const cases: [object, readonly string[]][] = [
      [{ x: 1 }, ['one', 'pairs']],
      [{ x: '1' }, ['text']],
      [{ x: true }, ['yes']],
      [{ x: null }, ['null']],
      [{ x: { equals: null } }, ['null']],
      [{ x: { exists: false } }, ['none', 'proto']],
      [{ x: { exists: true } }, but('none', 'proto')],
      [{ x: { not: null } }, but('null', 'none', 'proto')],
      [{ x: { not: 1 } }, but('one', 'pairs', 'null', 'none', 'proto')],
      [{ x: { notIn: [] } }, but('null', 'none', 'proto')],
      [{ x: { in: [] } }, []],
      [{ x: { in: [1, '1', true, null, Number.NaN] } }, ['one', 'text', 'yes', 'null', 'nan', 'pairs']],
      [{ x: 0 }, ['zero']],
      [{ x: -0 }, ['zero']],
      [{ x: { gte: 0, lte: 0 } }, ['zero']],
      [{ x: { gt: 0 } }, ['one', 'much', 'pairs', 'exact', 'near']],
      [{ x: { gt: -1, lt: Number.POSITIVE_INFINITY } }, ['one', 'zero', 'pairs', 'exact', 'near']],
      [{ x: { gte: Number.NaN } }, []],
      [{ x: { gt: 0, lt: 'z' } }, []],
      [{ x: 47930225358188010 }, ['exact']],
      [{ x: { gt: 47930225358188000, lt: 47930225358188020 } }, ['exact']],
      [{ x: 0.3 }, []],
      [{ x: 0.1 + 0.2 }, ['near']],
      [{ x: { gt: '\uffee' } }, ['order']],
      [{ x: { contains: '' } }, ['text', 'order', 'other']],
      [{ x: { endsWith: '' } }, ['text', 'order', 'other']],
      [{ x: { startsWith: '😀' } }, ['order']],
      [{ x: { has: 'a' } }, ['set']],
      [{ x: new Set([1, 'a']) }, ['set']],
      [{ x: Uint8Array.of(1, 2) }, ['bytes']],
      [{ deep: Float32Array.of(1) }, ['bytes']],
      [{ x: Buffer.from([1, 2]) }, ['bytes']],
      [{ when: day }, ['one']],
      [{ when: { gte: day } }, ['one', 'zero']],
      [{ when: { lt: day } }, ['nan', 'much', 'pairs']],
      [{ when: { v: { exists: true } } }, []],
      [{ big: 10n }, ['one']],
      [{ big: { gt: 9n } }, ['one', 'much']],
      [{ big: { lte: 9n } }, ['zero', 'nan']],
      [{ big: 10 }, ['text']],
      [{ big: { gt: 9007199254740991 } }, ['exact']],
      [{ deep: { list: { has: null } } }, ['one']],
      [{ deep: { list: { has: { k: 1 } } } }, ['one']],
      [{ deep: { list: { has: { k: 1, l: 2 } } } }, []],
      [{ deep: { list: { hasEvery: [1, 'a'] } } }, ['one']],
      [{ deep: { list: { hasSome: [1, 'b'] } } }, ['one']],
      [{ deep: { list: { hasEvery: [] } } }, ['one']],
      [{ deep: { list: [1, 'a', null, { k: 1 }] } }, ['one']],
      [{ deep: { list: 1 } }, []],
      [{ deep: { none: { exists: true } } }, ['one']],
      [{ deep: new Map([['list', [1]]]) }, ['set']],
      [{ 'a.b': { '"': { '\\': 'odd' } } }, ['one']],
      [{ 'a.b': { equals: { '"': { '\\': 'odd' } } } }, ['one']],
      [{ a: { b: 1 } }, ['text']],
      [{ v: 'in pairs' }, ['pairs']],
      [{ v: { exists: true } }, ['pairs', 'set']],
      [{ $: 'date' }, ['pairs']],
      [{ deep: { $: { list: { has: 1 } } } }, ['pairs']],
      [JSON.parse('{"__proto__": {"x": 1}}') as object, ['proto']],
      [{ constructor: 1 }, ['proto']],
      [{ toString: { exists: true } }, []],
      [{ is: { in: ['a'] } }, ['words']],
      [{ is: { in: { has: 'a' }, not: 1 } }, ['words']],
      [{ is: { is: { is: { is: 2 } } } }, ['words']],
      [{ x: { equals: { equals: 'e', in: 5 } } }, ['words']],
      [{ x: { is: { in: { gt: 4 } } } }, ['words']],
      [{ equals: {} }, ['none']],
      [{ equals: { x: null, deep: null } }, ['null']],
      [{ equals: configs['pairs'] }, ['pairs']],
      [{ x: undefined }, all],
      [{}, all],
    ]
    for (const [config, wanted] of cases) {
      const names = (await repo.find(Thing, { where: { config } })).map(({ name }) => name)
      expect([show(config), names.sort()]).toEqual([show(config), [...wanted].sort()])
      // Its opposite is what is left, whatever is absent or null.
      if (wanted !== all) expect(await repo.count(Thing, { where: { NOT: { config } } })).toBe(all.length - wanted.length)
    }
    expect(await repo.count(Thing, { where: { state: { equals: {} } } })).toBe(all.length)
    expect(await repo.count({ where: { OR: [] } })).toBe(0)
    expect(await repo.count({ where: { AND: [], NOT: [] } })).toBe(all.length)
    expect(await repo.count({ where: { NOT: {} } })).toBe(all.length)
    expect(await repo.count({ where: { tags: { stage: { exists: false } } } })).toBe(all.length - 1)
    expect(await repo.count({ where: { config: { x: 1 }, AND: { OR: [{ name: 'one' }, { author: 'nobody' }] } }, latest: true })).toBe(1)
  })

  test('as deep, as long and as large as it may be, and what is refused', async () => {
    const repo = await (await make()).open({ types: [Thing] })
    const nested = (levels: number, key: string): Record<string, unknown> => {
      let value: Record<string, unknown> = { [key]: 1 }
      for (let i = 1; i < levels; i++) value = { [key]: value }
      return value
    }
    const large = Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`k${i}`, i]))
    await repo.saveMany([
      new Thing({ name: 'deep', config: nested(190, 'a') }),
      new Thing({ name: 'pairs', config: nested(60, '$') }),
      new Thing({ name: 'large', config: large }),
    ])
    for (const [name, where] of Object.entries({
      deep: { config: nested(190, 'a') },
      pairs: { config: nested(60, '$') },
      large: { config: { equals: large } },
    }))
      expect([(await repo.find(Thing, { where })).map((one) => one.name), name]).toEqual([[name], name])
    expect(await repo.count({ where: { config: { equals: nested(190, 'a') } } })).toBe(1)
    expect(await repo.count({ where: { config: { equals: nested(60, '$') } } })).toBe(1)
    expect(await repo.count({ where: { config: { k5: { in: Array.from({ length: 4999 }, (_, i) => i) } } } })).toBe(1)
    expect(await repo.count({ where: { OR: Array.from({ length: 400 }, (_, i) => ({ config: { k7: i } })) } })).toBe(1)
    const levels = (count: number) => {
      let where: object = { name: 'deep' }
      for (let i = 0; i < count; i++) where = { NOT: { OR: [where] } }
      return where
    }
    expect(await repo.count({ where: levels(14) })).toBe(1)

    const circle: Record<string, unknown> = {}
    circle['a'] = circle
    const refused: [unknown, string][] = [
      [{ config: { rate: { gte: 1, ltt: 2 } } }, 'Did you mean "lt"'],
      [{ config: { rate: { gt: true } } }, 'needs a number, a bigint, a string or a Date'],
      [{ config: { rate: { gt: null } } }, 'needs a number, a bigint, a string or a Date'],
      [{ config: { rate: { gt: new Date(8.64e15) } } }, 'years 1 to 9999'],
      [{ config: { rate: { in: 5 } } }, '"in" of "config.rate" is not a list'],
      [{ config: { rate: { contains: 5 } } }, 'needs a string'],
      [{ config: { rate: { exists: 1 } } }, 'needs true or false'],
      [{ config: { rate: { is: 5 } } }, '"is" on "config.rate" is no plain object'],
      [{ config: { rate: new (class Rate {})() } }, 'config.rate.equals is an instance of Rate'],
      [{ config: { rate: { in: [() => 1] } } }, 'config.rate.in[0] is a function'],
      [{ config: { rate: new Date(Number.NaN) } }, 'invalid Date'],
      [{ config: { rate: 'a\0b' } }, 'NUL'],
      [{ config: { rate: { startsWith: '\ud83d' } } }, 'surrogate'],
      [{ config: { 'a\0': 1 } }, 'NUL'],
      [{ config: circle }, 'deeper than 200'],
      [{ config: { rate: { equals: circle } } }, 'refers back'],
      [{ config: nested(201, 'a') }, 'deeper than 200'],
      [{ config: null }, '"config" is no plain object'],
      [{ config: ['a'] }, '"config" is no plain object'],
      [{ config: new Map() }, '"config" is no plain object'],
      [{ state: { save_patterns: {} } }, 'registry’s own'],
      [{ config: { a: { in: Array(5001).fill(1) } } }, 'more than 5000'],
      [{ OR: Array.from({ length: 2 }, () => ({ name: { in: Array(3000).fill('x') } })) }, 'more than 5000'],
      [levels(40), 'deeper than 30'],
      [{ OR: { name: 'a' } }, '"OR" is no list'],
      [{ AND: 5 }, '"AND" is no list'],
      [{ NOT: [5] }, 'A part of NOT is no plain object'],
      [{ AND: [{ nmae: 'x' }] }, 'Did you mean "name"'],
      [{ cofnig: {} }, 'Did you mean "config"'],
      [{ tags: { stage: { equls: 'x' } } }, 'Did you mean "equals"'],
      [{ tags: { stage: { in: 'x' } } }, 'is not a list'],
      [{ tags: { stage: 1 } }, 'needs a string'],
      [{ tags: { 'a\0': 'x' } }, 'needs a string'],
      [{ tags: { stage: { exists: 'x' } } }, 'needs true or false'],
      [{ name: [] }, 'needs a string'],
      [{ id: new Set(['x']) }, 'needs a string'],
      [{ createdAt: new Map() }, 'needs a Date'],
      [{ createdAt: { gt: new Date(Number.NaN) } }, 'got an invalid Date'],
      [{ version: { equals: [1n] } }, 'needs a whole number'],
      [{ name: { in: [circle] } }, 'needs a string'],
      [{ author: '\ud83d' }, 'lone surrogates'],
      [{ OR: Array(5001).fill({ config: { a: { exists: true } } }) }, 'more than 5000'],
      [{ tags: Object.fromEntries(Array.from({ length: 5001 }, (_, i) => [`t${i}`, { exists: false }])) }, 'more than 5000'],
    ]
    for (const [where, part] of refused) {
      const error = await repo.find({ where } as never).then(
        () => undefined,
        (reason: unknown) => reason as Error & { code?: string },
      )
      expect([part, error?.code, error?.message]).toEqual([part, 'INVALID_QUERY', expect.stringContaining(part)])
    }
  })
})
