// npm run check:package: packs what would be published, lints it, and uses it from an empty project as an ES module, as CommonJS and as a command.
// There it finds only its declared dependencies, linked to the ones installed here; npm run check:install has npm install them from the registry.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ROOT } from './prisma-cli'

interface Manifest {
  readonly version: string
  readonly exports: object
  readonly bin: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
}

const SHIPPED = ['LICENSE', 'README.md', 'CHANGELOG.md', 'prisma/models.prisma', 'prisma/sqlite/migrations/migration_lock.toml']
const UNSHIPPED = /^(src|tests|scripts|generated|\.)|\.tsbuildinfo$|\.test\./

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest
const faults: string[] = []

const run = (what: string, command: string, args: readonly string[], cwd: string): string => {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (status === 0) console.log(`ok  ${what}`)
  else faults.push(`${what}:\n${stdout ?? ''}${stderr ?? ''}${error ?? ''}`)
  return stdout ?? ''
}

/** Every path that package.json hands to others. */
const promised = (value: unknown): string[] =>
  typeof value === 'string' ? [value.replace(/^\.\//, '')] : Object.values(value as object).flatMap(promised)

const checkFiles = (files: readonly string[]): void => {
  const missing = [...new Set([...promised(manifest.exports), ...promised(manifest.bin), ...SHIPPED])].filter((path) => !files.includes(path))
  const surplus = files.filter((path) => UNSHIPPED.test(path))
  if (missing.length > 0) faults.push(`not in the package: ${missing.join(', ')}`)
  if (surplus.length > 0) faults.push(`should not be in the package: ${surplus.join(', ')}`)
}

const linkDependencies = (project: string): void => {
  for (const name of Object.keys(manifest.dependencies)) {
    const link = join(project, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(realpathSync(join(ROOT, 'node_modules', name)), link, 'junction')
  }
}

const CJS = `
const { openRepository, persistable, PersistablesError } = require('persistables')
if (typeof PersistablesError !== 'function') throw new Error('no PersistablesError')
const main = async () => {
  class Note extends persistable('Note', {}) {}
  const repo = await openRepository({ url: 'file:./cjs.db', types: [Note] })
  const saved = await repo.save(new Note({ name: 'n' }))
  if (saved.version !== 1) throw new Error('version ' + saved.version)
  await repo.close()
  const esm = await import('persistables')
  if (esm.PersistablesError !== PersistablesError) throw new Error('two copies of the classes')
  const { s3Store } = require('persistables/s3')
  if ((await import('persistables/s3')).s3Store !== s3Store) throw new Error('two copies of the S3 store')
  // its SDK is an optional peer, which an empty project has not
  const code = await s3Store({ bucket: 'models' }).size('0'.repeat(64)).catch((error) => error.code)
  if (code !== 'MISSING_DEPENDENCY') throw new Error('without the SDK: ' + code)
  const missing = Object.keys(require('persistables')).filter((name) => !(name in esm))
  if (missing.length > 0) throw new Error('not exported to ES modules: ' + missing)
}
main()
`
const ESM = `
import { openRepository, persistable } from 'persistables'
class Note extends persistable('Note', {}) {}
const repo = await openRepository({ url: 'file:./esm.db', types: [Note] })
await repo.save(new Note({ name: 'n' }))
const loaded = await repo.load(Note, 'n')
if (loaded.hash === undefined || loaded.version !== 1) throw new Error('not loaded')
await repo.close()
`

const check = (folder: string): void => {
  const packed = run('npm pack', 'npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], ROOT)
  if (faults.length > 0) return
  const [{ filename, files }] = JSON.parse(packed) as [{ filename: string; files: { path: string }[] }]
  const tarball = join(folder, filename)
  checkFiles(files.map(({ path }) => path))
  run('publint', process.execPath, [join(ROOT, 'node_modules/publint/src/cli.js'), 'run', tarball, '--strict'], folder)
  run(
    'are the types wrong',
    process.execPath,
    [join(ROOT, 'node_modules/@arethetypeswrong/cli/dist/index.js'), tarball, '--no-definitely-typed'],
    folder,
  )

  const project = join(folder, 'project')
  mkdirSync(join(project, 'node_modules'), { recursive: true })
  writeFileSync(join(project, 'package.json'), '{ "name": "empty", "private": true }\n')
  writeFileSync(join(project, 'index.cjs'), CJS)
  writeFileSync(join(project, 'index.mjs'), ESM)
  if (process.argv.includes('--install')) run('npm install of the tarball', 'npm', ['install', '--no-audit', '--no-fund', tarball], project)
  else {
    run('unpack', 'tar', ['xzf', tarball, '-C', folder], folder)
    cpSync(join(folder, 'package'), join(project, 'node_modules/persistables'), { recursive: true })
    linkDependencies(project)
  }
  run('require', process.execPath, ['index.cjs'], project)
  run('import', process.execPath, ['index.mjs'], project)
  for (const [name, file] of Object.entries(manifest.bin)) {
    const path = join(project, 'node_modules/persistables', file)
    if (!existsSync(path)) continue // told above
    if (!readFileSync(path, 'utf8').startsWith('#!/usr/bin/env node\n')) faults.push(`${file} does not begin with #!/usr/bin/env node`)
    const version = run(`${name} --version`, process.execPath, [path, '--version'], project).trim()
    if (!version.includes(manifest.version)) faults.push(`${name} --version says "${version}", package.json ${manifest.version}`)
  }
}

const folder = mkdtempSync(join(tmpdir(), 'persistables-package-'))
try {
  check(folder)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
if (faults.length > 0) console.error(`\n${faults.join('\n\n')}`)
process.exitCode = faults.length > 0 ? 1 : 0
