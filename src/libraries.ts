import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { up as packageUp } from 'empathic/package'

/** Package → version: what ran when a persistable was saved. */
export type LibraryVersions = Readonly<Record<string, string>>

const captured = new Map<string, LibraryVersions>()

/**
 * Node, the platform, and the installed versions of the direct dependencies of the app around `cwd`, sorted by name.
 * Read once per folder and process; what cannot be read is left out.
 *
 * @example { node: '22.12.0', platform: 'linux-x64', 'ml-cart': '2.1.1' }
 */
export function libraryVersions(cwd: string): LibraryVersions {
  let found = captured.get(cwd)
  if (found === undefined) {
    found = Object.freeze({ node: process.versions.node, platform: `${process.platform}-${process.arch}`, ...dependencies(cwd) })
    captured.set(cwd, found)
  }
  return found
}

function dependencies(cwd: string): Record<string, string> {
  const manifest = packageUp({ cwd })
  if (manifest === undefined) return {}
  const declared = (readJson(manifest)?.['dependencies'] ?? {}) as Record<string, unknown>
  const versions = Object.keys(declared)
    .sort()
    .map((name) => [name, installedVersion(manifest, name)] as const)
  return Object.fromEntries(versions.filter((pair): pair is readonly [string, string] => pair[1] !== undefined))
}

// Resolved as Node would from the app, so that workspaces and hoisting count; read from disk, because `exports` may hide package.json.
function installedVersion(manifest: string, name: string): string | undefined {
  for (const folder of createRequire(manifest).resolve.paths(name) ?? [join(dirname(manifest), 'node_modules')]) {
    const version = readJson(join(folder, name, 'package.json'))?.['version']
    if (typeof version === 'string') return version
  }
  return undefined
}

function readJson(file: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  } catch {
    return undefined
  }
}

/** One line for each library whose version differs from the one at saving; the platform is noted in rows, not compared. */
export function libraryDifferences(saved: LibraryVersions, installed: LibraryVersions): string[] {
  return Object.entries(saved)
    .filter(([name, version]) => name !== 'platform' && installed[name] !== version)
    .map(
      ([name, version]) =>
        `${name}: saved with ${version}, ${installed[name] === undefined ? 'not among the dependencies here' : `here ${installed[name]}`}`,
    )
}
