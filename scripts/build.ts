// npm run build [-- --if-stale]: src and generated to dist as CommonJS with types, and for each entry of package.json an ES module over it, so that there
// is one copy of every class whichever way it is imported.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import ts from 'typescript'
import { ROOT } from './prisma-cli'

interface Target {
  readonly types: string
  readonly default: string
}
interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly import: Target; readonly require: Target }>>
  readonly bin: Readonly<Record<string, string>>
}

const STAMP = 'dist/.built'
const INPUTS = ['src', 'generated', 'tsconfig.json', 'package.json', 'scripts/build.ts']
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest

const filesIn = (path: string): string[] => {
  if (!existsSync(join(ROOT, path))) return []
  if (statSync(join(ROOT, path)).isFile()) return [path]
  return readdirSync(join(ROOT, path)).flatMap((name) => filesIn(join(path, name)))
}

// Folders count as well: taking a file away changes nothing else.
const isFresh = (): boolean => {
  if (!existsSync(join(ROOT, STAMP))) return false
  const built = statSync(join(ROOT, STAMP)).mtimeMs
  const files = INPUTS.flatMap(filesIn)
  return [...files, ...new Set(files.map(dirname))].filter((path) => path !== '.').every((path) => statSync(join(ROOT, path)).mtimeMs < built)
}

const compile = (): void => {
  const tsc = require.resolve('typescript/bin/tsc')
  const options = ['-p', ROOT, '--noEmitOnError', '--incremental', '--tsBuildInfoFile', join(ROOT, 'dist/.tsbuildinfo')]
  const { status } = spawnSync(process.execPath, [tsc, ...options], { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

/** The generated clients are not part of the program (nothing type checks them), so they are only turned into CommonJS. */
const transpileClients = (): void => {
  for (const file of filesIn('generated').filter((path) => path.endsWith('.ts') && path !== join('generated', 'migrations.ts'))) {
    const { outputText } = ts.transpileModule(readFileSync(join(ROOT, file), 'utf8'), {
      compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2023, esModuleInterop: true },
    })
    const target = join(ROOT, 'dist', file.replace(/\.ts$/, '.js'))
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, outputText)
  }
}

/** What is left in dist of a source that is gone would be published. */
const prune = (): void => {
  for (const file of [...filesIn('dist/src'), ...filesIn('dist/generated')]) {
    const source = relative('dist', file).replace(/(\.d)?\.[jt]s$/, '.ts')
    if (!existsSync(join(ROOT, source))) rmSync(join(ROOT, file))
  }
}

const writeModule = (name: string, { import: esm, require: cjs }: { readonly import: Target; readonly require: Target }): void => {
  const entry = join(ROOT, cjs.default)
  if (!existsSync(entry)) {
    console.warn(`package.json exports "${name}", and ${relative(ROOT, entry)} is not there: left out`)
    return
  }
  const from = (target: string): string => `./${relative(dirname(join(ROOT, esm.default)), join(ROOT, target)).replaceAll('\\', '/')}`
  const names = Object.keys(require(entry) as object).sort()
  mkdirSync(dirname(join(ROOT, esm.default)), { recursive: true })
  writeFileSync(
    join(ROOT, esm.default),
    `import entry from '${from(cjs.default)}'\n\nexport const {\n${names.map((each) => `  ${each},\n`).join('')}} = entry\n`,
  )
  writeFileSync(join(ROOT, esm.types), `export * from '${from(cjs.types).replace(/\.d\.ts$/, '.js')}'\n`)
}

if (!process.argv.includes('--if-stale') || !isFresh()) {
  // before tsc reads its inputs: what is edited meanwhile is newer, and built again
  const begun = new Date()
  compile()
  transpileClients()
  prune()
  for (const [name, target] of Object.entries(manifest.exports)) if (typeof target !== 'string') writeModule(name, target)
  for (const file of Object.values(manifest.bin)) if (existsSync(join(ROOT, file))) chmodSync(join(ROOT, file), 0o755)
  writeFileSync(join(ROOT, STAMP), `${begun.toISOString()}\n`)
  utimesSync(join(ROOT, STAMP), begun, begun)
}
