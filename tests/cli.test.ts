import { spawn, spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { MIGRATIONS } from '../generated/migrations'
import { EXIT_CODES } from '../src/cli/exit'
import { bar } from '../src/cli/progress'
import { size } from '../src/cli/render'
import { artifact, bytes, diskStore, json, openRepository, persistable, type Repository, source, typed } from '../src/index'
import { persistables } from './cli-run'
import { createDatabase } from './postgres'
import { tempDir } from './support'

class Dataset extends persistable('Dataset', {
  config: typed<{ url: string; since?: Date }>(),
  artifacts: { rows: source(json().to('disk'), json().to('spare')), image: artifact(bytes().to('disk')) },
}) {}
class Metric extends persistable('Metric', { config: typed<{ k: number }>(), state: typed<{ note?: string }>(), parents: { dataset: Dataset } }) {}
class Clash extends persistable('Clash', {}) {}

const IMAGE = Buffer.alloc(2_500_000, Buffer.from([0, 255, 10, 13, 128]))
const ROWS = [{ a: 1 }, { a: 2 }]
const CONFIG = `const { diskStore } = require(${JSON.stringify(join(__dirname, '../dist/src/index.js'))})
module.exports = { stores: [diskStore(__dirname + '/.persistables/files'), diskStore(__dirname + '/spare', { name: 'spare' })] }`

const open = (cwd: string): Promise<Repository> =>
  openRepository({
    cwd,
    types: [Dataset, Metric, Clash],
    stores: [diskStore(join(cwd, '.persistables/files')), diskStore(join(cwd, 'spare'), { name: 'spare' })],
    author: 'jane',
  })

/** A folder with a package.json and nothing else. */
const emptyProject = async (): Promise<string> => {
  const cwd = await tempDir()
  writeFileSync(join(cwd, 'package.json'), '{"name":"app"}')
  return cwd
}

/** Dataset/iris@1 and @2, Metric/acc@1 (whose parent is iris@1), Clash/iris@1. */
const seeded = async (): Promise<{ cwd: string; iris: { id: string; hash: string } }> => {
  const cwd = await emptyProject()
  writeFileSync(join(cwd, 'persistables.config.cjs'), CONFIG)
  const repo = await open(cwd)
  const iris = await repo.save(
    new Dataset({ name: 'iris', config: { url: 'a', since: new Date(0) }, tags: { stage: 'ok' }, artifacts: { rows: ROWS, image: IMAGE } }),
  )
  await repo.save(new Dataset({ name: 'iris', config: { url: 'b' }, artifacts: { rows: [], image: IMAGE } }))
  await repo.save(
    new Metric({
      name: 'acc',
      config: { k: 1 },
      parents: { dataset: iris },
      tags: { evil: 'red\u001b[31m\u202e' },
      versionDescription: 'two\nlines\u0007',
    }),
  )
  await repo.save(new Clash({ name: 'iris', author: 'joe@example.org' }))
  await repo.close()
  return { cwd, iris: { id: iris.id, hash: iris.hash } }
}

const places = async (cwd: string, ref: string, name: string): Promise<string[]> =>
  (await persistables({ cwd }, 'show', ref, '--json')).json().artifacts[name].patterns.map((pattern: { location: string }) => pattern.location)

const damage = (path: string): void => {
  const content = readFileSync(path)
  content[0] = (content[0] as number) ^ 1
  writeFileSync(path, content)
}

describe('usage', () => {
  const cwd = __dirname

  test('without a command the help is on stderr, and the exit code 2', async () => {
    const { code, out, err } = await persistables({ cwd }, ...[])
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain('Usage: persistables <command>')
  })

  test('--help names every exit code, setting and command, and every command has examples and says what --json gives', async () => {
    const { code, out } = await persistables({ cwd }, '--help')
    expect(code).toBe(0)
    for (const [exit, means] of Object.entries(EXIT_CODES)) expect(out).toContain(`  ${exit}  ${means}`)
    for (const word of ['PERSISTABLES_URL', 'PERSISTABLES_PROJECT', 'PERSISTABLES_CONFIG', 'PERSISTABLES_DEBUG', 'DATABASE_URL', 'NO_COLOR'])
      expect(out).toContain(word)
    for (const command of ['ls', 'show', 'versions', 'get', 'migrate', 'doctor']) {
      const help = await persistables({ cwd }, command, '--help')
      expect(help.code).toBe(0)
      expect(help.out).toContain(`$ persistables ${command}`)
      expect(help.out).toContain('--json')
      expect(out).toContain(`  ${command}`)
    }
  })

  test('--version is that of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(__dirname, '../package.json'), 'utf8'))
    expect((await persistables({ cwd }, '--version')).out).toBe(`${version}\n`)
  })

  test.each([
    [['lss'], /Unknown command 'lss'\. Did you mean ls\?/],
    [['ls', '--taek', '3'], /Unknown option '--taek'\. Did you mean --take\?.*persistables ls --help/],
    [['show'], /Missing required argument 'ref'/],
    [['ls', 'a', 'b'], /Too many arguments/],
    [['ls', '--take', '0'], /'0' is invalid\. Write a whole number of at least 1/],
    [['ls', '--take', '1e3'], /whole number/],
    [['ls', '--tag', 'stage'], /Write key=value/],
    [['ls', '--tag', 'a=1', '--tag', 'a=2'], /given twice/],
    [['ls', '--since', 'yesterday'], /ISO time/],
    [['ls', '--where', '{a'], /Write conditions as JSON/],
    [['ls', '--where', '{"a":{"$":"dat"}}'], /unknown tag/],
    [['ls', '--since', '2026-02-31T00:00:00+99:99'], /ISO time/],
    [['ls', 'Dataset', '--type', 'Metric'], /Two types are given/],
    [['ls', 'Dataset/iris'], /versions Dataset\/iris/],
    [['migrate', '--status', '--dry-run'], /two questions/],
  ])('%j is wrong usage: 2, one line, no stack', async (argv, message) => {
    const { code, out, err } = await persistables({ cwd: await emptyProject() }, ...argv)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(message)
    expect(err).toMatch(/^error: .*\n$/)
  })

  test('with --json an error is one line of JSON on stderr, stdout stays empty', async () => {
    for (const argv of [['--json'], ['lss', '--json'], ['--json', 'ls', '--taek'], ['get', 'a/b', 'c', '--json']]) {
      const answer = await persistables({ cwd }, ...argv)
      expect({ code: answer.code, out: answer.out, lines: answer.err.trim().split('\n').length }).toEqual({ code: 2, out: '', lines: 1 })
      expect(Object.keys(answer.error())).toEqual(['code', 'message', 'fix', 'details'])
      expect(answer.error().code).toBe('USAGE')
    }
  })
})

describe('no registry yet', () => {
  test.each([['ls'], ['show a/b'], ['versions a/b'], ['get a/b c'], ['get a/b c -o out'], ['migrate --status'], ['migrate --dry-run'], ['doctor']])(
    '%s makes no file and no folder',
    async (line) => {
      const cwd = await emptyProject()
      const { code, err } = await persistables({ cwd }, ...line.split(' '))
      expect(code).toBe(line === 'doctor' ? 1 : line === 'migrate --dry-run' ? 0 : 5)
      if (code === 5 && line !== 'migrate --status') expect(err).toMatch(/There is no database file:.*registry\.db\. Run `npx persistables migrate`/)
      expect(readdirSync(cwd)).toEqual(['package.json'])
    },
  )

  test('the error of --json', async () => {
    const { code, error } = await persistables({ cwd: await emptyProject() }, 'ls', '--json')
    expect(code).toBe(5)
    expect(error()).toMatchObject({ code: 'SCHEMA_MISSING', fix: expect.stringContaining('migrate') })
  })

  test('migrate makes it; then everything works on an empty registry', async () => {
    const cwd = await emptyProject()
    const first = await persistables({ cwd }, 'migrate', '--json')
    expect(first.json()).toMatchObject({ applied: MIGRATIONS.sqlite.map(({ name }) => name), pending: [], backup: null, dryRun: false })
    expect((await persistables({ cwd }, 'migrate')).out).toMatch(/is up to date/)
    expect((await persistables({ cwd }, 'migrate', '--status')).code).toBe(0)
    expect((await persistables({ cwd }, 'ls')).out).toBe('Nothing matches.\n')
    const { code, err } = await persistables({ cwd }, 'show', 'iris')
    expect(code).toBe(3)
    expect(err).toMatch(/empty/)
  })

  test('a database of another application is refused and not touched', async () => {
    const cwd = await emptyProject()
    const file = join(cwd, 'other.db')
    const { PrismaBetterSqlite3 } = await import('@prisma/adapter-better-sqlite3')
    const driver = await new PrismaBetterSqlite3({ url: `file:${file}` }).connect()
    await driver.executeScript('CREATE TABLE orders (id INTEGER)')
    await driver.dispose()
    const before = readFileSync(file)
    for (const line of ['ls', 'migrate', 'migrate --dry-run', 'migrate --status'])
      expect((await persistables({ cwd }, ...line.split(' '), '--url', `file:${file}`)).code).toBe(5)
    expect((await persistables({ cwd }, 'ls', '--json', '--url', `file:${file}`)).error().code).toBe('SCHEMA_FOREIGN')
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  test('a file that is no database', async () => {
    const cwd = await emptyProject()
    writeFileSync(join(cwd, 'a.db'), 'not a database, by any means. '.repeat(100))
    const { code, err } = await persistables({ cwd }, 'ls', '--url', 'file:a.db')
    expect(code).toBe(1)
    expect(err).toMatch(/^error: The database failed/)
  })
})

describe('reading', () => {
  let cwd: string
  let iris: { id: string; hash: string }
  beforeAll(async () => ({ cwd, iris } = await seeded()))

  describe('ls', () => {
    test('is a table, newest first, without colours or control characters', async () => {
      const { code, out, err } = await persistables({ cwd }, 'ls')
      const lines = out.split('\n')
      expect({ code, err }).toEqual({ code: 0, err: '' })
      expect(lines[0]).toMatch(/^VERSION +HASH +CREATED +AUTHOR +ARTIFACTS +TAGS$/)
      expect(lines[1]).toMatch(/^Clash\/iris@1 .* joe@example.org$/)
      expect(lines[2]).toMatch(/^Metric\/acc@1 .* evil=red\\u\{1b\}\[31m\\u\{202e\}$/)
      expect(lines[3]).toMatch(/^Dataset\/iris@2 +[0-9a-f]{10} +\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ +jane +image 2\.5 MB disk_bytes$/)
      expect(lines[4]).toMatch(/^ +rows 2 B disk_json, spare_json$/)
      expect(out).toMatch(/\n4 versions\n$/)
    })

    test('a terminal gets colours, unless NO_COLOR or --no-color', async () => {
      const bold = '\u001b[1m'
      expect((await persistables({ cwd, tty: true }, 'ls')).out).toContain(bold)
      expect((await persistables({ cwd, tty: true, env: { NO_COLOR: '1' } }, 'ls')).out).not.toContain('\u001b')
      expect((await persistables({ cwd, tty: true }, 'ls', '--no-color')).out).not.toContain('\u001b')
      expect((await persistables({ cwd, tty: true }, 'ls', '--json')).out).not.toContain('\u001b')
    })

    test('--json: items, total, cursor', async () => {
      const { items, total, cursor } = (await persistables({ cwd }, 'ls', '--json')).json()
      expect({ total, cursor }).toEqual({ total: 4, cursor: null })
      const [, , , first] = items
      expect(Object.keys(first)).toEqual(
        'ref id type registeredName project name version versionDescription author hash createdAt modifiedAt tags artifacts'.split(' '),
      )
      expect(first).toMatchObject({ ref: 'Dataset/iris@1', ...iris, version: 1, author: 'jane', tags: { stage: 'ok' } })
      expect(Object.keys(first.artifacts)).toEqual(['image', 'rows'])
      expect(first.artifacts.rows).toMatchObject({
        source: true,
        patterns: [
          { pattern: 'disk_json', store: 'disk' },
          { pattern: 'spare_json', store: 'spare' },
        ],
      })
      expect(first.artifacts.image).toMatchObject({ source: false, contentSize: IMAGE.length })
    })

    const refs = async (...argv: string[]): Promise<string[]> =>
      (await persistables({ cwd }, 'ls', '--json', ...argv)).json().items.map((item: { ref: string }) => item.ref)

    test('filters and order', async () => {
      expect(await refs('Dataset')).toEqual(['Dataset/iris@2', 'Dataset/iris@1'])
      expect(await refs('--type', 'Dataset', '--latest')).toEqual(['Dataset/iris@2'])
      expect(await refs('--name', 'acc')).toEqual(['Metric/acc@1'])
      expect(await refs('--author', 'joe@example.org')).toEqual(['Clash/iris@1'])
      expect(await refs('--tag', 'stage=ok')).toEqual(['Dataset/iris@1'])
      expect(await refs('--tag', 'stage=ok', '--tag', 'a=')).toEqual([])
      expect(await refs('--order', 'type')).toEqual([
        'Clash/iris@1',
        expect.stringMatching(/^Dataset/),
        expect.stringMatching(/^Dataset/),
        'Metric/acc@1',
      ])
      expect(await refs('Dataset', '--order', 'version:asc')).toEqual(['Dataset/iris@1', 'Dataset/iris@2'])
      expect(await refs('--since', '2020-01-01')).toHaveLength(4)
      expect(await refs('--until', '2020-01-01T00:00')).toHaveLength(0)
      expect(await refs('--project', 'other')).toEqual([])
      expect(await refs('--where', '{"name":{"startsWith":"ir"},"NOT":{"tags":{"stage":"ok"}}}', '--author', 'jane')).toEqual(['Dataset/iris@2'])
      expect(await refs('--where', '{"createdAt":{"lt":{"$":"date","v":"2020-01-01T00:00:00.000Z"}}}')).toEqual([])
      expect(await refs('--where', '{"config":{"none":{"exists":false}}}')).toHaveLength(4)
    })

    test('pages end where the next begins, and say so', async () => {
      const first = await persistables({ cwd }, 'ls', '--take', '3')
      const [, cursor = ''] = /3 of 4 versions; the next page: --cursor (\S+)\n$/.exec(first.out) ?? []
      expect(await refs('--cursor', cursor)).toEqual(['Dataset/iris@1'])
      expect(await refs('--take', '1', '--all')).toHaveLength(4)
      expect((await persistables({ cwd }, 'ls', '--cursor', 'x')).code).toBe(2)
      expect((await persistables({ cwd }, 'ls', '--order', 'size')).err).toMatch(/no order by "size"/)
    })

    test('a type that is not there: nothing, and what was meant', async () => {
      const { code, out, err } = await persistables({ cwd }, 'ls', 'Datset')
      expect({ code, out }).toEqual({ code: 0, out: 'Nothing matches.\n' })
      expect(err).toMatch(/no Datset .* Did you mean "Dataset"\?/)
    })
  })

  describe('show', () => {
    test('everything about a version', async () => {
      const { code, out } = await persistables({ cwd }, 'show', 'Dataset/iris@1')
      expect(code).toBe(0)
      for (const text of [
        'Dataset/iris@1',
        iris.id,
        iris.hash,
        "{ since: 1970-01-01T00:00:00.000Z, url: 'a' }",
        'stage=ok',
        'node ',
        'rows (source)',
        'disk_bytes  2.5 MB  sha256:',
      ])
        expect(out).toContain(text)
      const [disk, spare] = await places(cwd, 'Dataset/iris@1', 'rows')
      expect(out).toContain(disk)
      expect(spare?.startsWith(join(cwd, 'spare'))).toBe(true)
    })

    test('--json: config and state as stored, parents, artifacts with their places', async () => {
      const shown = (await persistables({ cwd }, 'show', 'acc', '--json')).json()
      expect(shown).toMatchObject({
        ref: 'Metric/acc@1',
        config: { k: 1 },
        state: {},
        aliases: [],
        parents: { dataset: [{ ref: 'Dataset/iris@1', ...iris }] },
        artifacts: {},
        libraryVersions: { node: process.versions.node },
      })
      expect((await persistables({ cwd }, 'show', iris.id, '--json')).json().config.since).toEqual({ $: 'date', v: '1970-01-01T00:00:00.000Z' })
    })

    test('a description keeps its lines and nothing that moves the cursor', async () => {
      const { out } = await persistables({ cwd }, 'show', 'Metric/acc')
      expect(out).toMatch(/two\n +lines\\u\{7\}/)
      expect(out).toContain('dataset: Dataset/iris@1')
    })

    test('a store that is not configured', async () => {
      const { code, out } = await persistables(
        { cwd: await tempDir() },
        'show',
        'Dataset/iris',
        '--url',
        `file:${join(cwd, '.persistables/registry.db')}`,
      )
      expect(code).toBe(0)
      expect(out).toContain('the store "spare" is not configured here')
    })

    test.each([
      ['iris', 2, /used by 2 types.*"Clash\/iris" or "Dataset\/iris"/],
      ['iris@7', 2, /"Clash\/iris@7" or "Dataset\/iris@7"/],
      ['irs', 3, /Did you mean "(Clash|Dataset)\/iris"/],
      ['Datset/iris', 3, /no Datset "iris".*"Dataset\/iris"/],
      ['Dataset/acc', 3, /Did you mean "Metric\/acc"/],
      ['Dataset/iris@7', 3, /version 7\. The latest is 2/],
      ['Dataset/iris@prod', 3, /alias "prod"/],
      ['Dataset/iris@0', 2, /versions begin at 1/],
      ['a/b/c', 2, /more than one \//],
      ['00000000-0000-4000-8000-000000000000', 3, /has the id/],
    ])('%s', async (ref, code, message) => {
      const answer = await persistables({ cwd }, 'show', ref)
      expect(answer.err).toMatch(message)
      expect(answer.code).toBe(code)
    })

    test('the project is named where it is not the default', async () => {
      expect((await persistables({ cwd, env: { PERSISTABLES_PROJECT: 'other' } }, 'show', 'Dataset/iris')).err).toMatch(
        /in the project "other".*project is empty/,
      )
    })
  })

  describe('versions', () => {
    test('of a name, newest first', async () => {
      const { code, out } = await persistables({ cwd }, 'versions', 'Dataset/iris')
      expect(code).toBe(0)
      expect(
        out
          .split('\n')
          .filter((line) => /^\d/.test(line))
          .map((line) => line.slice(0, 1)),
      ).toEqual(['2', '1', '2'])
      expect(out).toMatch(/^Dataset\/iris\nVERSION .*[\s\S]*\n2 versions\n$/)
    })

    test('--json, --take, a bare name', async () => {
      const { type, name, items, total } = (await persistables({ cwd }, 'versions', 'acc', '--json')).json()
      expect({ type, name, total, refs: items.map((item: { ref: string }) => item.ref) }).toEqual({
        type: 'Metric',
        name: 'acc',
        total: 1,
        refs: ['Metric/acc@1'],
      })
      expect((await persistables({ cwd }, 'versions', 'Dataset/iris', '--take', '1')).out).toMatch(/the newest 1 of 2 versions/)
    })

    test('a version, and a name that is not there', async () => {
      expect(await persistables({ cwd }, 'versions', 'Dataset/iris@1')).toMatchObject({
        code: 2,
        err: expect.stringContaining('Write "Dataset/iris"'),
      })
      expect((await persistables({ cwd }, 'versions', 'Dataset/iri')).code).toBe(3)
    })
  })

  describe('get', () => {
    test('to stdout, every byte as it was', async () => {
      const { code, bytes: got, err } = await persistables({ cwd }, 'get', 'Dataset/iris@1', 'image')
      expect({ code, err, equal: got.equals(IMAGE) }).toEqual({ code: 0, err: '', equal: true })
      expect(JSON.parse((await persistables({ cwd }, 'get', iris.id, 'rows', '-o', '-')).out)).toEqual(ROWS)
    })

    test('to a file, and nothing but the file', async () => {
      const folder = await tempDir()
      const path = join(folder, 'a b.bin')
      const answer = await persistables({ cwd }, 'get', 'Dataset/iris@1', 'image', '-o', path, '--json')
      expect(answer.json()).toEqual({
        ref: 'Dataset/iris@1',
        artifact: 'image',
        file: path,
        size: IMAGE.length,
        contentDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
      })
      expect(readFileSync(path).equals(IMAGE)).toBe(true)
      expect(readdirSync(folder)).toEqual(['a b.bin'])
    })

    test('a file that is there is kept without --force', async () => {
      const path = join(await tempDir(), 'out')
      writeFileSync(path, 'mine')
      const { code, err } = await persistables({ cwd }, 'get', 'Dataset/iris', 'rows', '-o', path)
      expect({ code, content: readFileSync(path, 'utf8') }).toEqual({ code: 2, content: 'mine' })
      expect(err).toMatch(/there already\. Pass --force/)
      expect((await persistables({ cwd }, 'get', 'Dataset/iris', 'rows', '-f', '-o', path)).out).toMatch(/2 B, verified/)
      expect(readFileSync(path, 'utf8')).toBe('[]')
    })

    test('a link is followed with --force, and not replaced', async () => {
      const folder = await tempDir()
      writeFileSync(join(folder, 'real'), 'mine')
      symlinkSync('real', join(folder, 'link'))
      expect((await persistables({ cwd }, 'get', 'Dataset/iris', 'rows', '-o', join(folder, 'link'))).code).toBe(2)
      expect((await persistables({ cwd }, 'get', 'Dataset/iris', 'rows', '--force', '-o', join(folder, 'link'))).code).toBe(0)
      expect(lstatSync(join(folder, 'link')).isSymbolicLink()).toBe(true)
      expect(readFileSync(join(folder, 'real'), 'utf8')).toBe('[]')
    })

    test.each([
      ['.', /is a folder/],
      ['/dev/null', /no regular file/],
      ['no/such/folder/out', /There is no folder .*mkdir -p/],
    ])('to %s is refused, even with --force', async (path, message) => {
      expect(await persistables({ cwd }, 'get', 'Dataset/iris', 'rows', '--force', '-o', path)).toMatchObject({
        code: 2,
        err: expect.stringMatching(message),
      })
    })

    test('an artifact that is not there', async () => {
      expect(await persistables({ cwd }, 'get', 'Dataset/iris', 'row')).toMatchObject({
        code: 3,
        err: expect.stringMatching(/Did you mean "rows"\? It has "image", "rows"/),
      })
      expect(await persistables({ cwd }, 'get', 'Dataset/iris', 'constructor')).toMatchObject({ code: 3 })
      expect(await persistables({ cwd }, 'get', 'Metric/acc', 'rows')).toMatchObject({ code: 3, err: expect.stringMatching(/It has none at all/) })
    })

    test('a terminal is spared what is no text, unless it is asked for', async () => {
      expect(await persistables({ cwd, tty: true }, 'get', 'Dataset/iris', 'image')).toMatchObject({ code: 2, out: '' })
      expect((await persistables({ cwd, tty: true }, 'get', 'Dataset/iris', 'image', '-o', '-')).bytes.equals(IMAGE)).toBe(true)
      expect((await persistables({ cwd, tty: true }, 'get', 'Dataset/iris', 'rows')).out).toBe('[]')
    })

    test('a reader that leaves is no failure', async () => {
      expect(await persistables({ cwd, leaveAfter: 1_500_000 }, 'get', 'Dataset/iris', 'image')).toMatchObject({ code: 0, err: '' })
      expect(await persistables({ cwd, leaveAfter: 0 }, 'ls')).toMatchObject({ code: 0, err: '' })
      expect(await persistables({ cwd, leaveAfter: 0 }, '--help')).toMatchObject({ code: 0, err: '' })
    })
  })

  test('without --debug there is no stack, with it there is', async () => {
    expect((await persistables({ cwd }, 'show', 'nope')).err).not.toMatch(/\n\s+at /)
    expect((await persistables({ cwd }, 'show', 'nope', '--debug')).err).toMatch(/\n\s+at .*lookup/)
    expect((await persistables({ cwd, env: { PERSISTABLES_DEBUG: '1' } }, 'show', 'nope')).err).toMatch(/\n\s+at /)
    expect((await persistables({ cwd, env: { PERSISTABLES_DEBUG: '0' } }, 'show', 'nope')).err).not.toMatch(/\n\s+at /)
    expect((await persistables({ cwd }, 'show', 'nope', '--json', '--debug')).err.trim().split('\n')).toHaveLength(1)
  })
})

describe('damage', () => {
  test('is served from the next store, with a warning', async () => {
    const { cwd } = await seeded()
    const [disk = ''] = await places(cwd, 'Dataset/iris@1', 'rows')
    damage(disk)
    const text = await persistables({ cwd }, 'get', 'Dataset/iris@1', 'rows')
    expect(text).toMatchObject({ code: 0, err: expect.stringMatching(/^warning: .*read by spare_json/) })
    expect(JSON.parse(text.out)).toEqual(ROWS)
    const { err, code } = await persistables({ cwd }, 'get', 'Dataset/iris@1', 'rows', '-o', 'out', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(err).warning.details).toMatchObject({ served: 'spare_json' })
  })

  test('in every store is exit code 4, with every attempt, and no file', async () => {
    const { cwd } = await seeded()
    for (const place of await places(cwd, 'Dataset/iris@1', 'rows')) damage(place)
    const before = readdirSync(cwd)
    const { code, error, out } = await persistables({ cwd }, 'get', 'Dataset/iris@1', 'rows', '-o', 'out', '--json')
    expect({ code, out }).toEqual({ code: 4, out: '' })
    expect(error()).toMatchObject({ code: 'ARTIFACT_UNREADABLE', details: { attempts: [{ pattern: 'disk_json' }, { pattern: 'spare_json' }] } })
    expect(readdirSync(cwd)).toEqual(before)
    expect((await persistables({ cwd }, 'get', 'Dataset/iris@1', 'rows')).out).toBe('')
  })

  test('far into a large artifact: what was printed before is intact, and the exit code 4', async () => {
    const { cwd } = await seeded()
    const [place = ''] = await places(cwd, 'Dataset/iris@1', 'image')
    const content = readFileSync(place)
    content[content.length - 1] = 7
    writeFileSync(place, content)
    const { code, bytes: got, err } = await persistables({ cwd }, 'get', 'Dataset/iris@1', 'image')
    expect(code).toBe(4)
    expect(got.length).toBeGreaterThan(0)
    expect(got.equals(IMAGE.subarray(0, got.length))).toBe(true)
    expect(err).toContain(`Only the first ${got.length} bytes were written`)
  })
})

describe('settings', () => {
  const url = async (cwd: string, env: Record<string, string>, ...argv: string[]): Promise<string> =>
    (await persistables({ cwd, env }, 'migrate', '--dry-run', '--json', ...argv)).json().url

  test('flag, environment, file, default; relative to where they were written', async () => {
    const cwd = await emptyProject()
    const inner = join(cwd, 'inner')
    mkdirSync(inner)
    expect(await url(inner, { DATABASE_URL: 'postgresql://x' })).toBe(`file:${cwd}/.persistables/registry.db`)
    writeFileSync(join(cwd, 'persistables.config.mjs'), "export default { url: 'file:./of-file.db' }")
    expect(await url(inner, {})).toBe(`file:${cwd}/of-file.db`)
    expect(await url(inner, { PERSISTABLES_URL: '' })).toBe(`file:${cwd}/of-file.db`)
    expect(await url(inner, { PERSISTABLES_URL: 'file:./of-env.db' })).toBe(`file:${inner}/of-env.db`)
    expect(await url(inner, { PERSISTABLES_URL: 'file:./of-env.db' }, '--url', 'file:./of-flag.db')).toBe(`file:${inner}/of-flag.db`)
    writeFileSync(join(inner, 'mine.cjs'), "module.exports = async () => ({ url: 'file:./of-mine.db' })")
    expect(await url(cwd, {}, '--config', 'inner/mine.cjs')).toBe(`file:${inner}/of-mine.db`)
    expect(await url(cwd, { PERSISTABLES_CONFIG: 'inner/mine.cjs' })).toBe(`file:${inner}/of-mine.db`)
  })

  test('a relative folder of a store is relative to the file that names it', async () => {
    const { cwd } = await seeded()
    const inner = join(cwd, 'inner')
    mkdirSync(inner)
    writeFileSync(join(cwd, 'persistables.config.cjs'), CONFIG.replaceAll("__dirname + '/", "'./"))
    const before = process.cwd()
    const answers = await Promise.all([cwd, inner, inner].map((from) => persistables({ cwd: from }, 'verify', '--json')))
    expect(answers.map(({ code, json }) => [code, json().findings])).toEqual(answers.map(() => [0, []]))
    expect(process.cwd()).toBe(before)
  })

  test('TypeScript, with types and a function', async () => {
    const cwd = await emptyProject()
    writeFileSync(
      join(cwd, 'persistables.config.ts'),
      "const name: string = 'a'\nexport default (): { url: string; project: string } => ({ url: 'file:' + name + '.db', project: 'p' })",
    )
    expect(await url(cwd, {})).toBe(`file:${cwd}/a.db`)
    expect(readdirSync(cwd).sort()).toEqual(['package.json', 'persistables.config.ts'])
  })

  test.each([
    ['export default 3', /exports no object/],
    ['export default { ulr: "file:a" }', /member "ulr".*Did you mean "url"/],
    ['export default { url: 3 }', /url that is no text/],
    ['export default { stores: {} }', /stores that are no list/],
    ['export default { project: "a/b" }', /project "a\/b"/],
    ['throw new Error("no such thing")', /cannot be loaded: (Error: )?no such thing/],
    ['export default {', /cannot be loaded/],
  ])('%s', async (text, message) => {
    const cwd = await emptyProject()
    writeFileSync(join(cwd, 'persistables.config.ts'), text)
    expect(await persistables({ cwd }, 'ls')).toMatchObject({ code: 2, err: expect.stringMatching(message) })
    const { code, out } = await persistables({ cwd }, 'doctor')
    expect(code).toBe(1)
    expect(out).toMatch(/^fail {2}config: /m)
  })

  test('a file that is named and not there', async () => {
    expect(await persistables({ cwd: await emptyProject() }, 'ls', '--config', 'nope.ts')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/no configuration .*nope\.ts/),
    })
  })

  test.each([
    'postgresql://me:s3cret@127.0.0.1:1/db',
    'postgresql://me:s3/cret@127.0.0.1:1/db',
    'postgresql://me:s3@cret@127.0.0.1:1/db',
    'mysql://me:s3cret@127.0.0.1/db',
  ])('credentials of %s are never shown', async (secret) => {
    const cwd = await emptyProject()
    const lines = [
      ['ls', '--url', secret],
      ['doctor', '--url', secret],
      ['migrate', '--debug', '--url', secret],
      ['migrate', '--json', '--url', secret],
      [secret],
      ['ls', 'a', secret],
      ['show', secret],
    ]
    for (const argv of lines) {
      const { code, out, err } = await persistables({ cwd, env: { PERSISTABLES_URL: secret } }, ...argv)
      expect(code).toBeGreaterThan(0)
      expect(out + err).not.toMatch(/s3|cret/)
    }
  })
})

describe('rm', () => {
  test('deletes exact versions, and what is used only by force', async () => {
    const { cwd, iris } = await seeded()
    const used = await persistables({ cwd }, 'rm', 'Dataset/iris@1')
    expect([used.code, used.out]).toEqual([1, ''])
    expect(used.err).toContain('Dataset/iris@1 is a parent of Metric/acc@1.')
    expect(used.err).toContain('--force')
    for (const vague of ['Dataset/iris', 'Dataset/iris@latest']) expect((await persistables({ cwd }, 'rm', vague)).code).toBe(2)
    expect((await persistables({ cwd }, 'rm', 'Dataset/iris@7')).code).toBe(3)
    expect((await persistables({ cwd }, 'rm')).code).toBe(2)
    const dry = await persistables({ cwd }, 'rm', 'Dataset/iris@2', iris.id, '--force', '--dry-run')
    expect([dry.code, dry.out]).toEqual([0, '2 versions would be deleted.\n'])
    const done = await persistables({ cwd }, 'rm', iris.id, 'Clash/iris@1', '--force', '--json')
    expect(done.json()).toMatchObject({
      dryRun: false,
      deleted: [
        { ref: 'Dataset/iris@1', children: ['Metric/acc@1'], childCount: 1 },
        { ref: 'Clash/iris@1', childCount: 0 },
      ],
    })
    expect((await persistables({ cwd }, 'show', 'Dataset/iris@1')).code).toBe(3)
    expect((await persistables({ cwd }, 'show', 'Metric/acc@1')).out).toContain('Dataset/iris@1')
  })
})

describe('doctor', () => {
  const statusOf = (checks: { name: string; status: string }[]): Record<string, string> =>
    Object.fromEntries(checks.map(({ name, status }) => [name, status]))

  test('all is well, and nothing was left in the stores', async () => {
    const { cwd } = await seeded()
    const files = (): string[] => readdirSync(join(cwd, '.persistables/files'), { recursive: true }).map(String).sort()
    const before = files()
    const { code, json: document } = await persistables({ cwd }, 'doctor', '--json')
    expect({ code, ok: document().ok }).toEqual({ code: 0, ok: true })
    expect(statusOf(document().checks)).toMatchObject({
      node: 'ok',
      prisma: 'ok',
      packages: 'ok',
      config: 'ok',
      database: 'ok',
      schema: 'ok',
      integrity: 'ok',
      journal: 'ok',
      synchronous: 'ok',
      'store disk': 'ok',
      'store spare': 'ok',
    })
    expect(files()).toEqual(before)
    expect((await persistables({ cwd }, 'doctor')).out).toMatch(/^ok {4}node: \d/)
  })

  test('Prisma 8 is refused, with what to pin', async () => {
    const cwd = await emptyProject()
    const folder = join(cwd, 'node_modules/@prisma/client')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{"name":"@prisma/client","version":"8.1.0"}')
    await persistables({ cwd }, 'migrate')
    const { code, out } = await persistables({ cwd }, 'doctor')
    expect(code).toBe(1)
    expect(out).toMatch(/fail {2}prisma: @prisma\/client 8\.1\.0: .*\n +Pin Prisma 7: run `npm install @prisma\/client@7`/)
  })

  test('a store of another registry', async () => {
    const mine = await seeded()
    const cwd = await emptyProject()
    writeFileSync(
      join(cwd, 'persistables.config.cjs'),
      CONFIG.replaceAll('__dirname', JSON.stringify(mine.cwd)).replace('module.exports = {', `module.exports = { url: 'file:${cwd}/own.db',`),
    )
    await persistables({ cwd }, 'migrate')
    const { code, json: document } = await persistables({ cwd }, 'doctor', '--json')
    expect(code).toBe(1)
    expect(document().checks.find(({ name }: { name: string }) => name === 'store disk')).toMatchObject({
      status: 'fail',
      message: expect.stringContaining('another registry'),
    })
  })

  test('a journal that is not WAL', async () => {
    const cwd = await emptyProject()
    await persistables({ cwd }, 'migrate')
    const { PrismaBetterSqlite3 } = await import('@prisma/adapter-better-sqlite3')
    const driver = await new PrismaBetterSqlite3({ url: `file:${join(cwd, '.persistables/registry.db')}` }).connect()
    await driver.executeScript('PRAGMA journal_mode=DELETE')
    await driver.dispose()
    const { code, out } = await persistables({ cwd }, 'doctor')
    expect(code).toBe(0)
    expect(out).toMatch(/warn {2}journal: .*delete/)
    expect(existsSync(join(cwd, '.persistables/files'))).toBe(false)
  })

  test('a store that cannot be read', async () => {
    const { cwd } = await seeded()
    writeFileSync(join(cwd, 'spare/persistables-store.json'), '{"layout":99,"owner":null}')
    const { code, out } = await persistables({ cwd }, 'doctor')
    expect(code).toBe(1)
    expect(out).toMatch(/fail {2}store spare: .*layout 99.*\n {6}Upgrade/)
  })
})

describe('PostgreSQL', () => {
  test('migrate, status, ls, show, get, doctor', async () => {
    const database = await createDatabase({ empty: true })
    const cwd = await emptyProject()
    const given = { cwd, env: { PERSISTABLES_URL: database.url } }
    try {
      expect((await persistables(given, 'ls')).code).toBe(5)
      expect((await persistables(given, 'migrate', '--status', '--json')).json()).toMatchObject({ state: 'empty' })
      expect((await persistables(given, 'migrate', '--dry-run')).out).toMatch(/would be applied/)
      expect((await persistables(given, 'migrate')).out).toMatch(/\d+ migrations? applied/)
      expect((await persistables(given, 'migrate', '--status')).code).toBe(0)
      const repo = await openRepository({
        url: database.url,
        cwd,
        types: [Dataset],
        stores: [diskStore(join(cwd, '.persistables/files')), diskStore(join(cwd, 'spare'), { name: 'spare' })],
      })
      await repo.save(new Dataset({ name: 'iris', config: { url: 'a' }, artifacts: { rows: ROWS, image: IMAGE } }))
      await repo.close()
      expect((await persistables(given, 'ls', 'Dataset')).out).toMatch(/Dataset\/iris@1/)
      expect((await persistables(given, 'show', 'iris', '--json')).json().artifacts.rows.patterns[0].pattern).toBe('disk_json')
      expect((await persistables(given, 'get', 'iris', 'image')).bytes.equals(IMAGE)).toBe(true)
      const { code, out } = await persistables(given, 'doctor')
      expect(out).toMatch(/ok {4}database: postgresql:.*PostgreSQL \d+/)
      expect(code).toBe(0)
    } finally {
      await database.drop()
    }
  })
})

describe('what people see', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [9_949, '9.9 kB'],
    [9_960, '10 kB'],
    [999_499, '999 kB'],
    [999_500, '1.0 MB'],
    [2_500_000_000, '2.5 GB'],
  ])('%d bytes are %s', (count, text) => expect(size(count)).toBe(text))

  test('progress is shown on a terminal, for what takes a while, and cleared', () => {
    const seen: string[] = []
    const stream = (isTTY: boolean) =>
      Object.assign(
        new Writable({
          write(chunk, _, done) {
            seen.push(String(chunk))
            done()
          },
        }),
        { isTTY },
      )
    const event = { phase: 'read', label: 'T/t@1', artifact: 'a', pattern: 'disk_bytes' } as const
    for (const [tty, total] of [
      [false, 1e9],
      [true, 1e6],
    ] as const) {
      const silent = bar(stream(tty), 'a')
      silent.onProgress({ ...event, done: 1, total })
      silent.done()
    }
    expect(seen).toEqual([])
    const shown = bar(stream(true), 'a.bin')
    shown.onProgress({ ...event, done: 5e8, total: 1e9 })
    shown.done()
    expect(seen).toEqual([`\r\u001b[Ka.bin ${'█'.repeat(12)}${'░'.repeat(12)} 50 % (500 MB of 1.0 GB)`, '\r\u001b[K'])
  })
})

describe('as a process', () => {
  const BIN = join(__dirname, '../dist/src/cli/main.js')
  const run = (cwd: string, ...argv: string[]) =>
    spawnSync(process.execPath, [BIN, ...argv], { cwd, env: { PATH: process.env['PATH'] ?? '' }, maxBuffer: 64_000_000 })

  test('exit codes, streams, bytes', async () => {
    const { cwd } = await seeded()
    expect(readFileSync(BIN, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
    const got = run(cwd, 'get', 'Dataset/iris@1', 'image')
    expect({ code: got.status, err: got.stderr.toString(), equal: got.stdout.equals(IMAGE) }).toEqual({ code: 0, err: '', equal: true })
    expect(JSON.parse(run(cwd, 'ls', '--json').stdout.toString()).total).toBe(4)
    const failed = run(cwd, 'show', 'nope')
    expect({ code: failed.status, out: failed.stdout.toString(), err: failed.stderr.toString() }).toEqual({
      code: 3,
      out: '',
      err: expect.stringMatching(/^error: .*\n$/),
    })
  })

  test('a reader that leaves early', async () => {
    const { cwd } = await seeded()
    const child = spawn(process.execPath, [BIN, 'get', 'Dataset/iris@1', 'image'], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    let err = ''
    child.stderr.on('data', (chunk) => (err += chunk))
    child.stdout.once('data', () => child.stdout.destroy())
    const code = await new Promise((resolve) => child.once('close', resolve))
    expect({ code, err }).toEqual({ code: 0, err: '' })
  })

  test('told to end while it writes, it leaves no file behind', async () => {
    const { cwd } = await seeded()
    const config = readFileSync(join(cwd, 'persistables.config.cjs'), 'utf8')
    // A store that hands on the first bytes and then waits.
    const slow = `${config}
const [disk] = module.exports.stores
module.exports.stores[0] = { ...disk, async *get(blob, options) { for await (const block of disk.get(blob, options)) { yield block; if (blob.size > 1000000) setInterval(() => {}, 1000), await new Promise(() => {}) } } }`
    writeFileSync(join(cwd, 'slow.cjs'), slow)
    const out = await tempDir()
    const child = spawn(process.execPath, [BIN, 'get', 'Dataset/iris@1', 'image', '--config', 'slow.cjs', '-o', join(out, 'image')], {
      cwd,
      stdio: 'ignore',
    })
    const ended = new Promise((resolve) => child.once('close', resolve))
    const partial = (): boolean => readdirSync(out).some((name) => name.endsWith('.partial'))
    while (!partial() && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 10))
    expect(partial()).toBe(true)
    child.kill('SIGINT')
    expect(await ended).toBe(130)
    expect(readdirSync(out)).toEqual([])
  })
})
