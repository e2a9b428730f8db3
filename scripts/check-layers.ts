// npm run check:layers: imports in src go down the layers, or sideways without a circle; only the named files call Prisma or touch files.
// A new file of src must be put on a line here (`*` stands for anything within a folder's name). The first pattern that fits decides.
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, relative } from 'node:path'
import ts from 'typescript'
import { ROOT } from './prisma-cli'

const LAYERS: readonly (readonly string[])[] = [
  [
    'errors',
    'types',
    'prepared',
    'page-size',
    'normal',
    'normal/*',
    'hash',
    'ref',
    'client',
    'dialect',
    'logic',
    'text-condition',
    'failure',
    'retry',
  ],
  ['artifacts/*', 'artifacts/serializers/*', 'artifacts/stores/*'],
  [
    'shape',
    'definition',
    'identity',
    'facts',
    'draft',
    'persistable',
    'registry',
    'libraries',
    'row',
    'blobs',
    'claims',
    'marks',
    'condemned',
    'amend',
    'references',
    'insert',
    'insert-models',
    'removal',
    'rows',
    'columns',
    'companion',
    'companion-failure',
    'companion-sql',
    'companion-query',
    'conditions',
    'json-filter',
    'json-node',
    'json-equality',
    'json-range',
    'json-conditions',
    'tag-conditions',
    'where-budget',
    'where',
    'order',
    'raw-row',
    'query',
    'reader',
    'staging',
  ],
  ['lineage', 'transfer', 'transfer/*', 'upkeep/*', 'connect', 'connect/*', 'migrate', 'migrate/*'],
  ['contract', 'parts', 'loading', 'saving', 'deletion', 'keeping', 'repository', 'open', 'config'],
  ['cli/*', 'codegen/*', 'testing', 'testing/*', 'parquet', 's3', 'index'],
]
/** May call a Prisma client. */
const PRISMA = [
  'client',
  'rows',
  'insert-models',
  'query',
  'blobs',
  'retry',
  'migrate',
  'migrate/*',
  'connect',
  'connect/*',
  'transfer',
  'transfer/*',
  'artifacts/stores/database-rows',
  'condemned',
  'marks',
  'amend',
]
/** May read and write files: stores for bytes, serializers of what lies on this machine, the others for database files, package.json and what a command line works on. */
const FILES = [
  'artifacts/stores/*',
  'artifacts/local/*',
  'artifacts/serializers/file',
  'artifacts/serializers/directory',
  'connect',
  'connect/*',
  'migrate',
  'migrate/*',
  'libraries',
  'cli/*',
  'codegen/*',
]
/** May be imported from outside of src; migrations and clients are made by prisma. */
const GENERATED = ['connect', 'connect/*', 'migrate', 'migrate/*']

const PRISMA_CALL = /\.\$(queryRaw|executeRaw|transaction)\w*\s*[(`<]|\.persistable(Edge|Alias|Tag|Counter|Blob|Registry|Content|Chunk)?\.\w+\(/
const COMMENT = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm
const FILE_MODULES = /^(node:fs(\/promises)?|fs(\/promises)?|graceful-fs|\.{1,2}\/(.*\/)?file-system)$/

const fits = (file: string, patterns: readonly string[]): boolean =>
  patterns.some((pattern) => (pattern.endsWith('/*') ? file.startsWith(pattern.slice(0, -1)) : file === pattern))
const layerOf = (file: string): number => LAYERS.findIndex((patterns) => fits(file, patterns))

const files = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => relative(join(ROOT, 'src'), join(entry.parentPath, entry.name)).replaceAll('\\', '/').replace(/\.ts$/, ''))
  .sort()

const faults: string[] = []
const imports = new Map<string, string[]>()
for (const file of files) {
  const text = readFileSync(join(ROOT, 'src', `${file}.ts`), 'utf8')
  if (layerOf(file) === -1) faults.push(`${file}: in no layer; add it to LAYERS in scripts/check-layers.ts`)
  const specifiers = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName)
  const inside = specifiers.filter((each) => each.startsWith('.')).map((each) => posix.join(posix.dirname(file), each))
  imports.set(
    file,
    inside.filter((target) => files.includes(target)),
  )
  for (const target of inside) {
    if (target.startsWith('../generated/')) {
      if (!fits(file, GENERATED)) faults.push(`${file}: imports ${target.slice(3)}, which is for ${GENERATED.join(', ')}`)
    } else if (!files.includes(target)) faults.push(`${file}: imports ${target}, which is not in src`)
    else if (layerOf(target) > layerOf(file)) faults.push(`${file} (layer ${layerOf(file)}): imports ${target} above it (layer ${layerOf(target)})`)
  }
  if (specifiers.some((each) => FILE_MODULES.test(each)) && !fits(file, FILES))
    faults.push(`${file}: touches files, which is for ${FILES.join(', ')}`)
  if (PRISMA_CALL.test(text.replace(COMMENT, '')) && !fits(file, PRISMA)) faults.push(`${file}: calls Prisma, which is for ${PRISMA.join(', ')}`)
}

const done = new Set<string>()
const visit = (file: string, path: readonly string[]): void => {
  if (path.includes(file)) return void faults.push(`circle: ${[...path.slice(path.indexOf(file)), file].join(' → ')}`)
  if (done.has(file)) return
  for (const target of imports.get(file) ?? []) visit(target, [...path, file])
  done.add(file)
}
for (const file of files) visit(file, [])

if (faults.length > 0) console.error(faults.join('\n'))
else console.log(`${files.length} files in ${LAYERS.length} layers: imports go down.`)
process.exitCode = faults.length > 0 ? 1 : 0
