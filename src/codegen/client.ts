import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { redact } from '../errors'
import type { Project } from './project'

/** Runs the project's own `prisma generate`. Gives what it said where it failed. */
export function generateClient({ root, schema }: Pick<Project, 'root' | 'schema'>): Promise<string | undefined> {
  let cli: string
  try {
    cli = createRequire(join(root, '_')).resolve('prisma/build/index.js')
  } catch {
    return Promise.resolve('prisma is not installed (npm install -D prisma@7).')
  }
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [cli, 'generate', '--schema', schema], {
      cwd: root,
      // the first would ask the network for news, and wait for it
      env: { CHECKPOINT_DISABLE: '1', PRISMA_HIDE_UPDATE_MESSAGE: '1', ...process.env, PATH: binaries(root) },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const said: Buffer[] = []
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => said.push(chunk))
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code) => resolve(code === 0 ? undefined : redact(Buffer.concat(said).toString().trim())))
  })
}

// Generators are commands: where npm put them, as npx would find them.
function binaries(root: string): string {
  const folders: string[] = []
  for (let at = root; ; at = dirname(at)) {
    folders.push(join(at, 'node_modules', '.bin'))
    if (at === dirname(at)) break
  }
  return [...folders, process.env['PATH'] ?? ''].join(delimiter)
}
