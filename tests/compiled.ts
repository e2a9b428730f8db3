import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { transformSync } from '@swc/core'

const ROOT = join(__dirname, '..')
const SOURCES = ['src/errors', 'src/types', 'src/ref', 'src/normal', 'src/hash', 'tests/hash-values']

/**
 * The pure modules as JavaScript in a folder of their own, for processes without Jest and for other versions of Node: `<folder>/src/*.js`,
 * `<folder>/tests/hash-values.js`. Run them with `NODE_PATH` set to {@link MODULES}, and remove the folder with {@link remove}.
 */
export function compiled(): string {
  const folder = mkdtempSync(join(tmpdir(), 'persistables-compiled-'))
  const parts = readdirSync(join(ROOT, 'src/normal')).map((file) => `src/normal/${basename(file, '.ts')}`)
  for (const source of [...SOURCES, ...parts]) {
    const { code } = transformSync(readFileSync(join(ROOT, `${source}.ts`), 'utf8'), {
      jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
      module: { type: 'commonjs' },
    })
    const target = join(folder, `${source}.js`)
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, code)
  }
  return folder
}

/** Where the compiled modules find their packages. */
export const MODULES: string = join(ROOT, 'node_modules')

export function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
}
