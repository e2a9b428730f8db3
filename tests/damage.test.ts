import { createHash } from 'node:crypto'
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { artifact, bytes, diskStore, gzip, isPersistablesError, json, type PersistablesError, persistable, text } from '../src'
import { atomically, rawOf } from '../src/client'
import { onEveryProvider, type TestRegistry } from './registries'
import { seededRandom } from './support'

class Model extends persistable('Model', {
  artifacts: {
    small: artifact(json<{ w: number[] }>().to('disk'), json<{ w: number[] }>().to('backup')),
    big: artifact(bytes().to('disk'), bytes().to('backup')),
  },
}) {}
class Single extends persistable('Single', {
  artifacts: { small: artifact(json<{ w: number[] }>().to('disk')), big: artifact(bytes().to('disk')) },
}) {}

const SMALL = { w: Array.from({ length: 500 }, (_, i) => i / 7) }
const bigBytes = (random: ReturnType<typeof seededRandom>): Uint8Array => random.bytes(2 * (1 << 20) + 12_345)
const pathOf = (root: string, digest: string): string => join(root, 'sha256', digest.slice(0, 2), digest.slice(2, 4), digest.slice(4))
const stores = (registry: TestRegistry) => [diskStore(join(registry.folder, 'files')), diskStore(join(registry.folder, 'backup'), { name: 'backup' })]
const collect = async (source: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}
const failure = async (work: Promise<unknown>): Promise<PersistablesError> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (isPersistablesError(error)) return error
  throw error ?? new Error('it did not fail')
}
const flip = async (path: string, bit: number): Promise<() => Promise<void>> => {
  const whole = await readFile(path)
  const damaged = Buffer.from(whole)
  damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
  await rm(path)
  await writeFile(path, damaged)
  return async () => {
    await rm(path)
    await writeFile(path, whole)
  }
}

onEveryProvider((make, provider) => {
  const rounds = provider === 'sqlite' ? 200 : 10

  test(`${rounds} single flipped bits are met, and served from the second pattern`, async () => {
    const registry = await make()
    const repo = await registry.open({ types: [Model], stores: stores(registry) })
    const random = seededRandom()
    const big = bigBytes(random)
    const saved = await repo.save(new Model({ artifacts: { small: SMALL, big } }))
    const record = { small: saved.filepaths['small']?.['disk_json'], big: saved.filepaths['big']?.['disk_bytes'] }
    const sidecar = record.big?.chunks
    expect(sidecar).toMatchObject({ size: 12, chunkSize: 1 << 20 })
    const targets = [
      { name: 'small', digest: record.small?.digest as string },
      { name: 'big', digest: record.big?.digest as string },
      { name: 'big', digest: sidecar?.digest as string },
    ] as const
    for (let round = 0; round < rounds; round++) {
      const { name, digest } = random.pick(targets)
      const path = pathOf(join(registry.folder, 'files'), digest)
      const mend = await flip(path, random.int((await stat(path)).size * 8))
      registry.warnings.length = 0
      const loaded = await repo.load(Model, { id: saved.id })
      expect(digest === sidecar?.digest || registry.warnings.length === 0).toBe(true)
      if (name === 'small') expect(await loaded.artifact('small')).toEqual(SMALL)
      else {
        expect(Buffer.compare(await collect(loaded.stream('big')), big)).toBe(0)
        if (round % 10 === 0) expect(Buffer.compare(await loaded.artifact('big'), big)).toBe(0)
      }
      expect(registry.warnings.length).toBeGreaterThanOrEqual(1)
      expect(registry.warnings[0]).toMatch(/disk_json: .*damaged|disk_bytes: .*damaged|chunk checksums/)
      await mend()
    }
  })

  test(`${rounds} single flipped bits with no second pattern: never a wrong byte`, async () => {
    const registry = await make()
    const repo = await registry.open({ types: [Single], stores: stores(registry) })
    const random = seededRandom()
    const big = bigBytes(random)
    const saved = await repo.save(new Single({ artifacts: { small: SMALL, big } }))
    for (let round = 0; round < rounds; round++) {
      const name = random.pick(['small', 'big'] as const)
      const record = Object.values(saved.filepaths[name] ?? {})[0]
      const path = pathOf(join(registry.folder, 'files'), record?.digest as string)
      const mend = await flip(path, random.int((record?.size as number) * 8))
      const loaded = await repo.load(Single, { id: saved.id })
      const error = await failure(loaded.artifact(name))
      expect(error.code).toBe('ARTIFACT_UNREADABLE')
      expect(error.details['attempts']).toMatchObject([{ code: 'ARTIFACT_CORRUPT', store: 'disk' }])
      if (name === 'big') {
        let at = 0
        const streamed = (async () => {
          for await (const chunk of loaded.stream('big')) {
            expect(Buffer.compare(chunk, big.subarray(at, at + chunk.length))).toBe(0)
            at += chunk.length
          }
        })()
        expect((await failure(streamed)).code).toBe('ARTIFACT_UNREADABLE')
        expect(at).toBeLessThan(big.length)
      }
      await mend()
    }
    expect(await (await repo.load(Single, { id: saved.id })).artifact('small')).toEqual(SMALL)
  })

  test('missing bytes, a missing store, and a stream that goes on elsewhere mid-way', async () => {
    const registry = await make()
    const repo = await registry.open({ types: [Model], stores: stores(registry) })
    const big = bigBytes(seededRandom())
    const saved = await repo.save(new Model({ artifacts: { small: SMALL, big } }))
    const digest = saved.filepaths['big']?.['disk_bytes']?.digest as string
    const path = pathOf(join(registry.folder, 'files'), digest)
    expect(
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    ).toBe(digest)
    // The second chunk is damaged in one store, the first in the other: each alone would fail, together they serve.
    const mends = [await flip(path, ((1 << 20) + 5) * 8), await flip(pathOf(join(registry.folder, 'backup'), digest), 3)]
    expect(Buffer.compare(await collect((await repo.load(Model, 'default')).stream('big')), big)).toBe(0)
    expect((await failure((await repo.load(Model, 'default')).artifact('big'))).code).toBe('ARTIFACT_UNREADABLE')
    for (const mend of mends) await mend()
    await rm(path)
    expect(Buffer.compare(await (await repo.load(Model, 'default')).artifact('big'), big)).toBe(0)
    expect(registry.warnings.at(-1)).toContain('there is nothing at')
    await rm(pathOf(join(registry.folder, 'backup'), digest))
    const error = await failure((await repo.load(Model, 'default')).artifact('big'))
    expect(error.details['attempts']).toMatchObject([{ code: 'ARTIFACT_MISSING' }, { code: 'ARTIFACT_MISSING' }])
    const elsewhere = await registry.open({ types: [Model], stores: [diskStore(join(registry.folder, 'backup'), { name: 'backup' })] })
    expect(await (await elsewhere.load(Model, 'default')).artifact('small')).toEqual(SMALL)
    expect(registry.warnings.at(-1)).toContain('no store "disk"')
  })

  test('reads at the same time share one, and callers own what they get', async () => {
    const registry = await make()
    const repo = await registry.open({ types: [Single], stores: stores(registry) })
    await repo.save(new Single({ artifacts: { small: SMALL, big: Buffer.from('shared') } }))
    const loaded = await repo.load(Single, 'default')
    const all = await Promise.all(Array.from({ length: 5 }, () => loaded.artifact('big')))
    ;(all[0] as Uint8Array)[0] = 0
    expect(all.slice(1).map((value) => Buffer.from(value).toString())).toEqual(['shared', 'shared', 'shared', 'shared'])
    const [a, b] = await Promise.all([loaded.artifact('small'), loaded.artifact('small')])
    a.w[0] = 99
    expect(b).toEqual(SMALL)
    expect(await loaded.artifact('small')).toEqual(SMALL)
  })

  test('reads at the same time of a record that was tampered with and of one that was not do not mix', async () => {
    class Pair extends persistable('Pair', { artifacts: { one: artifact(gzip(text()).to('disk')), two: artifact(gzip(text()).to('disk')) } }) {}
    const registry = await make()
    const repo = await registry.open({ types: [Pair] })
    const { filepaths } = await repo.save(new Pair({ artifacts: { one: 'equal', two: 'equal' } }))
    const known = filepaths['two']?.['disk_text-gzip']
    for (const odd of [{ contentDigest: 'f'.repeat(64) }, { contentSize: 4 }, { size: 1 }]) {
      const text = JSON.stringify({ ...filepaths, two: { 'disk_text-gzip': { ...known, ...odd } } })
      const db = rawOf(repo.client)
      await atomically(db, [db.$queryRawUnsafe(`UPDATE persistables SET filepaths = '${text}' RETURNING id`)])
      const loaded = await repo.load(Pair, 'default')
      for (const order of [['one', 'two'] as const, ['two', 'one'] as const]) {
        const [first, second] = await Promise.allSettled(order.map((name) => loaded.artifact(name)))
        const [sound, bad] = order[0] === 'one' ? [first, second] : [second, first]
        expect([sound?.status, bad?.status]).toEqual(['fulfilled', 'rejected'])
      }
    }
  })

  test('saving the same bytes again writes nothing', async () => {
    const registry = await make()
    const repo = await registry.open({ types: [Single], stores: stores(registry) })
    const first = await repo.save(new Single({ artifacts: { small: SMALL, big: Buffer.alloc(2 << 20, 7) } }))
    const path = pathOf(join(registry.folder, 'files'), first.filepaths['big']?.['disk_bytes']?.digest as string)
    const before = await stat(path)
    const second = await repo.save(new Single({ artifacts: { small: SMALL, big: Buffer.alloc(2 << 20, 7) } }))
    expect(second.version).toBe(2)
    const after = await stat(path)
    expect([after.ino, after.mtimeMs]).toEqual([before.ino, before.mtimeMs])
  })

  test('a folder that somebody removed is made and claimed again by the next save', async () => {
    const registry = await make()
    const repo = await registry.open({ types: [Single], stores: stores(registry) })
    const save = () => repo.save(new Single({ artifacts: { small: SMALL, big: 'x' } }))
    await save()
    const owner = await repo.stores.get('disk')?.owner?.()
    await rm(join(registry.folder, 'files'), { recursive: true })
    expect(await (await save()).artifact('small')).toEqual(SMALL)
    expect([typeof owner, await repo.stores.get('disk')?.owner?.()]).toEqual(['string', owner])
  })

  test('a store of another registry is read, never written', async () => {
    const [one, two] = [await make(), await make()]
    const shared = join(one.folder, 'files')
    const first = await one.open({ types: [Single], stores: [diskStore(shared)] })
    const second = await two.open({ types: [Single], stores: [diskStore(shared)] })
    await first.save(new Single({ artifacts: { small: SMALL, big: 'x' } }))
    const error = await failure(second.save(new Single({ artifacts: { small: SMALL, big: 'x' } })))
    expect(error.code).toBe('STORE_FOREIGN')
    expect(await second.count(Single)).toBe(0)
  })
})

onEveryProvider((make) => {
  test('a value that is changed while it is being saved is refused, not stored under a wrong name', async () => {
    const registry = await make()
    const repo = await registry.open({ types: [Single], stores: stores(registry) })
    const big = new Uint8Array(2 << 20)
    const saving = repo.save(new Single({ artifacts: { small: SMALL, big } }))
    const timer = setInterval(() => big.fill((big[0] as number) + 1), 0)
    const error = await saving.then(
      () => undefined,
      (reason: unknown) => reason,
    )
    clearInterval(timer)
    if (error !== undefined) expect(error).toMatchObject({ code: 'STORE_FAILED' })
    for await (const { digest, size } of stores(registry)[0]?.list() ?? []) {
      const stored = await readFile(pathOf(join(registry.folder, 'files'), digest))
      expect([stored.length, createHash('sha256').update(stored).digest('hex')]).toEqual([size, digest])
    }
    expect((await repo.save(new Single({ artifacts: { small: SMALL, big } }))).version).toBe(error === undefined ? 2 : 1)
  })
})
