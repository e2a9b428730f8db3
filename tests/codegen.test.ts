import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../scripts/prisma-cli'
import { isPersistablesError } from '../src'
import { annotationsOf } from '../src/codegen/annotations'
import { baseRegion } from '../src/codegen/base'
import { diff } from '../src/codegen/files'
import { typesOf } from '../src/codegen/model'
import { datamodelOf } from '../src/codegen/schema'
import { APP_CONFIG, APP_SCHEMA, type AppFolder, appFolder } from './codegen-project'

const read = (app: AppFolder, path: string): string => readFileSync(join(app.folder, path), 'utf8')
const everything = (app: AppFolder): Record<string, string> =>
  Object.fromEntries(
    readdirSync(app.folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
      .map((entry) => [join(entry.parentPath, entry.name), readFileSync(join(entry.parentPath, entry.name), 'utf8')]),
  )
const single = () => appFolder({ 'prisma/schema.prisma': APP_SCHEMA('sqlite'), 'prisma.config.ts': APP_CONFIG })

const LINK = 'persistable Persistable @relation(fields: [id], references: [id], onDelete: Cascade)'

describe('init', () => {
  for (const provider of ['sqlite', 'postgresql']) {
    test(`a schema in one file (${provider}): what was there stays as it was, again changes nothing`, async () => {
      const app = await appFolder({ 'prisma/schema.prisma': APP_SCHEMA(provider) })
      const before = everything(app)
      const dry = await app.cli('init', '--dry-run')
      expect([dry.code, everything(app)]).toEqual([0, before])
      expect(dry.out).toContain('+model Persistable {')
      expect(dry.out).not.toMatch(/^-(?!--)/m)
      const done = await app.cli('init', '--json')
      expect([done.code, done.json().changed]).toEqual([0, ['persistables.config.ts', 'prisma/schema.prisma'].map((path) => join(app.folder, path))])
      expect(read(app, 'prisma/schema.prisma').startsWith(APP_SCHEMA(provider))).toBe(true)
      const after = everything(app)
      expect((await app.cli('init', '--json')).json().changed).toEqual([])
      expect(everything(app)).toEqual(after)
      expect(app.prisma('validate').output).toMatch(/is valid|Schema validation/)
      // What somebody changed between the marks is put right; what stands outside is not looked at.
      writeFileSync(
        join(app.folder, 'prisma/schema.prisma'),
        read(app, 'prisma/schema.prisma').replace('  hash               String\n', '').replace('// the app', '// our app'),
      )
      const check = await app.cli('generate', '--check')
      expect([check.code, check.out]).toEqual([1, expect.stringContaining('+  hash               String')])
      expect((await app.cli('doctor')).out).toMatch(/generated: Not what the schema would generate: .*schema\.prisma/)
      await app.cli('init')
      expect(read(app, 'prisma/schema.prisma')).toBe(after[join(app.folder, 'prisma/schema.prisma')]!.replace('// the app', '// our app'))
    })
  }

  test('a schema folder gets a file of its own; an empty folder a schema', async () => {
    const app = await appFolder({ 'db/main.prisma': APP_SCHEMA('postgresql'), 'prisma.config.ts': APP_CONFIG.replace('prisma/schema.prisma', 'db') })
    expect((await app.cli('init')).code).toBe(0)
    expect(read(app, 'db/main.prisma')).toBe(APP_SCHEMA('postgresql'))
    expect(read(app, 'db/persistables.prisma')).toContain('provider = "persistables-generator"')
    const empty = await appFolder({})
    const { code, out } = await empty.cli('init', '--provider', 'postgresql')
    expect([code, out]).toEqual([0, expect.stringContaining('npx prisma migrate dev')])
    expect(
      Object.keys(everything(empty))
        .map((path) => path.slice(empty.folder.length + 1))
        .sort(),
    ).toEqual(['package.json', 'persistables.config.ts', 'prisma.config.ts', 'prisma/schema.prisma'])
    expect((await empty.cli('init', '--json')).json().changed).toEqual([])
  })

  test('what cannot be: nothing is written, and it is said what to do', async () => {
    const cases: [string, () => Promise<AppFolder>, string[], RegExp][] = [
      [
        'a broken schema',
        () => appFolder({ 'prisma/schema.prisma': APP_SCHEMA('sqlite').replace('Int    @id', 'Itn    @id') }),
        [],
        /schema\.prisma:14 .*"Itn"/s,
      ],
      [
        'a misspelt annotation, whose relation back is missing then',
        () => appFolder({ 'prisma/schema.prisma': `${APP_SCHEMA('sqlite')}\n/// @persistible\nmodel Thing {\n  id String @id\n  ${LINK}\n}\n` }),
        [],
        /schema\.prisma:26 @persistible is no annotation\. Did you mean "@persistable"\?.*missing an opposite relation/s,
      ],
      ['another provider', () => appFolder({ 'prisma/schema.prisma': APP_SCHEMA('mysql') }), [], /provider "mysql".*sqlite and postgresql/s],
      [
        'models by hand',
        () => appFolder({ 'prisma/schema.prisma': `${APP_SCHEMA('sqlite')}\nmodel PersistableTag {\n  id Int @id\n}\n` }),
        [],
        /declares the model PersistableTag/,
      ],
      [
        'a mark without its end',
        () => appFolder({ 'prisma/schema.prisma': `${APP_SCHEMA('sqlite')}\n// persistables: begin.\n` }),
        [],
        /one beginning before one end/,
      ],
      ['no such schema', single, ['--schema', 'nowhere.prisma'], /no schema .*nowhere\.prisma/],
      [
        'several schemas',
        () =>
          appFolder({
            'prisma/schema.prisma': APP_SCHEMA('postgresql')
              .replace('"postgresql"', '"postgresql"\n  schemas = ["a", "b"]')
              .replace(/^model (\w+) \{/gm, 'model $1 {\n  @@schema("a")'),
          }),
        [],
        /several schemas/,
      ],
    ]
    for (const [what, make, flags, message] of cases) {
      const app = await make()
      const before = everything(app)
      const { code, err } = await app.cli('init', ...flags)
      expect([what, code === 0, err]).toEqual([what, false, expect.stringMatching(message)])
      expect(everything(app)).toEqual(before)
    }
    const next = await single()
    rmSync(join(next.folder, 'node_modules/prisma'))
    next.write('node_modules/prisma/package.json', '{ "name": "prisma", "version": "8.1.0" }')
    expect((await next.cli('init')).err).toMatch(/prisma 8\.1\.0 is installed.*prisma@7/s)
  })
})

describe('new', () => {
  test('from an app to a saved version with a typed column in three commands, by the real prisma', async () => {
    const app = await single()
    mkdirSync(join(app.folder, 'src'))
    expect((await app.cli('init')).code).toBe(0)
    const flags = [
      '--column',
      'accuracy:Float?@index',
      '--config',
      'rate:number',
      '--artifact',
      'weights:floats',
      '--description',
      'How birds are told apart.',
    ]
    const made = await app.cli('new', 'Classifier', ...flags, '--no-generate')
    expect([made.err, made.code]).toEqual(['', 0])
    const generated = app.prisma('generate')
    expect([generated.code, generated.output]).toEqual([0, expect.stringContaining('persistables')])
    // The generator under prisma wrote, byte for byte, what `new` had written.
    expect((await app.cli('generate', '--check')).code).toBe(0)
    expect(app.prisma('migrate', 'dev', '--name', 'classifier').code).toBe(0)
    app.write(
      'src/main.ts',
      `import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3'
import { createRepository, diskStore } from 'persistables'
import { PrismaClient } from '../generated/prisma/client'
import { types } from './generated/persistables'
import { Classifier } from './persistables/Classifier'

const main = async (): Promise<void> => {
  const prisma = new PrismaClient({ adapter: new PrismaBetterSqlite3({ url: 'file:./dev.db' }) })
  await prisma.user.create({ data: { id: 1, email: 'a@b.c' } })
  const repo = createRepository({ client: prisma, types, stores: [diskStore('./files')] })
  await repo.save(new Classifier({ name: 'birds', config: { rate: 0.1 }, artifacts: { weights: Float32Array.of(1) }, columns: { accuracy: 0.9 } }))
  const [best] = await repo.find(Classifier, { where: { accuracy: { gt: 0.5 } }, orderBy: { accuracy: 'desc' } })
  const accuracy: number | null | undefined = best?.accuracy
  // @ts-expect-error a column's type is known
  await repo.find(Classifier, { where: { accuracy: { gt: 'x' } } }).catch(() => {})
  console.log(best?.name, best?.version, accuracy, (await prisma.classifier.findFirst({ include: { persistable: true } }))?.persistable.name)
  await prisma.$disconnect()
}
void main()
`,
    )
    const strict = {
      target: 'ES2023',
      module: 'commonjs',
      moduleResolution: 'bundler',
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: true,
      noEmit: true,
      preserveSymlinks: true,
    }
    app.write(
      'tsconfig.json',
      JSON.stringify({ compilerOptions: { ...strict, types: ['node'] }, include: ['src'], 'ts-node': { transpileOnly: true, swc: true } }),
    )
    const tsc = spawnSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', app.folder], { cwd: app.folder, encoding: 'utf8' })
    expect(tsc.stdout).toBe('')
    const ran = spawnSync(process.execPath, [join(ROOT, 'node_modules/ts-node/dist/bin.js'), 'src/main.ts'], { cwd: app.folder, encoding: 'utf8' })
    expect([ran.stderr, ran.stdout]).toEqual(['', 'birds 1 0.9 birds\n'])
  })

  test('imports end as those of Prisma’s client do, by its block or by the tsconfig; a project of ES modules compiles', async () => {
    const client = APP_SCHEMA('sqlite')
    const bare = client.replace(/ +importFileExtension.*\n/, '').replace(/ +moduleFormat.*\n/, '')
    const base = '{ "compilerOptions": { "moduleResolution": "bundler" } }'
    const cases: [string, string | undefined, string, Record<string, string>?][] = [
      [client, '{ "compilerOptions": { "module": "nodenext" } }', ''],
      [client.replace('importFileExtension = ""', 'importFileExtension = "mjs"'), undefined, 'mjs'],
      [bare, undefined, 'ts'],
      [bare, '{ "compilerOptions": { "module": "CommonJS" } }', ''],
      [bare, '{\n  // "module": "commonjs"\n  "compilerOptions": { /* x */ "module": "NodeNext", "paths": { "a/*": ["b//*"], }, },\n}', 'js'],
      [bare, '{ "compilerOptions": { "module": "nodenext", "rewriteRelativeImportExtensions": true } }', 'ts'],
      [bare, '{ "extends": "./tsconfig.base" }', '', { 'tsconfig.base.json': base }],
      [bare, '{ "extends": ["pack/base.json"], "compilerOptions": { "strict": true } }', '', { 'node_modules/pack/base.json': base }],
      [bare, '{ "extends": "./nowhere.json" ', 'js'],
    ]
    for (const [schema, tsconfig, wanted, files = {}] of cases) {
      const app = await appFolder({ 'prisma/schema.prisma': schema, ...files, ...(tsconfig !== undefined && { 'tsconfig.json': tsconfig }) })
      expect((await app.cli('init')).code).toBe(0)
      const [, found = ''] = /\n {2}importFileExtension = "(\w+)"\n\}\n\n\/\/ persistables: begin/.exec(read(app, 'prisma/schema.prisma')) ?? []
      expect([tsconfig, found]).toEqual([tsconfig, wanted])
    }
    const options = { target: 'ES2023', module: 'nodenext', strict: true, skipLibCheck: true, noEmit: true, preserveSymlinks: true, types: ['node'] }
    const tsconfig = JSON.stringify({ compilerOptions: options, include: ['persistables', 'generated'] })
    const app = await appFolder({ 'prisma/schema.prisma': bare, 'tsconfig.json': tsconfig }, { manifest: { type: 'module' } })
    app.write('rows.ts', 'export interface Row {\n  a: number\n}\n')
    await app.cli('init')
    expect((await app.cli('new', 'Thing', '--column', 'a:Int', '--no-generate')).code).toBe(0)
    app.write(
      'prisma/schema.prisma',
      read(app, 'prisma/schema.prisma').replace(
        '/// @persistable\n',
        '/// @persistable\n/// @import { Row } from "../rows"\n/// @source rows: ndjson<Row>\n',
      ),
    ) // prettier-ignore
    expect((await app.cli('new', 'Other', '--config', 'b:string', '--parent', 'thing:Thing')).code).toBe(0)
    expect((await app.cli('generate')).code).toBe(0)
    expect(app.prisma('generate').code).toBe(0)
    expect((await app.cli('generate', '--check')).code).toBe(0)
    expect(read(app, 'generated/persistables/Thing.ts')).toContain("from '../../rows.js'")
    const tsc = spawnSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', app.folder], { cwd: app.folder, encoding: 'utf8' })
    expect(tsc.stdout).toBe('')
    app.write('prisma/schema.prisma', read(app, 'prisma/schema.prisma').replace('importFileExtension = "js"', 'importFileExtension = "jss"'))
    expect((await app.cli('generate')).err).toMatch(/importFileExtension "jss" that means nothing.*Did you mean "js"/s)
  })

  test('without columns there is no model and nothing to migrate', async () => {
    const app = await single()
    await app.cli('init')
    const before = read(app, 'prisma/schema.prisma')
    const { code, out } = await app.cli(
      'new',
      'Report',
      '--config',
      'title:string',
      '--source',
      'page:gzip(text)->disk,s3',
      '--parent',
      'earlier:Report',
    )
    expect([code, out]).toEqual([0, expect.stringContaining('nothing to migrate')])
    expect(read(app, 'prisma/schema.prisma')).toBe(before)
    expect(read(app, 'persistables/Report.ts')).toContain("page: source(gzip(text()).to('disk'), gzip(text()).to('s3')),")
    expect(read(app, 'persistables/Report.ts')).toContain("earlier: 'Report',")
    expect(read(app, 'generated/persistables/index.ts')).toContain('export const types = [Report] as const')
  })

  test('every fault at once, and nothing written', async () => {
    const app = await single()
    await app.cli('init')
    const before = everything(app)
    const wrong: [string[], RegExp[]][] = [
      [['User', '--column', 'a:Int'], [/model or enum User already/]],
      [['Persistable'], [/model of the registry/]],
      [['class'], [/capital letter/]],
      [['Promise'], [/word of TypeScript or Prisma/]],
      [
        [
          'Thing',
          '--column',
          'hash:String',
          '--column',
          'a:Flaot',
          '--column',
          'b:Int',
          '--column',
          'b:Int',
          '--column',
          'persistable:Int',
          '--config',
          'x',
          '--artifact',
          'w:flaots',
          '--parent',
          'd=D',
        ],
        [
          /"hash" would hide/,
          /Did you mean "Float"/,
          /"b" is given twice/,
          /"persistable" is the relation/,
          /x cannot be read/,
          /no serializer "flaots"\. Did you mean "floats"/,
          /@parent d=D cannot be read/,
        ],
      ],
      [['Thing', '--column', 'n:Int=abc'], [/schema\.prisma:\d+ /]],
    ]
    for (const [argv, messages] of wrong) {
      const { code, err } = await app.cli('new', ...argv)
      expect(code).not.toBe(0)
      for (const message of messages) expect(err).toMatch(message)
      expect(everything(app)).toEqual(before)
    }
    const dry = await app.cli('new', 'Thing', '--column', 'a:Int', '--dry-run')
    expect([dry.code, dry.out, everything(app)]).toEqual([0, expect.stringContaining('+model Thing {'), before])
    expect((await app.cli('new')).err).toContain('No type is given')
    await app.cli('new', 'Thing', '--column', 'a:Int', '--no-generate')
    expect((await app.cli('new', 'Thing', '--column', 'a:Int')).err).toMatch(/Thing\.ts is there already/)
  })

  test('a folder that cannot be written leaves everything as it was; foreign files are not written over', async () => {
    const app = await single()
    await app.cli('init')
    const before = everything(app)
    app.write('generated/persistables/Thing.ts', 'export const mine = 1\n')
    expect((await app.cli('new', 'Thing', '--column', 'a:Int', '--no-generate')).err).toMatch(/files that the generator did not write: Thing\.ts/)
    rmSync(join(app.folder, 'generated'), { recursive: true })
    expect(everything(app)).toEqual(before)
    // A file where the folder should be fails for root as well.
    app.write('persistables', 'no folder')
    const refused = await app.cli('new', 'Thing', '--column', 'a:Int', '--no-generate', '--json')
    expect([refused.code, refused.error().code]).toEqual([1, 'READ_ONLY'])
    rmSync(join(app.folder, 'persistables'))
    expect(everything(app)).toEqual(before)
    chmodSync(app.folder, 0o755)
  })
})

describe('the schema’s annotations', () => {
  const faultsOf = async (models: string, provider: 'sqlite' | 'postgresql' = 'sqlite', names: string[] = ['Thing']): Promise<string> => {
    const text = `datasource db {\n  provider = "${provider}"\n}\n${models}\n${baseRegion(names)}`
    const files = new Map([['/app/schema.prisma', text]])
    try {
      typesOf(await datamodelOf(files), provider, files)
      return ''
    } catch (error) {
      if (!isPersistablesError(error, 'INVALID_TYPE')) throw error
      return error.message
    }
  }
  const link = 'persistable Persistable @relation(fields: [id], references: [id], onDelete: Cascade)'

  test('each fault with file, line, model, field and fix, all of them at once', async () => {
    const message = await faultsOf(
      `/// @persistable
/// @confg { a: number }
/// @artifact weights floats
/// @source rows: ndjson<Row -> disk
/// @parent Dataset
model Thing {
  id    String @id @default(uuid())
  hash  String
  blob  Bytes
  made  String @default(cuid())
  persistable Persistable @relation(fields: [id], references: [id])
}

/// @persistible
model Other {
  id Int @id
}`,
    )
    for (const part of [
      '/app/schema.prisma:9 Thing: @confg is no annotation. Did you mean "config"?',
      'Thing: @artifact weights floats cannot be read',
      '"ndjson<Row" is no serializer',
      'Thing: @parent Dataset cannot be read',
      '/app/schema.prisma:10 Thing.id: the id is the persistable’s own',
      '/app/schema.prisma:11 Thing.hash: the column would hide the member "hash"',
      '/app/schema.prisma:12 Thing.blob: Bytes is no type for a column',
      '/app/schema.prisma:13 Thing.made: the registry cannot make the default cuid()',
      'Thing.persistable: a version could not be deleted',
      '/app/schema.prisma:18 Other: @persistible is no annotation. Did you mean "@persistable"?',
    ])
      expect(message).toContain(part)
  })

  test('a companion without its id, of a wrong one, of nobody, two of one type, a list', async () => {
    expect(await faultsOf('/// @persistable\nmodel Thing {\n  key String @id\n}', 'sqlite', [])).toMatch(/Write: id String @id/)
    expect(await faultsOf('/// @persistable\nmodel Thing {\n  id Int @id\n}', 'sqlite', [])).toMatch(/this is Int/)
    expect(await faultsOf('/// @persistable\nmodel Thing {\n  id String @id\n}', 'sqlite', [])).toMatch(/whose companion it is/)
    const two = `/// @persistable\nmodel Thing {\n  id String @id\n  ${link}\n}\n/// @persistable Thing\nmodel Thing2 {\n  id String @id\n  ${link}\n}`
    expect(await faultsOf(two, 'sqlite', ['Thing', 'Thing2'])).toMatch(/both companions of the type Thing/)
    expect(await faultsOf(`/// @persistable\nmodel Thing {\n  id String @id\n  l Int[]\n  ${link}\n}`, 'postgresql')).toMatch(/lists of scalars/)
    expect(await faultsOf(`/// @persistable\nmodel Thing {\n  id String @id\n  ${link}\n}`)).toBe('')
  })

  test('what is read: types over lines, imports, wrappers, several patterns', () => {
    const notes = annotationsOf(`What it is.
@persistable Model
@import { Row, own } from "../src/rows"
@config {
  rate: number
  how: (x: number) => 'a' | "b>"
}
@source rows: gzip(ndjson<Row>) -> disk, s3 | own -> backup
@parent inputs: Dataset[]
@see somewhere`)
    expect(notes.faults).toEqual([
      '@see is no annotation. Known: "persistable", "config", "state", "revision", "import", "artifact", "source", "parent".',
    ])
    expect(notes.config).toBe(`{ rate: number how: (x: number) => 'a' | "b>" }`)
    expect(notes.artifacts).toEqual([
      { name: 'rows', source: true, patterns: ["gzip(ndjson<Row>()).to('disk')", "gzip(ndjson<Row>()).to('s3')", "own().to('backup')"] },
    ])
    expect([notes.type, notes.text, notes.parents, notes.serializers]).toEqual([
      'Model',
      ['What it is.'],
      [{ role: 'inputs', type: 'Dataset', many: true }],
      ['gzip', 'ndjson'],
    ])
  })
})

test('the example app is what its schema generates, and hand changes of it are told', async () => {
  const check = (app: AppFolder) => app.cli('generate', '--check', '--schema', 'prisma')
  const app = await appFolder({})
  const source = join(ROOT, 'tests/examples/app')
  for (const folder of ['prisma/postgresql', 'generated/persistables', 'persistables'])
    for (const name of readdirSync(join(source, folder)).filter((file) => !file.endsWith('.sql')))
      app.write(
        `${folder.replace('prisma/postgresql', 'prisma')}/${name}`,
        readFileSync(join(source, folder, name), 'utf8')
          .replaceAll('../../generated', '../generated')
          .replaceAll('../../persistables', '../persistables'),
      )
  app.write('prisma/base.prisma', read(app, 'prisma/base.prisma').replace('../../../../../src/index', 'persistables'))
  expect((await check(app)).code).toBe(1)
  await app.cli('generate', '--schema', 'prisma')
  expect((await check(app)).code).toBe(0)
  app.write('generated/persistables/Metric.ts', read(app, 'generated/persistables/Metric.ts').replace('share: number', 'share: string'))
  const changed = await check(app)
  expect([changed.code, changed.out]).toEqual([1, expect.stringContaining('+  share: number')])
  // A type that is gone from the schema takes its file along.
  rmSync(join(app.folder, 'prisma/Metric.prisma'))
  await app.cli('generate', '--schema', 'prisma')
  expect(existsSync(join(app.folder, 'generated/persistables/Metric.ts'))).toBe(false)
})

test('a difference is shown with the lines around it', () => {
  const before = 'a\nb\nc\nd\ne\nf\ng\nh\n'
  const shown = diff([{ path: '/x', before, after: before.replace('e\n', 'E\n') }], (path) => path)
  expect(shown).toBe('--- /x\n+++ /x\n@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n')
})
