import { join } from 'node:path'
import { artifact, bytes, diskStore, json, persistable } from '../src'
import { onEveryProvider } from './registries'
import { collect, failure, MIB, patterned, serve, storeOn } from './s3-support'
import { runTogether, startWorker } from './workers'
import type { S3SaveAnswer, S3SaveTask } from './workers/s3-save'

class Model extends persistable('Model', {
  artifacts: {
    notes: artifact(json<string[]>().to('s3'), json<string[]>().to('disk')),
    weights: artifact(bytes().to('s3'), bytes().to('disk')),
  },
}) {}
class Remote extends persistable('Remote', { artifacts: { weights: artifact(bytes().to('s3')) } }) {}

const SIZE = 11 * MIB + 3
const LARGE = patterned(SIZE)
const draft = (name: string) => new Model({ name, artifacts: { notes: ['a', 'b'], weights: LARGE } })

onEveryProvider((make, provider) => {
  const begin = async (options = {}) => {
    const [server, registry] = [await serve(), await make()]
    const open = (more = {}) =>
      registry.open({ types: [Model, Remote], stores: [storeOn(server, { ...options, ...more }), diskStore(join(registry.folder, 'files'))] })
    return { server, registry, open, repo: await open() }
  }

  test('a save puts bytes into both stores, and each of them alone gives them back', async () => {
    const { server, registry, open, repo } = await begin()
    const saved = await repo.save(draft('m'))
    expect(saved.filepaths['weights']).toMatchObject({ s3_bytes: { store: 's3', size: SIZE }, disk_bytes: { store: 'disk', size: SIZE } })
    const again = await (await open()).load(Model, 'm')
    expect(await again.artifact('notes')).toEqual(['a', 'b'])
    expect(Buffer.compare((await again.artifact('weights')) as Uint8Array, LARGE)).toBe(0)
    expect(Buffer.compare(await collect(again.stream('weights')), LARGE)).toBe(0)
    expect(server.bucket.uploads.size).toBe(0)
    // nothing is sent twice, whoever saves it
    server.log.length = 0
    await (await open()).save(draft('other'))
    expect(new Set(server.asked())).toEqual(new Set(['GetObject', 'HeadObject']))
    expect(registry.warnings).toEqual([])
    server.bucket.objects.clear()
    expect(Buffer.compare(await collect((await (await open()).load(Model, 'm')).stream('weights')), LARGE)).toBe(0)
  })

  test('verify keeps damaged bytes aside in the bucket, and puts the right ones in their place', async () => {
    const { server, repo } = await begin({ prefix: 'team' })
    const saved = await repo.save(draft('m'))
    const { digest = '' } = saved.filepaths['weights']?.['s3_bytes'] ?? {}
    const key = `team/sha256/${digest.slice(0, 2)}/${digest.slice(2, 4)}/${digest.slice(4)}`
    const damaged = Buffer.from(LARGE.subarray(0, SIZE - 1))
    server.bucket.objects.set(key, {
      ...server.bucket.object(key),
      bytes: {
        size: damaged.length,
        read: async function* (from: number, to: number) {
          yield damaged.subarray(from, to)
        },
      },
    })
    const found = []
    for await (const finding of repo.verify({ repair: true, orphans: false })) if (finding.kind !== 'ok') found.push(finding)
    expect(found.map(({ kind, repaired }) => [kind, repaired])).toEqual([['corrupt', true]])
    const aside = String(found[0]?.quarantined).replace(/^s3:\/\/[^/]+\//, '')
    expect(aside).toMatch(new RegExp(`^team/quarantine/${digest}\\.`))
    const kept = server.bucket.object(aside).bytes
    expect(Buffer.compare(await collect(kept.read(0, kept.size)), damaged)).toBe(0)
    expect(Buffer.compare(await (await repo.load(Model, 'm')).artifact('weights'), LARGE)).toBe(0)
    expect(server.bucket.uploads.size).toBe(0)
  })

  test('bytes that are damaged, missing, cut short or do not come are read from the disk, mid-stream too, with one warning', async () => {
    const { server, registry, open, repo } = await begin()
    const saved = await repo.save(draft('m'))
    const key = [...server.bucket.objects].find(([, object]) => object.bytes.size === SIZE)?.[0] as string
    const intact = server.bucket.object(key)
    const impatient = { maxAttempts: 1, timeouts: { connect: 500, idle: 200 } }
    const faults: readonly (() => void)[] = [
      () => server.fault({ on: 'GetObject', key, do: 'flip', at: 7 * MIB }),
      () => server.fault({ on: 'GetObject', key, do: 'hang' }),
      () => server.fault({ on: 'GetObject', key, do: 'hang', at: 3 * MIB }),
      () => server.fault({ on: 'GetObject', key, do: 'reset answer', at: 5 * MIB + 1, times: 9 }),
      () => server.fault({ on: 'GetObject', key, do: 'refuse', status: 403, code: 'AccessDenied' }),
      () => server.bucket.objects.set(key, { ...intact, bytes: { size: SIZE - 1, read: (from, to) => intact.bytes.read(from, to) } }),
      () => server.bucket.objects.delete(key),
    ]
    for (const [i, fault] of faults.entries()) {
      for (const read of ['stream', 'artifact'] as const) {
        server.bucket.objects.set(key, intact)
        fault()
        registry.warnings.length = 0
        const model = await (await open(impatient)).load(Model, { id: saved.id })
        const got = read === 'stream' ? await collect(model.stream('weights')) : ((await model.artifact('weights')) as Uint8Array)
        expect([i, Buffer.compare(got, LARGE)]).toEqual([i, 0])
        expect(registry.warnings).toEqual([expect.stringContaining('disk_bytes')])
        expect(registry.warnings[0]).toContain('s3_bytes')
        while (server.pending() > 0)
          await collect(storeOn(server, impatient).get(saved.filepaths['weights']?.['s3_bytes'] as never)).catch(() => undefined)
      }
    }
  })

  test('a save that S3 refuses shows nothing, names the pattern, and succeeds when tried again', async () => {
    const { server, repo } = await begin({ maxAttempts: 2 })
    server.fault({ on: 'UploadPart', part: 2, do: 'refuse', status: 403, code: 'AccessDenied' })
    const error = await failure(repo.save(draft('m')))
    expect(error).toMatchObject({ code: 'STORE_FAILED', details: { pattern: 's3_bytes', store: 's3', error: 'AccessDenied' } })
    expect([await repo.tryLoad(Model, 'm'), server.bucket.uploads.size]).toEqual([null, 0])
    expect((await repo.save(draft('m'))).version).toBe(1)
  })

  test('a bucket of another registry is not written to', async () => {
    const { server, repo } = await begin()
    await repo.save(new Remote({ name: 'mine', artifacts: { weights: new Uint8Array(9) } }))
    const other = await (await make()).open({ types: [Remote], stores: [storeOn(server)] })
    expect((await failure(other.save(new Remote({ name: 'theirs', artifacts: { weights: new Uint8Array(8) } })))).code).toBe('STORE_FOREIGN')
    expect([...server.bucket.objects.keys()]).toHaveLength(2)
  })

  test('two processes that save the same bytes at once: two versions, one object of each content', async () => {
    const { server, registry, open } = await begin()
    const task = (worker: number): S3SaveTask => ({ url: registry.url, endpoint: server.url, worker, size: SIZE })
    const { answers } = await runTogether<S3SaveAnswer>('s3-save', [task(1), task(2)])
    expect(answers.map(({ failed }) => failed)).toEqual([undefined, undefined])
    expect(answers.flatMap(({ versions }) => versions).sort()).toEqual([1, 2, 3, 4])
    for (const model of await (await open()).versions(Remote, 'shared')) expect((await collect(model.stream('weights'))).length).toBe(SIZE)
    expect(server.bucket.uploads.size).toBe(0)
    // two contents, their checksums, the marker
    expect(server.bucket.objects.size).toBe(5)
  })

  // its server is this process's, so that one database is enough
  if (provider === 'sqlite') {
    test('a process that is killed while it uploads leaves nothing but an upload, which a sweep takes away', async () => {
      const { server, registry, open } = await begin()
      const task: S3SaveTask = { url: registry.url, endpoint: server.url, worker: 1, size: SIZE }
      server.fault({ on: 'UploadPart', part: 2, do: 'hang' })
      const worker = startWorker<S3SaveAnswer>('s3-save', { ...task, patience: 60_000 })
      await worker.ready
      worker.go()
      while (server.pending() > 0) await new Promise((resolve) => setTimeout(resolve, 5))
      worker.kill()
      await worker.done
      const repo = await open()
      expect([await repo.count(Remote), server.bucket.uploads.size]).toEqual([0, 1])
      expect(await storeOn(server).sweep?.()).toBe(0)
      expect(await storeOn(server).sweep?.({ olderThan: 0 })).toBe(1)
      const saved = await repo.save(new Remote({ name: 'shared', artifacts: { weights: LARGE } }))
      expect([saved.version, server.bucket.uploads.size]).toEqual([1, 0])
    })
  }
})
