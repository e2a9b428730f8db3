// npm run generate [-- --check]: everything that is checked in and made from prisma/: the models beside each provider's base.prisma, the generated
// clients, and the migrations as a module. With --check nothing is written, and what differs is listed.
import { createHash } from 'node:crypto'
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PROVIDERS, type Provider, ROOT, runPrisma } from './prisma-cli'

const MODELS = 'prisma/models.prisma'

const read = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined)

const filesIn = async (folder: string): Promise<string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
}

/** As a template literal; a bare CR in one would be read back as LF, and the checksum would no longer fit. */
const literal = (text: string): string => `\`${text.replace(/[\\`]|\$\{/g, '\\$&').replaceAll('\r', '\\r')}\``

/** `generated/migrations.ts`: the SDK applies these without finding its own package's files, in a bundle as well. */
const renderMigrations = async (): Promise<string> => {
  const listOf = async (provider: Provider): Promise<string> => {
    const folder = join(ROOT, 'prisma', provider, 'migrations')
    const names = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory()).map((entry) => entry.name)
    const items = names.sort().map(async (name) => {
      const sql = await readFile(join(folder, name, 'migration.sql'), 'utf8')
      const checksum = createHash('sha256').update(sql).digest('hex')
      return `    {\n      name: '${name}',\n      checksum: '${checksum}',\n      sql: ${literal(sql)},\n    },\n`
    })
    return `  ${provider}: [\n${(await Promise.all(items)).join('')}  ],\n`
  }
  return `// Generated from prisma/*/migrations by \`npm run generate\`: do not edit.

export interface Migration {
  /** Name of the migration's folder. */
  readonly name: string
  /** sha256 of the file as hex, which Prisma keeps in \`_prisma_migrations\`. */
  readonly checksum: string
  readonly sql: string
}

export const MIGRATIONS: { readonly sqlite: readonly Migration[]; readonly postgresql: readonly Migration[] } = {
${(await Promise.all(PROVIDERS.map(listOf))).join('')}}
`
}

/** Everything made from prisma/, as a map from path to content. Made in a copy of prisma/, so that nothing half-made is ever seen in place. */
const render = async (): Promise<Map<string, string>> => {
  const made = new Map<string, string>()
  const copy = await mkdtemp(join(tmpdir(), 'persistables-generate-'))
  try {
    await cp(join(ROOT, 'prisma'), join(copy, 'prisma'), { recursive: true })
    const models = await readFile(join(ROOT, MODELS), 'utf8')
    for (const provider of PROVIDERS) {
      await copyFile(join(ROOT, MODELS), join(copy, 'prisma', provider, 'models.prisma'))
      made.set(`prisma/${provider}/models.prisma`, models)
      const { code, output } = await runPrisma(['generate', '--schema', join(copy, 'prisma', provider)], { provider })
      if (code !== 0) throw new Error(`prisma generate failed for ${provider}:\n${output}`)
    }
    const generated = join(copy, 'generated')
    for (const file of await filesIn(generated)) {
      const content = await readFile(join(generated, file), 'utf8')
      if (content.includes(copy) || content.includes(ROOT)) throw new Error(`generated/${file} names a folder of this machine`)
      made.set(`generated/${file}`, content)
    }
    made.set('generated/migrations.ts', await renderMigrations())
    return made
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

const main = async (check: boolean): Promise<void> => {
  const made = await render()
  const stale = (await filesIn(join(ROOT, 'generated'))).map((file) => `generated/${file}`).filter((file) => !made.has(file))
  const changed: string[] = []
  for (const [path, content] of made) if ((await read(join(ROOT, path))) !== content) changed.push(path)
  const differing = [...changed, ...stale.map((path) => `${path} (should not be there)`)]
  if (check) {
    if (differing.length === 0) return console.log('Everything generated is up to date.')
    console.error(`Not what prisma/ would generate:\n${differing.map((path) => `  ${path}\n`).join('')}Run: npm run generate`)
    process.exitCode = 1
    return
  }
  for (const path of changed) {
    await mkdir(dirname(join(ROOT, path)), { recursive: true })
    await writeFile(join(ROOT, path), made.get(path) ?? '')
  }
  for (const path of stale) await rm(join(ROOT, path))
  console.log(differing.length === 0 ? 'Nothing to do: everything generated is up to date.' : `Wrote or removed:\n  ${differing.join('\n  ')}`)
}

void main(process.argv.includes('--check'))
