import { createHash } from 'node:crypto'
import { utimesSync } from 'node:fs'
import { chmod, link, lstat, mkdir, readdir, readFile, readlink, rename, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { type ArtifactDirectory, type ArtifactFile, artifact, directory, diskStore, file, gzip, persistable, source } from '../src'
import { foldedPath, linkFault, pathFault } from '../src/artifacts/local/entry-path'
import { type DirectoryEntry, manifestBytes } from '../src/artifacts/local/manifest'
import { diskStoreOn } from '../src/artifacts/stores/disk'
import { nodeFiles } from '../src/artifacts/stores/disk-files'
import { atomically, rawOf } from '../src/client'
import { through } from './fake-files'
import { onEveryProvider } from './registries'
import { contentOf, encode, encodedOf, failure, gather, utf8 } from './serializing'
import { seededRandom, tempDir } from './support'

const MIB = 1 << 20
const sha256 = (whole: Uint8Array): string => createHash('sha256').update(whole).digest('hex')
const open = async (whole: Uint8Array): Promise<ArtifactDirectory> => directory().decode(contentOf(whole, 1000))
const forged = (entries: readonly Partial<DirectoryEntry>[], body = ''): Uint8Array =>
  Buffer.concat([manifestBytes(entries.map((entry) => ({ path: '', type: 'file', size: 0, mode: 0o644, target: '', ...entry }))), Buffer.from(body)])
/** Everything below a folder: kinds, modes, contents. */
const pictureOf = async (root: string): Promise<Record<string, string>> => {
  const found: Record<string, string> = {}
  for (const entry of (await readdir(root, { recursive: true, withFileTypes: true })).sort()) {
    const path = join(entry.parentPath, entry.name)
    const mode = ((await lstat(path)).mode & 0o777).toString(8)
    const name = path.slice(root.length + 1).replaceAll(sep, '/')
    if (entry.isSymbolicLink()) found[name] = `-> ${await readlink(path)}`
    else found[name] = entry.isDirectory() ? `${mode}/` : `${mode} ${(await readFile(path)).toString('hex')}`
  }
  return found
}

describe('file', () => {
  test('a path in; name, size, permissions and bytes out; saved whole and beside', async () => {
    const dir = await tempDir()
    const path = join(dir, 'run.sh')
    const bytes = seededRandom().bytes(3 * MIB)
    await writeFile(path, bytes)
    await chmod(path, 0o751)
    for (const given of [path, pathToFileURL(path)]) {
      const { whole, options } = await encodedOf(file(), given)
      expect(options).toEqual({ name: 'run.sh', mode: 0o751 })
      const back = await file().decode(contentOf(whole, MIB, options))
      expect([back.name, back.size, back.mode]).toEqual(['run.sh', bytes.length, 0o751])
      expect(Buffer.compare(await back.bytes(), bytes)).toBe(0)
      expect(Buffer.compare(await gather(back.stream({ start: 5 })), bytes.subarray(5))).toBe(0)
      for (const start of [-1, 0.5, Number.NaN]) expect((await failure(() => back.stream({ start }))).code).toBe('INVALID_OPTION')
      const target = join(dir, `copy-${typeof given}`)
      expect(await back.saveTo(target)).toBe(target)
      expect(Buffer.compare(await readFile(target), bytes)).toBe(0)
      expect((await stat(target)).mode & 0o777).toBe(0o751)
      expect((await failure(() => back.saveTo(target))).code).toBe('INVALID_OPTION')
      await writeFile(target, 'other')
      await back.saveTo(target, { overwrite: true })
      expect((await stat(target)).size).toBe(bytes.length)
      // what was read can be kept again
      expect(sha256(await encode(file(), back))).toBe(sha256(bytes))
    }
    expect((await readdir(dir)).filter((name) => name.includes('partial'))).toEqual([])
  })

  test('a place that cannot be written, or a source that fails, leaves nothing behind', async () => {
    const dir = await tempDir()
    await mkdir(join(dir, 'folder'))
    const back = await file().decode(contentOf(utf8('x'), 1, { name: 'x', mode: 0o644 }))
    for (const place of [join(dir, 'folder'), join(dir, 'no', 'such'), join(dir, 'x'.repeat(300)), dir]) {
      expect([place, (await failure(() => back.saveTo(place))).code]).toEqual([place, 'INVALID_OPTION'])
    }
    const broken = await file().decode({
      ...contentOf(utf8('x'), 1, { name: 'x', mode: 0o644 }),
      async *stream() {
        yield utf8('x')
        throw new Error('cable')
      },
    })
    await expect(broken.saveTo(join(dir, 'new'))).rejects.toMatchObject({ message: expect.stringContaining('cable') })
    expect(await readdir(dir)).toEqual(['folder'])
  })

  test('a symbolic link at the place is refused, or replaced: never followed', async () => {
    const dir = await tempDir()
    await writeFile(join(dir, 'precious'), 'precious')
    await symlink('precious', join(dir, 'link'))
    const back = await file().decode(contentOf(utf8('new'), 1, { name: 'x', mode: 0o644 }))
    expect((await failure(() => back.saveTo(join(dir, 'link')))).code).toBe('INVALID_OPTION')
    await back.saveTo(join(dir, 'link'), { overwrite: true })
    expect([await readFile(join(dir, 'precious'), 'utf8'), await readFile(join(dir, 'link'), 'utf8')]).toEqual(['precious', 'new'])
  })

  test('refuses what is no file, and notes of a row that make no sense', async () => {
    const dir = await tempDir()
    await symlink('nowhere', join(dir, 'dangling'))
    await writeFile(join(dir, 'a\\b'), '')
    for (const wrong of [
      join(dir, 'none'),
      dir,
      join(dir, 'dangling'),
      '/dev/null',
      join(dir, 'a\\b'),
      '',
      'a\0b',
      new URL('https://example.org/x'),
      5,
      utf8('x'),
      null,
    ]) {
      expect([wrong, (await failure(() => encode(file(), wrong))).code]).toEqual([wrong, 'INVALID_ARTIFACT'])
    }
    for (const options of [
      {},
      { name: '../x', mode: 1 },
      { name: 'a/b', mode: 1 },
      { name: '..', mode: 1 },
      { name: 'C:x', mode: 1 },
      { name: 'x', mode: 0o7777 },
      { name: 'x', mode: -1 },
      { name: 5, mode: 1 },
    ] as never[])
      expect((await failure(() => file().decode(contentOf(utf8(''), 1, options)))).code).toBe('INVALID_ARTIFACT')
  })

  test('a file that is written to, cut or replaced while it is read is refused', async () => {
    const dir = await tempDir()
    const path = join(dir, 'growing')
    const changes: Record<string, () => Promise<void>> = {
      grown: () => writeFile(path, 'more', { flag: 'a' }),
      cut: () => truncate(path, 5 * MIB),
      written: () => writeFile(path, 'x', { flag: 'r+' }),
      replaced: async () => {
        await writeFile(`${path}2`, Buffer.alloc(6 * MIB))
        await rename(`${path}2`, path)
      },
    }
    for (const [how, change] of Object.entries(changes)) {
      for (const after of [0, 1]) {
        await writeFile(path, Buffer.alloc(6 * MIB))
        const { bytes } = await file().encode(path)
        let chunks = 0
        const error = await failure(async () => {
          if (after === 0) await change()
          for await (const _ of bytes as AsyncIterable<Uint8Array>) if (++chunks === after) await change()
        })
        expect([how, after, error.code, error.message]).toEqual([how, after, 'INVALID_ARTIFACT', expect.stringContaining('changed while')])
      }
    }
  })
})

describe('directory', () => {
  const fill = async (root: string): Promise<void> => {
    await mkdir(join(root, 'b/empty'), { recursive: true })
    await writeFile(join(root, 'a.txt'), 'first')
    await writeFile(join(root, 'b', 'run'), 'second')
    await writeFile(join(root, 'b', 'none'), '')
    await writeFile(join(root, 'ä 😀'), 'third')
    await symlink('../a.txt', join(root, 'b', 'up'))
    await symlink('b', join(root, 'into'))
    await symlink('missing', join(root, 'dangling'))
    await chmod(join(root, 'b', 'run'), 0o755)
    await chmod(join(root, 'a.txt'), 0o600)
    await chmod(join(root, 'b', 'empty'), 0o500)
    await chmod(join(root, 'ä 😀'), 0o444)
  }

  test('everything comes back: contents, permissions, empty folders, links that stay inside', async () => {
    const dir = await tempDir()
    const root = join(dir, 'tree')
    await mkdir(root)
    await fill(root)
    const whole = await encode(directory(), root)
    const back = await open(whole)
    expect(back.entries.map(({ path, type, size }) => `${type} ${path} ${size}`)).toEqual([
      'file a.txt 5',
      'directory b 0',
      'directory b/empty 0',
      'file b/none 0',
      'file b/run 6',
      'link b/up 0',
      'link dangling 0',
      'link into 0',
      'file ä 😀 5',
    ])
    expect([back.size, Buffer.from(await back.read('b/run')).toString(), (await back.read('b/none')).length]).toEqual([16, 'second', 0])
    expect(Buffer.from(await gather(back.stream('ä 😀'))).toString()).toBe('third')
    const missing = await failure(() => back.read('b/rnu'))
    expect([missing.code, missing.message]).toEqual(['NOT_FOUND', expect.stringContaining('b/run')])
    expect((await failure(() => back.read('b'))).code).toBe('NOT_FOUND')
    await back.saveTo(join(dir, 'again'))
    expect(await pictureOf(join(dir, 'again'))).toEqual(await pictureOf(root))
    expect((await stat(join(dir, 'again'))).mode & 0o777).toBe(0o777 & ~process.umask())
    // the same bytes, whoever made it and when
    await utimes(join(dir, 'again', 'a.txt'), 0, 0)
    expect(Buffer.compare(await encode(directory(), join(dir, 'again')), whole)).toBe(0)
    expect((await readdir(dir)).sort()).toEqual(['again', 'tree'])
    await chmod(join(root, 'b', 'empty'), 0o700)
    await chmod(join(dir, 'again', 'b', 'empty'), 0o700)
  })

  test('any tree of files comes back, and equal trees have equal bytes', async () => {
    const { seed } = seededRandom()
    const name = fc
      .string({ unit: fc.constantFrom('a', 'b', '-', '.', ' ', 'ä', '😀'), minLength: 1, maxLength: 3 })
      .filter((text) => pathFault(text) === undefined)
    const files = fc.uniqueArray(fc.tuple(fc.array(name, { minLength: 1, maxLength: 3 }), fc.uint8Array({ maxLength: 40 })), {
      maxLength: 6,
      selector: ([path]) => foldedPath(path.join('/')),
    })
    await fc.assert(
      fc.asyncProperty(files, async (all) => {
        const dir = await tempDir()
        const roots = [join(dir, 'one'), join(dir, 'two')] as const
        for (const [i, root] of roots.entries()) {
          await mkdir(root)
          for (const [path, bytes] of i === 0 ? all : [...all].reverse()) {
            await mkdir(join(root, ...path.slice(0, -1)), { recursive: true }).catch(() => undefined)
            await writeFile(join(root, ...path), bytes).catch(() => undefined)
          }
        }
        // a name may be a file's and a folder's, or fold with another: then there is nothing to compare
        const pictures = [await pictureOf(roots[0]), await pictureOf(roots[1])]
        fc.pre(JSON.stringify(pictures[0]) === JSON.stringify(pictures[1]))
        fc.pre(new Set(Object.keys(pictures[0] ?? {}).map(foldedPath)).size === Object.keys(pictures[0] ?? {}).length)
        const [one, two] = await Promise.all(roots.map((root) => encode(directory(), root)))
        expect(Buffer.compare(one as Uint8Array, two as Uint8Array)).toBe(0)
        await (await open(one as Uint8Array)).saveTo(join(dir, 'back'))
        expect(await pictureOf(join(dir, 'back'))).toEqual(pictures[0])
      }),
      { seed, numRuns: 40 },
    )
  })

  test('refuses links that leave, folded names, sockets, and what is no folder', async () => {
    const dir = await tempDir()
    const refuse = async (how: string, make: (root: string) => Promise<unknown>): Promise<void> => {
      const root = join(dir, how.replaceAll(/\W/g, '-'))
      await mkdir(root)
      await make(root)
      const error = await failure(() => encode(directory(), root))
      expect([how, error.code]).toEqual([how, 'INVALID_ARTIFACT'])
    }
    for (const target of ['/etc/passwd', '..', '../x', 'a/../../x', './../x', 'a/..', 'C:\\x', 'a\\b', '.'])
      await refuse(`link ${target}`, (root) => symlink(target, join(root, 'l')))
    await refuse('capitals', async (root) => {
      await writeFile(join(root, 'Readme'), '')
      await writeFile(join(root, 'README'), '')
    })
    await refuse('accents', async (root) => {
      await writeFile(join(root, '\u00e9'), '')
      await writeFile(join(root, 'e\u0301'), '')
    })
    for (const name of ['a\\b', 'C:x']) await refuse(`name ${name}`, (root) => writeFile(join(root, name), ''))
    const server = createServer()
    await refuse('socket', (root) => new Promise<void>((done) => server.listen(join(root, 's'), done)))
    await new Promise((done) => server.close(done))
    for (const wrong of [join(dir, 'none'), '/dev/null', 5, null, ''])
      expect((await failure(() => encode(directory(), wrong))).code).toBe('INVALID_ARTIFACT')
  })

  test('a link that takes a file’s place, and any other change meanwhile, is refused', async () => {
    const dir = await tempDir()
    const root = join(dir, 'tree')
    const outside = join(dir, 'outside')
    await writeFile(outside, Buffer.alloc(10))
    const changes: Record<string, () => Promise<void>> = {
      linked: async () => {
        await rm(join(root, 'z'))
        await symlink(outside, join(root, 'z'))
      },
      hardlinked: async () => {
        await rm(join(root, 'z'))
        await link(outside, join(root, 'z'))
      },
      folder: async () => {
        await rm(join(root, 'z'))
        await mkdir(join(root, 'z'))
      },
      gone: () => rm(join(root, 'z')),
      added: () => writeFile(join(root, 'new'), ''),
      mode: () => chmod(join(root, 'a'), 0o600),
      written: () => writeFile(join(root, 'a'), Buffer.alloc(2 * MIB, 1)),
      emptied: () => rm(join(root, 'd'), { recursive: true }),
    }
    for (const [how, change] of Object.entries(changes)) {
      await rm(root, { recursive: true, force: true })
      await mkdir(join(root, 'd'), { recursive: true })
      await writeFile(join(root, 'a'), Buffer.alloc(2 * MIB))
      await writeFile(join(root, 'z'), Buffer.alloc(10))
      const { bytes } = await directory().encode(root)
      let chunks = 0
      const error = await failure(async () => {
        for await (const _ of bytes as AsyncIterable<Uint8Array>) if (++chunks === 1) await change()
      })
      expect([how, error.code]).toEqual([how, 'INVALID_ARTIFACT'])
    }
  })

  const body = 'EVIL'
  const evil: [string, readonly Partial<DirectoryEntry>[]][] = [
    ...['../evil', '/tmp/evil', 'a/../../evil', 'C:/evil', 'C:evil', '..\\evil', 'a\0b', '.', '', 'a//b', './evil', '\ud800'].map(
      (path): [string, Partial<DirectoryEntry>[]] => [`path ${JSON.stringify(path)}`, [{ path, size: 4 }]],
    ),
    ['a file in a folder that is not there', [{ path: 'd/evil', size: 4 }]],
    [
      'a file below a file',
      [
        { path: 'd', size: 0 },
        { path: 'd/evil', size: 4 },
      ],
    ],
    [
      'a file below a link',
      [
        { path: 'd', type: 'link', target: 'x' },
        { path: 'd/evil', size: 4 },
      ],
    ],
    [
      'a path twice',
      [
        { path: 'evil', size: 0 },
        { path: 'evil', size: 4 },
      ],
    ],
    [
      'a link and a file of its name',
      [
        { path: 'evil', type: 'link', target: 'x' },
        { path: 'evil', size: 4 },
      ],
    ],
    [
      'paths that fold',
      [
        { path: 'evil', size: 0 },
        { path: 'EVIL', size: 4 },
      ],
    ],
    [
      'links that leave',
      [
        { path: 'l', type: 'link', target: '../evil' },
        { path: 'e', size: 4 },
      ],
    ],
    [
      'absolute links',
      [
        { path: 'l', type: 'link', target: '/etc' },
        { path: 'e', size: 4 },
      ],
    ],
    [
      'links that leave by way of others',
      [
        { path: 'd', type: 'directory' },
        { path: 'd/l', type: 'link', target: 'x/../../..' },
        { path: 'e', size: 4 },
      ],
    ],
    ['sizes that are too small', [{ path: 'e', size: 3 }]],
    ['sizes that are too large', [{ path: 'e', size: 5 }]],
    [
      'negative sizes',
      [
        { path: 'e', size: -4 },
        { path: 'f', size: 8 },
      ],
    ],
    ['fractions', [{ path: 'e', size: 4.5 }]],
    ['setuid', [{ path: 'e', size: 4, mode: 0o4755 }]],
  ]
  test.each(evil)('refuses %s, and writes nothing anywhere', async (_, entries) => {
    const dir = await tempDir()
    await mkdir(join(dir, 'inner'))
    const error = await failure(async () => (await open(forged(entries, body))).saveTo(join(dir, 'inner', 'out')))
    expect(error.code).toBe('INVALID_ARTIFACT')
    expect(await readdir(dir, { recursive: true })).toEqual(['inner'])
  })

  test('refuses heads that are damaged or endless', async () => {
    for (const head of [
      '',
      'x',
      'persistables-directory 1 5',
      'persistables-directory 2 3\n[]\n',
      'persistables-directory 1 999999999\n',
      'persistables-directory 1 2\n[]x',
      'persistables-directory 1 2\n{}\n',
      'persistables-directory 1 1\n[\n',
      'persistables-directory 1 6\n[[5]]\n\n',
      'x'.repeat(5000),
      'persistables-directory 1 -1\n',
    ])
      expect([head.slice(0, 40), (await failure(() => open(utf8(head)))).code]).toEqual([head.slice(0, 40), 'INVALID_ARTIFACT'])
  })

  test('a place that is taken is left alone; a failure midway leaves nothing', async () => {
    const dir = await tempDir()
    const whole = forged(
      [
        { path: 'd', type: 'directory', mode: 0o500 },
        { path: 'd/e', size: 4 },
      ],
      body,
    )
    await mkdir(join(dir, 'full'))
    await writeFile(join(dir, 'full', 'x'), '')
    await writeFile(join(dir, 'file'), '')
    await symlink('full', join(dir, 'link'))
    await mkdir(join(dir, 'empty'))
    const back = await open(whole)
    for (const place of ['full', 'file', 'link', 'no/such'])
      expect([place, (await failure(() => back.saveTo(join(dir, place)))).code]).toEqual([place, 'INVALID_OPTION'])
    await back.saveTo(join(dir, 'empty'))
    expect(await readFile(join(dir, 'empty', 'd', 'e'), 'utf8')).toBe(body)
    const content = contentOf(whole, 10)
    let reads = 0
    const broken = await directory().decode({
      ...content,
      async *stream(options) {
        reads++
        for await (const chunk of content.stream(options)) {
          yield chunk
          if (reads > 1 && chunk.includes(0x56)) throw new Error('cable')
        }
      },
    })
    await expect(broken.saveTo(join(dir, 'never'))).rejects.toMatchObject({ message: expect.stringContaining('cable') })
    expect((await readdir(dir)).sort()).toEqual(['empty', 'file', 'full', 'link'])
    await chmod(join(dir, 'empty', 'd'), 0o700)
  })

  test('which links stay inside', () => {
    for (const [path, target] of [
      ['l', 'a'],
      ['l', 'a/b'],
      ['d/l', '..'],
      ['d/l', '../a'],
      ['d/e/l', '../../a/b'],
    ] as const)
      expect([path, target, linkFault(path, target)]).toEqual([path, target, undefined])
    for (const [path, target] of [
      ['l', '..'],
      ['l', '../a'],
      ['d/l', '../..'],
      ['d/l', '../../a'],
      ['d/l', 'a/..'],
      ['l', 'a/./b'],
      ['l', ''],
      ['l', '/'],
      ['l', 5],
    ] as const)
      expect([path, target, typeof linkFault(path, target)]).toEqual([path, target, 'string'])
  })
})

class Report extends persistable('Report', {
  artifacts: {
    paper: source(file().to('disk'), gzip(file()).to('backup')),
    run: artifact(directory().to('disk'), directory().to('backup')),
  },
}) {}

class Kept extends persistable('Kept', { artifacts: { weights: artifact(file().to('disk')), run: artifact(directory().to('disk')) } }) {}

onEveryProvider((make) => {
  test('files and folders that did not change are hashed, and no byte of them is written anywhere', async () => {
    const registry = await make()
    const written: string[] = []
    const files = through(nodeFiles, {
      async create(path) {
        const file = await nodeFiles.create(path)
        return {
          ...file,
          async write(bytes, position) {
            written.push(path)
            await file.write(bytes, position)
          },
        }
      },
    })
    const store = diskStoreOn(files, join(registry.folder, 'files'))
    const repo = await registry.open({ types: [Kept], stores: [store] })
    const dir = await tempDir()
    const bytes = seededRandom().bytes(5 * MIB + 1)
    const [weights, run] = [join(dir, 'weights'), join(dir, 'run')]
    await mkdir(run)
    await writeFile(weights, bytes)
    await writeFile(join(run, 'log'), bytes)
    const save = async () => (await repo.save(new Kept({ artifacts: { weights, run } }))).filepaths
    const before = await save()
    expect(written.length).toBeGreaterThan(0)

    written.length = 0
    expect(await save()).toEqual(before)
    expect(written).toEqual([])

    // the bytes are gone from the store: they are written from the file, which still has them
    const digest = before['weights']?.['disk_file']?.digest as string
    expect(await store.delete(digest)).toBe(true)
    expect(await save()).toEqual(before)
    expect(written.length).toBeGreaterThan(0)
    for await (const finding of repo.verify()) expect(finding.kind).toBe('ok')

    // as long as before, and another one from its last chunk on
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1
    await writeFile(weights, bytes)
    const after = await save()
    expect([after['run'], after['weights']?.['disk_file']?.digest]).toEqual([before['run'], sha256(bytes)])
    const loaded = await repo.load(Kept, 'default')
    expect(Buffer.compare(await (await loaded.artifact('weights')).bytes(), bytes)).toBe(0)
  })

  test('whatever a row says of an earlier version, the next one is saved; and progress does not go back where it differs late', async () => {
    const registry = await make()
    const repo = await registry.open({ types: [Kept] })
    const dir = await tempDir()
    const bytes = seededRandom().bytes(4 * MIB + 1)
    const [weights, run] = [join(dir, 'weights'), join(dir, 'run')]
    await mkdir(run)
    await writeFile(weights, bytes)
    const { filepaths } = await repo.save(new Kept({ artifacts: { weights, run } }))
    const record = filepaths['weights']?.['disk_file']
    for (const odd of [
      7,
      { disk_file: null },
      { disk_file: { ...record, wrappers: undefined } },
      { disk_file: { ...record, wrappers: 5 } },
      { disk_file: { ...record, store: {} } },
      { disk_file: { ...record, chunks: { ...record?.chunks, digest: '../../etc/passwd' } } },
      { disk_file: { ...record, chunks: { ...record?.chunks, size: -1 } } },
      { disk_file: { ...record, chunks: 'none' } },
    ]) {
      const db = rawOf(repo.client)
      const text = JSON.stringify({ ...filepaths, weights: odd })
      await atomically(db, [db.$queryRawUnsafe(`UPDATE persistables SET filepaths = '${text}' RETURNING id`)])
      expect((await repo.save(new Kept({ artifacts: { weights, run } }))).filepaths).toEqual(filepaths)
    }

    bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1
    await writeFile(weights, bytes)
    const told: number[] = []
    await repo.save(new Kept({ artifacts: { weights, run } }), {
      onProgress: ({ phase, artifact, done }) => void (phase === 'encode' && artifact === 'weights' && told.push(done)),
    })
    expect(told).toEqual([...told].sort((a, b) => a - b))
    expect(told.at(-1)).toBe(bytes.length)
  })

  test('a file that is written to between its hashing and its writing is the value’s fault, not the store’s', async () => {
    const registry = await make()
    const repo = await registry.open({ types: [Kept] })
    const dir = await tempDir()
    const bytes = seededRandom().bytes(2 * MIB + 1)
    const [weights, run] = [join(dir, 'weights'), join(dir, 'run')]
    await mkdir(run)
    await writeFile(weights, bytes)
    const { filepaths } = await repo.save(new Kept({ artifacts: { weights, run } }))
    expect(await repo.stores.get('disk')?.delete(String(filepaths['weights']?.['disk_file']?.digest))).toBe(true)
    const saving = repo.save(new Kept({ artifacts: { weights, run } }), {
      onProgress: ({ phase, artifact, done }) => {
        if (phase === 'encode' && artifact === 'weights' && done === bytes.length) utimesSync(weights, 1, 1)
      },
    })
    await expect(saving).rejects.toMatchObject({ code: 'INVALID_ARTIFACT', message: expect.stringContaining(weights) })
    expect(await repo.count(Kept)).toBe(1)
  })

  test('files and folders through a registry: damage is met where they are read, and another pattern goes on', async () => {
    const registry = await make()
    const backup = diskStore(join(registry.folder, 'backup'), { name: 'backup' })
    const repo = await registry.open({ types: [Report], stores: [diskStore(join(registry.folder, 'files')), backup] })
    const dir = await tempDir()
    const bytes = seededRandom().bytes(3 * MIB + 1)
    await writeFile(join(dir, 'paper.pdf'), bytes)
    await mkdir(join(dir, 'run', 'logs'), { recursive: true })
    await writeFile(join(dir, 'run', 'weights'), bytes)
    await writeFile(join(dir, 'run', 'logs', 'a.log'), 'log')
    const saved = await repo.save(new Report({ artifacts: { paper: join(dir, 'paper.pdf'), run: join(dir, 'run') } }))
    const { disk_file: plain, 'backup_file-gzip': wrapped } = saved.filepaths['paper'] ?? {}
    expect([plain?.digest, wrapped?.contentDigest, wrapped?.wrappers]).toEqual([sha256(bytes), sha256(bytes), ['gzip']])
    // never a hard link: what becomes of the original is no concern of the store's
    expect((await stat(join(dir, 'paper.pdf'))).nlink).toBe(1)
    await writeFile(join(dir, 'paper.pdf'), 'gone')
    const loaded = await repo.load(Report, 'default')
    const paper: ArtifactFile = await loaded.artifact('paper')
    const run = await loaded.artifact('run')
    expect([paper.name, paper.size]).toEqual(['paper.pdf', bytes.length])
    expect(Buffer.from(await run.read('logs/a.log')).toString()).toBe('log')
    // damaged behind the first chunk, after the value was handed over
    for (const record of [plain, saved.filepaths['run']?.['disk_directory']]) {
      const digest = record?.digest as string
      const path = join(registry.folder, 'files', 'sha256', digest.slice(0, 2), digest.slice(2, 4), digest.slice(4))
      const damaged = await readFile(path)
      damaged[2 * MIB + 5] = (damaged[2 * MIB + 5] as number) ^ 1
      await rm(path)
      await writeFile(path, damaged)
    }
    registry.warnings.length = 0
    const reason = new Error('enough')
    expect(await failure(() => paper.saveTo(join(dir, 'back.pdf'), { signal: AbortSignal.abort(reason) }))).toBe(reason)
    expect(await failure(() => run.saveTo(join(dir, 'back'), { signal: AbortSignal.abort(reason) }))).toBe(reason)
    await paper.saveTo(join(dir, 'back.pdf'))
    expect(Buffer.compare(await readFile(join(dir, 'back.pdf')), bytes)).toBe(0)
    expect(registry.warnings).toEqual([expect.stringMatching(/backup_file-gzip, because disk_file: .*damaged/)])
    await run.saveTo(join(dir, 'back'))
    expect(Buffer.compare(await readFile(join(dir, 'back', 'weights')), bytes)).toBe(0)
    expect(Buffer.compare(await run.read('weights'), bytes)).toBe(0)
    for await (const { digest } of backup.list()) await backup.delete(digest)
    await rm(join(dir, 'back.pdf'))
    expect((await failure(() => paper.saveTo(join(dir, 'back.pdf')))).code).toBe('ARTIFACT_UNREADABLE')
    expect((await failure(() => run.saveTo(join(dir, 'never')))).code).toBe('ARTIFACT_UNREADABLE')
    expect((await readdir(dir)).sort()).toEqual(['back', 'paper.pdf', 'run'])
  })

  test('a file is cloned where the file system can, and its clone is what is hashed', async () => {
    const registry = await make()
    const clones: string[] = []
    const cloning = {
      ...nodeFiles,
      clone: async (from: string, to: string) => {
        clones.push(from)
        await writeFile(to, await readFile(from), { flag: 'wx', mode: 0o444 })
        return true
      },
    }
    const repo = await registry.open({
      types: [Report],
      stores: [diskStoreOn(cloning, join(registry.folder, 'files')), diskStore(join(registry.folder, 'backup'), { name: 'backup' })],
    })
    const dir = await tempDir()
    await mkdir(join(dir, 'run'))
    const path = join(dir, 'paper.pdf')
    const bytes = seededRandom().bytes(2 * MIB)
    await writeFile(path, bytes)
    const saved = await repo.save(new Report({ artifacts: { paper: path, run: join(dir, 'run') } }))
    expect(clones).toEqual([path])
    expect(saved.filepaths['paper']?.['disk_file']).toMatchObject({ digest: sha256(bytes), size: bytes.length, chunks: { size: 8 } })
    expect(Buffer.compare(await (await (await repo.load(Report, 'default')).artifact('paper')).bytes(), bytes)).toBe(0)
    expect(await readdir(join(registry.folder, 'files', 'tmp'))).toEqual([])
  })
})
