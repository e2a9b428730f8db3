import { createHash } from 'node:crypto'
import {
  artifact,
  bytes,
  createRepository,
  databaseStore,
  isPersistablesError,
  json,
  type PersistableTransaction,
  persistable,
  type Store,
} from '../src'
import { ROW_BYTES } from '../src/artifacts/stores/database-rows'
import { atomically, rawOf } from '../src/client'
import { storeContract } from '../src/testing'
import { figures } from './campaigns'
import { onEveryProvider } from './registries'
import { seededRandom } from './support'
import { runTogether, runWorker, startWorker } from './workers'
import type { ChunksAnswer, ChunksTask } from './workers/chunks'

class Model extends persistable('Model', {
  artifacts: { small: artifact(json<number[]>().to('database')), big: artifact(bytes().to('database')) },
}) {}

type Transactions = { $transaction<T>(run: (tx: PersistableTransaction) => Promise<T>, limits?: object): Promise<T> }
const whole = async function* (value: Uint8Array): AsyncGenerator<Uint8Array> {
  yield value
}
const collect = async (source: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}
const blobOf = (value: Uint8Array) => ({ digest: createHash('sha256').update(value).digest('hex'), size: value.length })

onEveryProvider((make) => {
  const open = async (options = {}) => {
    const registry = await make()
    const repo = await registry.open({ types: [Model], stores: [databaseStore()], ...options })
    const db = rawOf(repo.client)
    const run = (text: string) => atomically(db, [db.$queryRawUnsafe<Record<string, unknown>[]>(text)]).then(([rows]) => rows ?? [])
    return { registry, repo, store: repo.stores.get('database') as Store, run }
  }
  const rowsLeft = async (run: (text: string) => Promise<Record<string, unknown>[]>) => {
    const [contents] = await run('SELECT count(*) AS n FROM persistable_contents')
    const [chunks] = await run('SELECT count(*) AS n FROM persistable_chunks')
    return [Number(contents?.['n']), Number(chunks?.['n'])]
  }

  storeContract({ test, create: async () => (await open()).store })

  test('artifacts are saved and come back, and saving them again writes nothing', async () => {
    const { repo, run } = await open()
    const random = seededRandom()
    const big = random.bytes(2 * (1 << 20) + 77)
    const saved = await repo.save(new Model({ artifacts: { small: [1, 2], big } }))
    expect(Buffer.compare(await saved.artifact('big'), big)).toBe(0)
    expect(Buffer.compare(await collect(saved.stream('big')), big)).toBe(0)
    const before = await run('SELECT upload FROM persistable_contents ORDER BY upload')
    await repo.save(saved.next({ artifacts: { small: [1, 2], big } }))
    expect(await run('SELECT upload FROM persistable_contents ORDER BY upload')).toEqual(before)
  })

  test('in a transaction its bytes are read there', async () => {
    const { registry, repo } = await open({})
    await repo.save(new Model({ name: 'old', artifacts: { small: [1], big: 'old' } }))
    const ready = await repo.stage(new Model({ name: 'new', artifacts: { small: [2], big: 'new' } }))
    // One connection: whatever did not use the transaction's would wait for it for ever.
    const one = await registry.open({ types: [Model], stores: [databaseStore()], pool: { max: 1 } })
    await (one.client as unknown as Transactions)
      .$transaction(
        async (tx) => {
          expect(await (await one.using(tx).load(Model, 'old')).artifact('small')).toEqual([1])
          await rawOf(tx).$executeRawUnsafe('DELETE FROM persistable_chunks')
          await expect((await one.using(tx).load(Model, 'old')).artifact('small')).rejects.toMatchObject({ code: 'ARTIFACT_UNREADABLE' })
          throw new Error('undo')
        },
        { timeout: 20_000 },
      )
      .catch((error: Error) => expect(error.message).toBe('undo'))
    expect(await (await one.load(Model, 'old')).artifact('small')).toEqual([1])
    const saved = await (repo.client as unknown as Transactions).$transaction(async (tx) => {
      const inside = await repo.using(tx).save(ready)
      expect(Buffer.from(await inside.artifact('big')).toString()).toBe('new')
      return inside
    })
    expect(await (await repo.load(Model, { id: saved.id })).artifact('small')).toEqual([2])
  })

  test('a blob that lost a row, or has a wrong one, is never handed out, and is written anew', async () => {
    const { repo, store, run } = await open()
    const big = seededRandom().bytes(3 * ROW_BYTES)
    const saved = await repo.save(new Model({ artifacts: { small: [1], big } }))
    await run('DELETE FROM persistable_chunks WHERE position = 1')
    await expect(collect(saved.stream('big'))).rejects.toMatchObject({ code: 'ARTIFACT_UNREADABLE' })
    expect(await store.size(blobOf(big).digest)).toBe(big.length - ROW_BYTES)
    await repo.save(saved.next({ artifacts: { small: [1], big } }))
    expect(Buffer.compare(await collect(saved.stream('big')), big)).toBe(0)
  })

  test('a reader goes on when the blob is replaced under it', async () => {
    const { store, run } = await open()
    const big = seededRandom().bytes(4 * ROW_BYTES)
    await store.put(blobOf(big), () => whole(big))
    const parts: Uint8Array[] = []
    for await (const part of store.get(blobOf(big), { start: 5 })) {
      if (parts.length === 0) await store.replace?.(blobOf(big), () => whole(big))
      parts.push(part)
    }
    expect(Buffer.compare(Buffer.concat(parts), big.subarray(5))).toBe(0)
    expect(await rowsLeft(run)).toEqual([1, 4])
  })

  test('what is put in quarantine stays, out of the list', async () => {
    const { store, run } = await open()
    const big = seededRandom().bytes(2.5 * ROW_BYTES)
    expect(await store.quarantine?.(blobOf(big).digest)).toBeNull()
    await store.put(blobOf(big), () => whole(big))
    expect(await store.quarantine?.(blobOf(big).digest)).toMatch(/^database:database\/quarantine\//)
    await store.delete(blobOf(big).digest)
    const listed = []
    for await (const one of store.list()) listed.push(one)
    expect(listed).toEqual([])
    expect(await store.sweep?.({ olderThan: 0 })).toBe(0)
    expect(await rowsLeft(run)).toEqual([1, 3])
  })

  test('it needs a repository, and a schema that has its models', async () => {
    await expect(databaseStore().size('0'.repeat(64))).rejects.toMatchObject({ code: 'STORE_FAILED' })
    const { repo } = await open()
    const without = new Proxy(repo.client, {
      get: (target, key) => (key === 'persistableChunk' ? undefined : Reflect.get(target, key)),
      has: (target, key) => key in target,
    })
    let refused: unknown
    try {
      createRepository({ client: without, stores: [databaseStore()] })
    } catch (error) {
      refused = error
    }
    expect(isPersistablesError(refused, 'SCHEMA_MISSING')).toBe(true)
    expect(String(refused)).toMatch(/PersistableContent and PersistableChunk/)
  })

  test('several processes that write the same bytes and others, over and over', async () => {
    const registry = await make()
    await (await registry.open()).close()
    const tasks = [0, 1, 2].map((worker): ChunksTask => ({ url: registry.url, worker, rounds: 4, size: 3 << 19 }))
    const { answers } = await runTogether<ChunksAnswer>('chunks', tasks)
    expect(answers.map(({ failed }) => failed)).toEqual([undefined, undefined, undefined])
    expect(answers.map(({ wrong }) => wrong)).toEqual([0, 0, 0])
    const repo = await registry.open({ stores: [databaseStore()] })
    expect(await (repo.stores.get('database') as Store).sweep?.({ olderThan: 0 })).toBe(0)
  }, 120_000)

  test('a writer killed at any moment leaves a blob whole or absent, and what it left is swept', async () => {
    const registry = await make()
    const repo = await registry.open({ stores: [databaseStore()] })
    const store = repo.stores.get('database') as Store
    const random = seededRandom()
    for (let round = 0; round < 6; round++) {
      const worker = startWorker<ChunksAnswer>('chunks', { url: registry.url, worker: round, rounds: 1000, size: 4 << 19 } satisfies ChunksTask)
      await worker.ready
      worker.go()
      await new Promise((resolve) => setTimeout(resolve, 100 + random.int(400)))
      worker.kill()
      await worker.done
      for await (const blob of store.list()) {
        const hash = createHash('sha256')
        for await (const chunk of store.get(blob)) hash.update(chunk)
        expect(hash.digest('hex')).toBe(blob.digest)
      }
    }
    await store.sweep?.({ olderThan: 0 })
    const db = rawOf(repo.client)
    const [row] = await db.$queryRawUnsafe<{ n: number | bigint }[]>('SELECT count(*) AS n FROM persistable_contents WHERE digest IS NULL')
    expect(Number(row?.n)).toBe(0)
  }, 120_000)

  test('48 MiB stream in and out in little memory', async () => {
    const registry = await make()
    const { answer } = await runWorker<ChunksAnswer>(
      'chunks',
      { url: registry.url, worker: 0, rounds: 1, size: 48 << 20, large: true } satisfies ChunksTask,
      {
        // What is alive is little; without a limit V8 lets garbage lie for as long as there is room.
        node: ['--max-old-space-size=96'],
      },
    )
    expect(answer?.failed).toBeUndefined()
    figures('48 MiB in the database', { 'growth, MB': answer?.growth ?? 0, seconds: answer?.seconds ?? 0 })
    expect(answer?.wrong).toBe(0)
    expect(answer?.growth).toBeLessThan(150)
  }, 180_000)
})
