import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The folder of this package. */
export function packageFolder(): string {
  for (let folder = __dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, 'package.json')
    if (existsSync(path) && (JSON.parse(readFileSync(path, 'utf8')) as { name?: unknown }).name === 'persistables') return folder
  }
  return __dirname
}

/** The version of this package. */
export function packageVersion(): string {
  return String((JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')) as { version?: unknown }).version)
}
