import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { PersistablesError } from '../errors'
import { near } from './names'
import type { SchemaConfig } from './schema'

const EXTENSIONS = ['', 'ts', 'mts', 'cts', 'js', 'mjs', 'cjs']

/** What stands behind the path of an import of a file: `''` or, with its dot, an ending. Throws `INVALID_TYPE` for an option that is none. */
export function endingOf(option: unknown): string {
  if (option === undefined || option === '') return ''
  const name = typeof option === 'string' ? option.replace(/^\./, '') : ''
  if (EXTENSIONS.includes(name) && name !== '') return `.${name}`
  throw new PersistablesError(
    'INVALID_TYPE',
    `The generator block of persistables has an importFileExtension ${JSON.stringify(option)} that means nothing.`,
    {
      fix: near(name, EXTENSIONS),
    },
  )
}

/**
 * What a project's imports want, as Prisma's own generator finds it out: what the client's block says, else what goes with the tsconfig.json beside the
 * project's package.json, else `ts`, which whatever runs TypeScript as it is wants.
 */
export function wantedExtension(root: string, { generators }: SchemaConfig): string {
  const client = generators.find(({ provider }) => /^prisma-client(-js)?$/.test(provider.value ?? ''))
  const given = client?.config['importFileExtension']
  if (typeof given === 'string') return given
  const options = compilerOptions(join(root, 'tsconfig.json'))
  if (options === undefined) return 'ts'
  if (options['allowImportingTsExtensions'] === true || options['rewriteRelativeImportExtensions'] === true) return 'ts'
  const [kind, resolution] = [options['module'], options['moduleResolution']].map((each) => String(each ?? '').toLowerCase())
  return kind === 'commonjs' || resolution === 'bundler' ? '' : 'js'
}

// With what it extends. A configuration that cannot be read counts as one that says nothing.
function compilerOptions(path: string, depth = 0): Readonly<Record<string, unknown>> | undefined {
  if (!existsSync(path) || depth > 10) return undefined
  let config: { extends?: unknown; compilerOptions?: Record<string, unknown> }
  try {
    config = JSON.parse(plain(readFileSync(path, 'utf8'))) as typeof config
  } catch {
    return {}
  }
  const parents = [config.extends ?? []].flat().filter((each) => typeof each === 'string')
  const inherited = parents.map((parent) => compilerOptions(placeOf(parent, path), depth + 1))
  return Object.assign({}, ...inherited, config.compilerOptions) as Readonly<Record<string, unknown>>
}

function placeOf(parent: string, from: string): string {
  if (!parent.startsWith('.') && !parent.startsWith('/')) {
    try {
      return createRequire(from).resolve(parent)
    } catch {
      return join(dirname(from), 'node_modules', parent, 'tsconfig.json')
    }
  }
  const path = join(parent.startsWith('/') ? '/' : dirname(from), parent)
  return existsSync(path) ? path : `${path}.json`
}

// JSON out of what TypeScript takes: without comments, and without commas before a closing bracket.
function plain(text: string): string {
  return text
    .replace(/("(?:[^"\\]|\\.)*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_, string?: string) => string ?? '')
    .replace(/("(?:[^"\\]|\\.)*")|,(\s*[}\]])/g, (_, string?: string, close?: string) => string ?? close ?? '')
}
