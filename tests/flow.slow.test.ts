import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { artifact, bytes, diskStore, gzip, json, memoryStore, ndjson, type Progress, persistable, serializer, text } from '../src'
import { lanes, together } from '../src/artifacts/lanes'
import { encodeArtifact } from '../src/artifacts/patterns'
import type { AnySerializer, Pattern } from '../src/artifacts/serializer'
import type { Store } from '../src/artifacts/store'
import { onEveryProvider, type TestRegistry } from './registries'
import { failure, gather } from './serializing'
import { seededRandom } from './support'

const MIB = 1 << 20
type AnyPattern = Omit<Pattern, 'serializer'> & { serializer: AnySerializer }
const encoded = (value: unknown, patterns: readonly AnyPattern[], stores: readonly Store[]) =>
  encodeArtifact(
    { artifact: 'a', value, patterns, declared: (patterns[0] as AnyPattern).serializer },
    { stores: new Map(stores.map((store) => [store.name, store])), label: 'T/t' },
  )
const tick = (): Promise<void> => new Promise((done) => setImmediate(done))
/** A store whose puts wait until they are let go, and that knows how many are under way. */
const gated = (name: string) => {
  const inner = memoryStore({ name })
  const state = { running: 0, most: 0, ended: 0 }
  let open!: () => void
  const gate = new Promise<void>((done) => (open = done))
  const store: Store = {
    ...inner,
    async put(blob, source, options) {
      state.most = Math.max(state.most, ++state.running)
      try {
        await new Promise<void>((done, stop) => {
          options?.signal?.addEventListener('abort', () => stop(options.signal?.reason))
          void gate.then(done)
        })
        await inner.put(blob, source, options)
      } finally {
        state.running--
        state.ended++
      }
    },
  }
  return { store, state, open }
}

describe('lanes', () => {
  test('run at most so many, and hold at most so many bytes, in the order they came; one that is larger runs alone', async () => {
    const shared = lanes(3, 100)
    let running = 0
    let held = 0
    const seen: { readonly cost: number; readonly running: number; readonly held: number }[] = []
    const costs = [10, 10, 10, 10, 60, 60, 500, 10, 30, 30, 30, 30, 100, 1]
    const started: number[] = []
    await Promise.all(
      costs.map((cost, i) =>
        shared.use(cost, undefined, async () => {
          started.push(i)
          running++
          held += cost
          seen.push({ cost, running, held })
          await wait(1)
          running--
          held -= cost
        }),
      ),
    )
    expect(started).toEqual(costs.map((_, i) => i))
    expect(seen.filter((each) => each.running > 3)).toEqual([])
    expect(seen.filter((each) => each.held > 100 && each.running > 1)).toEqual([])
    expect(Math.max(...seen.map((each) => each.running))).toBe(3)
  })

  test('an aborted one that waits leaves its place; a failed one frees it', async () => {
    const shared = lanes(1)
    const stop = new AbortController()
    let go!: () => void
    const first = shared.use(1, undefined, () => new Promise<void>((done) => (go = done)))
    const second = shared.use(1, stop.signal, async () => 'ran')
    const third = shared.use(1, undefined, () => Promise.reject(new Error('no')))
    const fourth = shared.use(1, undefined, async () => 'ran')
    stop.abort(new Error('stop'))
    go()
    await first
    await expect(second).rejects.toThrow('stop')
    await expect(third).rejects.toThrow('no')
    expect(await fourth).toBe('ran')
  })

  test('together: when one fails the others are told, and all have ended before the first failure is thrown', async () => {
    const ended: string[] = []
    const failed = together(
      [
        async () => {
          await tick()
          throw new Error('first')
        },
        async (signal) => {
          await new Promise<void>((_, stop) => signal?.addEventListener('abort', () => setTimeout(() => stop(new Error('second')), 5)))
        },
        async (signal) => {
          await new Promise<void>((done) => signal?.addEventListener('abort', () => setTimeout(done, 20)))
          ended.push('third')
        },
      ],
      undefined,
    )
    await expect(failed).rejects.toThrow('first')
    expect(ended).toEqual(['third'])
  })
})

describe('patterns', () => {
  test('are written at the same time; when one fails the others are cancelled and awaited, and it is named', async () => {
    const [one, two] = [gated('one'), gated('two')]
    const broken: Store = { ...memoryStore({ name: 'broken' }), put: async () => Promise.reject(new Error('no room')) }
    const value = seededRandom().bytes(1000)
    const writing = (await encoded(value, [bytes().to('one'), bytes().to('two')], [one.store, two.store])).write()
    await tick()
    expect([one.state.running, two.state.running]).toEqual([1, 1])
    one.open()
    two.open()
    await writing
    const [three] = [gated('three')]
    const error = await failure(async () =>
      (
        await encoded(value, [bytes().to('three'), text().to('broken')].slice(0, 1).concat(bytes().to('broken') as never), [three.store, broken])
      ).write(),
    )
    expect([error.code, error.details['pattern'], error.details['artifact']]).toEqual(['STORE_FAILED', 'broken_bytes', 'a'])
    expect(three.state).toEqual({ running: 0, most: 1, ended: 1 })
  })

  test('one serializer runs once, whatever stores and wrappers keep it; another reads the value again, and both saw the same', async () => {
    let runs = 0
    const counted = serializer<string>({
      name: 'counted',
      encode(value) {
        runs++
        return { bytes: Buffer.from(value) }
      },
      decode: async (content) => Buffer.from(await content.bytes()).toString(),
    })
    const stores = [memoryStore({ name: 'one' }), memoryStore({ name: 'two' })]
    const made = await encoded('x', [counted.to('one'), gzip(counted).to('two'), gzip(counted).to('one')], stores)
    expect([runs, Object.keys(made.records)]).toEqual([1, ['one_counted', 'two_counted-gzip', 'one_counted-gzip']])
    await made.write()
    const list = [1, 2]
    expect((await encoded(list, [json().to('one'), ndjson().to('two')], stores)).contentDigest).toMatch(/^[0-9a-f]{64}$/)
  })

  test('a value that changes between two serializers is refused', async () => {
    const stores = [memoryStore({ name: 'one' }), memoryStore({ name: 'two' })]
    const list = [{ n: 1 }]
    const slow = serializer<{ n: number }[]>({
      name: 'slow',
      async encode(value) {
        ;(value[0] as { n: number }).n++
        return { bytes: Buffer.from(JSON.stringify(value)) }
      },
      decode: async () => [],
    })
    const error = await failure(() => encoded(list, [json().to('one'), slow.to('two')], stores))
    expect([error.code, error.message]).toEqual(['INVALID_ARTIFACT', expect.stringMatching(/changed while json and slow/)])
    let times = 0
    const moving = { [Symbol.asyncIterator]: () => Readable.from([Buffer.from(String(times++))])[Symbol.asyncIterator]() }
    expect((await failure(() => encoded(moving, [bytes().to('one'), serializer({ ...bytes(), name: 'other' }).to('two')], stores))).code).toBe(
      'INVALID_ARTIFACT',
    )
  })
})

class Dump extends persistable('Dump', {
  artifacts: {
    big: artifact(bytes().to('disk'), gzip(bytes()).to('backup')),
    small: artifact(json<number[]>().to('disk')),
  },
}) {}
class Rows extends persistable('Rows', { artifacts: { rows: artifact(ndjson<{ i: number }>().to('disk')) } }) {}

const storesOf = (registry: TestRegistry) => [
  diskStore(join(registry.folder, 'files')),
  diskStore(join(registry.folder, 'backup'), { name: 'backup' }),
]
const temporaries = async (registry: TestRegistry): Promise<string[]> => {
  const own = await Promise.all(['files', 'backup'].map((name) => readdir(join(registry.folder, name, 'tmp')).catch(() => [])))
  return own.flat()
}

onEveryProvider((make) => {
  test('progress tells every pattern to its end, never backwards, on saving and reading', async () => {
    const registry = await make()
    const repo = await registry.open({ types: [Dump], stores: storesOf(registry) })
    const whole = seededRandom().bytes(5 * MIB)
    const events: Progress[] = []
    const saved = await repo.save(
      new Dump({ name: 'd', artifacts: { big: Readable.from([whole.subarray(0, 10), whole.subarray(10)]), small: [1] } }),
      {
        onProgress: (progress) => events.push(progress),
      },
    )
    const last = new Map<string, Progress>()
    for (const event of events) {
      const key = `${event.phase} ${event.artifact} ${event.pattern}`
      expect(event.label).toBe('Dump/d')
      expect(event.done).toBeGreaterThanOrEqual(last.get(key)?.done ?? 0)
      last.set(key, event)
    }
    const size = saved.filepaths['big']?.['backup_bytes-gzip']?.size
    expect(Object.fromEntries([...last].map(([key, { done, total }]) => [key, [done, total]]))).toEqual({
      'encode big disk_bytes': [whole.length, null],
      'write big disk_bytes': [whole.length, whole.length],
      'write big backup_bytes-gzip': [size, size],
      'write small disk_json': [3, 3],
    })
    const again: Progress[] = []
    await repo.save(new Dump({ name: 'd', artifacts: { big: whole, small: [1] } }), { onProgress: (progress) => again.push(progress) })
    expect(again.map(({ phase, pattern, done }) => `${phase} ${pattern} ${done}`).sort()).toEqual(
      [`write disk_bytes ${whole.length}`, `write backup_bytes-gzip ${size}`, 'write disk_json 3'].sort(),
    )
    const loaded = await repo.load(Dump, 'd')
    for (const read of [
      (onProgress: (progress: Progress) => void) => loaded.artifact('big', { onProgress }),
      (onProgress: (progress: Progress) => void) => gather(loaded.stream('big', { onProgress })),
    ]) {
      const seen: Progress[] = []
      expect(Buffer.compare(await read((progress) => seen.push(progress)), whole)).toBe(0)
      expect(seen.at(-1)).toEqual({
        phase: 'read',
        label: 'Dump/d@2',
        artifact: 'big',
        pattern: 'disk_bytes',
        done: whole.length,
        total: whole.length,
      })
      expect(seen.length).toBeGreaterThan(3)
      expect(seen.map(({ done }) => done)).toEqual(seen.map(({ done }) => done).sort((a, b) => a - b))
    }
  })

  test('a save that is cancelled, wherever it is, leaves no row, no temporary file, and a draft that can be saved again', async () => {
    const registry = await make()
    const repo = await registry.open({ types: [Dump], stores: storesOf(registry) })
    const random = seededRandom()
    let cancelled = 0
    for (let step = 0; step < 11; step++) {
      const whole = random.bytes(2 * MIB + 9)
      const stop = new AbortController()
      const reason = new Error(`stop ${step}`)
      let events = 0
      const draft = new Dump({ name: 'd', artifacts: { big: Readable.from([whole.subarray(0, MIB), whole.subarray(MIB)]), small: [step] } })
      const result = await repo.save(draft, { signal: stop.signal, onProgress: () => void (events++ === step && stop.abort(reason)) }).then(
        () => undefined,
        (error: unknown) => error,
      )
      if (result === undefined) continue
      cancelled++
      expect(result).toBe(reason)
      expect(await temporaries(registry)).toEqual([])
      expect(await repo.count(Dump)).toBe(step - cancelled + 1)
      draft.set('big', whole)
      await repo.save(draft)
      cancelled--
    }
    expect(await repo.count(Dump)).toBe(11)
    const aborted = AbortSignal.abort(new Error('before'))
    await expect(repo.save(new Dump({ artifacts: { big: 'x', small: [] } }), { signal: aborted })).rejects.toThrow('before')
    await expect(repo.saveMany([new Dump({ artifacts: { big: 'x', small: [] } })], { signal: aborted })).rejects.toThrow('before')
    await expect(repo.stage(new Dump({ artifacts: { big: 'x', small: [] } }), { signal: aborted })).rejects.toThrow('before')
    expect(await repo.count(Dump)).toBe(11)
  })

  test('a stream that hangs is cut off', async () => {
    const registry = await make()
    const repo = await registry.open({ types: [Dump], stores: storesOf(registry) })
    for (const head of [10, 3 * MIB]) {
      const hanging = new Readable({ read() {} })
      hanging.push(new Uint8Array(head))
      const stop = new AbortController()
      const saving = repo.save(new Dump({ artifacts: { big: hanging, small: [] } }), { signal: stop.signal })
      setTimeout(() => stop.abort(new Error('enough')), 50)
      await expect(saving).rejects.toThrow('enough')
      expect(await temporaries(registry)).toEqual([])
    }
    expect(await repo.count(Dump)).toBe(0)
  })

  test('a listener that throws fails the operation with what it threw, and no pattern is blamed', async () => {
    const registry = await make()
    const repo = await registry.open({ types: [Dump], stores: storesOf(registry) })
    const mine = new TypeError('mine')
    const onProgress = (): never => {
      throw mine
    }
    const draft = new Dump({ name: 'd', artifacts: { big: new Uint8Array(2 * MIB), small: [] } })
    expect(await failure(() => repo.save(draft, { onProgress }))).toBe(mine)
    expect([await repo.count(Dump), await temporaries(registry)]).toEqual([0, []])
    await repo.save(draft)
    const loaded = await repo.load(Dump, 'd')
    expect(await failure(() => loaded.artifact('big', { onProgress }))).toBe(mine)
    expect(await failure(() => gather(loaded.stream('big', { onProgress })))).toBe(mine)
    expect(registry.warnings).toEqual([])
  })

  test('a reading that is cancelled throws the reason, warns of nothing, and those who share it go on', async () => {
    const registry = await make()
    const repo = await registry.open({ types: [Dump, Rows], stores: storesOf(registry) })
    const whole = seededRandom().bytes(6 * MIB)
    await repo.save(new Dump({ name: 'd', artifacts: { big: whole, small: [] } }))
    await repo.save(new Rows({ name: 'r', artifacts: { rows: Array.from({ length: 300_000 }, (_, i) => ({ i })) } }))
    const [dump, rows] = [await repo.load(Dump, 'd'), await repo.load(Rows, 'r')]
    const stop = new AbortController()
    const reason = new Error('stop')
    const onProgress = (): void => stop.abort(reason)
    const options = { signal: stop.signal, onProgress }
    const others = [dump.artifact('big'), dump.artifact('big')]
    const mine = dump.artifact('big', { signal: stop.signal })
    setImmediate(() => stop.abort(reason))
    expect(await failure(() => mine)).toBe(reason)
    for (const other of others) expect(Buffer.compare(await other, whole)).toBe(0)
    for (const work of [
      () => dump.artifact('big', { signal: AbortSignal.abort(reason) }),
      () => gather(dump.stream('big', options)),
      () => rows.artifact('rows', options),
      async () => {
        for await (const _ of rows.rows('rows', options));
      },
    ])
      expect(await failure(work)).toBe(reason)
    const joined: Progress[] = []
    await Promise.all([dump.artifact('big'), dump.artifact('big', { onProgress: (progress) => joined.push(progress) })])
    expect(joined.map(({ done, total }) => [done, total])).toEqual([[whole.length, whole.length]])
    const first = new AbortController()
    expect(await failure(() => dump.artifact('big', { signal: first.signal, onProgress: () => first.abort(reason) }))).toBe(reason)
    expect(Buffer.compare(await dump.artifact('big'), whole)).toBe(0)
    expect(registry.warnings).toEqual([])
  })

  test('many artifacts at once: bounded, all there', async () => {
    const registry = await make()
    const inner = memoryStore({ name: 'disk' })
    let running = 0
    let most = 0
    const counting: Store = {
      ...inner,
      async put(...asked) {
        most = Math.max(most, ++running)
        await tick()
        await inner.put(...asked)
        running--
      },
    }
    const repo = await registry.open({ types: [Rows], stores: [counting] })
    const drafts = Array.from({ length: 200 }, (_, n) => new Rows({ name: 'r', artifacts: { rows: [{ i: n }] } }))
    const saved = await repo.saveMany(drafts)
    expect(most).toBeGreaterThan(4)
    expect(most).toBeLessThanOrEqual(16)
    for (const [n, one] of saved.entries()) expect(await one.artifact('rows')).toEqual([{ i: n }])
  })

  test('rows one by one: what is broken off early is closed, what has no rows is refused', async () => {
    const registry = await make()
    const repo = await registry.open({ types: [Dump, Rows], stores: storesOf(registry) })
    await repo.save(new Rows({ name: 'r', artifacts: { rows: [{ i: 0 }, { i: 1 }] } }))
    await repo.save(new Dump({ name: 'd', artifacts: { big: 'x', small: [7, 8] } }))
    const seen: unknown[] = []
    for await (const row of (await repo.load(Rows, 'r')).rows('rows')) seen.push(row)
    for await (const value of (await repo.load(Dump, 'd')).rows('small')) seen.push(value)
    expect(seen).toEqual([{ i: 0 }, { i: 1 }, 7, 8])
    const dump = await repo.load('Dump/d')
    expect((await failure(async () => void (await dump.rows('small', { serializer: text() })[Symbol.asyncIterator]().next()))).code).toBe(
      'ARTIFACT_UNREADABLE',
    )
    expect((await failure(async () => dump.rows('none'))).code).toBe('UNKNOWN_ARTIFACT')
  })
})
