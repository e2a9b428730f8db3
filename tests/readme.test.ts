import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { format } from 'node:util'
import { transformSync } from '@swc/core'
import ts from 'typescript'
import { ERROR_CODES, openRepository } from '../src'
import { EXIT_CODES } from '../src/cli/exit'
import { persistables } from './cli-run'
import { tempDir } from './support'

const ROOT = join(__dirname, '..')
const README = readFileSync(join(ROOT, 'README.md'), 'utf8')

interface Block {
  /** the heading above it */
  readonly title: string
  readonly marker: string
  readonly code: string
  /** the code with what the README says that it begins with */
  readonly whole: string
}

/**
 * Every ```ts block. A comment in the line above it says how it stands: `shared` is the beginning of all blocks after it, but for those marked `alone` and those
 * that are `from` a file of the repository; `not run` ones are only type-checked, and those from `elsewhere`, of a project with generated files, are tested there.
 */
const blocks = ((): readonly Block[] => {
  const found: Block[] = []
  let shared = ''
  for (const { index, 1: marker = '', 2: code = '' } of README.matchAll(/(?:^<!-- (.*) -->\n)?^```ts\n([\s\S]*?)^```$/gm)) {
    const title =
      README.slice(0, index)
        .match(/^#+ .*$/gm)
        ?.at(-1)
        ?.replace(/^#+ /, '') ?? ''
    const own = /^(alone|from|shared)/.test(marker)
    found.push({ title, marker, code, whole: own ? code : `${shared}\n${code}` })
    if (marker === 'shared') shared = code
  }
  return found
})()
const copied = blocks.filter(({ marker }) => marker.startsWith('from '))
const elsewhere = blocks.filter(({ marker }) => marker.startsWith('elsewhere'))
const programs = blocks.filter((block) => !copied.includes(block) && !elsewhere.includes(block))
const runnable = programs.filter(({ marker }) => !marker.startsWith('not run'))

/** First cells of the rows of the table whose head begins so, with the second ones. */
const tableOf = (head: string): [string, string][] => {
  const [table = ''] = README.slice(README.indexOf(`| ${head} |`)).split('\n\n')
  const rows = table.split('\n').slice(2)
  return rows.map((row) => {
    const [, first = '', second = ''] = row.split(/(?<!\\)\|/).map((cell) => cell.trim())
    return [first.replaceAll('`', ''), second]
  })
}

test('there are blocks to look at, of each sort', () => {
  expect(copied.length).toBeGreaterThan(0)
  expect(runnable.length).toBeGreaterThan(10)
  expect(programs.length).toBeGreaterThan(runnable.length)
  // a block in another notation would not be looked at
  expect(README.match(/^```(?!ts$|sh$|text$|prisma$|$).*/gm)).toBeNull()
})

test.each(copied)('$title: the code is that of the file it is $marker', ({ marker, code }) => {
  expect(readFileSync(join(ROOT, marker.slice('from '.length)), 'utf8')).toContain(code)
})

describe('type checks', () => {
  const folder = join(ROOT, 'readme')
  const files = new Map(programs.map(({ whole }, i) => [join(folder, `${i}.ts`), whole]))
  files.set(join(folder, 'generated/prisma/client.ts'), "export * from '../../../generated/sqlite/client'\n")
  let program: ts.Program

  beforeAll(() => {
    const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile)
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT)
    // the shared beginning is not used up by every block; and modules that wait at the top are ES modules
    const differing = {
      noUnusedLocals: false,
      module: ts.ModuleKind.ESNext,
      paths: { persistables: ['./src/index.ts'], 'persistables/*': ['./src/*.ts'] },
      pathsBasePath: ROOT,
    }
    const host = ts.createCompilerHost(options)
    const { fileExists, readFile, getSourceFile, directoryExists } = host
    program = ts.createProgram({
      rootNames: [...files.keys()],
      options: { ...options, ...differing },
      host: {
        ...host,
        fileExists: (path) => files.has(path) || fileExists(path),
        directoryExists: (path) => folder.startsWith(path) || path.startsWith(folder) || directoryExists?.(path) === true,
        readFile: (path) => files.get(path) ?? readFile(path),
        getSourceFile: (path, target, ...rest) => {
          const code = files.get(path)
          return code === undefined ? getSourceFile(path, target, ...rest) : ts.createSourceFile(path, code, target)
        },
      },
    })
  }, 120_000)

  test.each(programs.map((block, i) => ({ ...block, i })))(
    '$title',
    ({ marker, i }) => {
      const file = program.getSourceFile(join(folder, `${i}.ts`))
      expect(file).toBeDefined()
      const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file), ...program.getDeclarationDiagnostics(file)]
      // what only isolatedDeclarations asks for is asked of the block about it
      const asked = marker.includes('isolatedDeclarations') ? found : found.filter(({ code }) => code < 9005 || code > 9039)
      expect(asked.map(({ start, messageText }) => `${lineAt(file, start)}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`)).toEqual([])
    },
    120_000,
  )

  const lineAt = (file: ts.SourceFile | undefined, start = 0): string =>
    file?.text.slice(0, start).split('\n').pop() + (file?.text.slice(start).split('\n')[0] ?? '')
})

describe('runs, and prints what its comments say', () => {
  const here = process.cwd()
  afterEach(() => {
    process.chdir(here)
    jest.restoreAllMocks()
  })

  test.each(runnable)('$title', async ({ whole }) => {
    const home = await tempDir()
    await writeFile(join(home, 'package.json'), '{}')
    process.chdir(home)
    // stands for the app's own database, migrated
    await (await openRepository({ url: 'file:./app.db' })).close()
    jest.spyOn(console, 'warn').mockImplementation(() => {})

    const { code } = transformSync(whole, { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } })
    const printed: string[] = []
    const load = (name: string): unknown => {
      if (name === 'persistables') return require('../src')
      if (name.startsWith('persistables/')) return require(`../src/${name.slice('persistables/'.length)}`)
      if (name === './generated/prisma/client.js') return require('../generated/sqlite/client')
      return require(name)
    }
    const run = new Function('require', 'exports', 'console', `return (async () => {${code}\n})()`)
    await run(load, {}, { log: (...values: unknown[]) => printed.push(format(...values)) })

    const promised = [...whole.matchAll(/^ *console\.log\(.*\) \/\/ (.*)$/gm)].map(([, comment]) => comment)
    expect(promised).toHaveLength(whole.match(/console\.log\(/g)?.length ?? 0)
    expect(printed).toEqual(promised)
  })
})

describe('tables', () => {
  test('of error codes: every code and its meaning, in their order', () => {
    expect(tableOf('Code')).toEqual(Object.entries(ERROR_CODES))
  })

  test('of dependencies: exactly those of package.json', () => {
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: object }
    expect(
      tableOf('Package')
        .map(([name]) => name)
        .sort(),
    ).toEqual(Object.keys(dependencies).sort())
  })

  test('of exit codes: every one', () => {
    expect(tableOf('Exit code').map(([code]) => code)).toEqual(Object.keys(EXIT_CODES))
  })

  test('of commands: exactly those that --help lists', async () => {
    const { out } = await persistables({ cwd: await tempDir() }, '--help')
    const [listed = ''] = out.split('Commands:\n')[1]?.split('\n\n') ?? []
    const commands = [...listed.matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name).filter((name) => name !== 'help')
    expect(commands.length).toBeGreaterThan(0)
    expect(tableOf('Command').map(([usage]) => usage.split(' ')[2])).toEqual(commands)
  })
})

test('links to files lead somewhere', () => {
  for (const [, target = ''] of README.matchAll(/\]\((?!https?:|#)([^)]+)\)/g)) {
    expect([relative(ROOT, join(ROOT, target)), ts.sys.fileExists(join(ROOT, target))]).toEqual([target, true])
  }
})
