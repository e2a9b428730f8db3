// npm run check:migrations: on both providers, the migrations applied to an empty database leave nothing to do and nothing that differs from the schema.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from './postgres'
import { PROVIDERS, type Provider, runPrisma } from './prisma-cli'

/** Runs prisma; true, if it did what was hoped for. */
const expect = async (hope: string, args: readonly string[], provider: Provider, url: string): Promise<boolean> => {
  const { code, output } = await runPrisma(args, { provider, url })
  if (code === 0) console.log(`${provider}: ${hope}`)
  else console.error(`${provider}: NOT ${hope} (exit code ${code} of prisma ${args.join(' ')})\n${output.replaceAll(url, '<url>')}`)
  return code === 0
}

const check = async (provider: Provider, url: string): Promise<boolean> =>
  (await expect('migrations apply to an empty database', ['migrate', 'deploy'], provider, url)) &&
  (await expect('history is up to date', ['migrate', 'status'], provider, url)) &&
  (await expect(
    'schema and database are the same',
    ['migrate', 'diff', '--from-config-datasource', '--to-schema', `prisma/${provider}`, '--exit-code'],
    provider,
    url,
  ))

const main = async (): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'persistables-migrations-'))
  const server = await startPostgres()
  try {
    const urls: Record<Provider, string> = {
      sqlite: `file:${join(folder, 'registry.db')}`,
      postgresql: server.url.replace(/\/postgres$/, '/registry'),
    }
    const results = await Promise.all(PROVIDERS.map((provider) => check(provider, urls[provider])))
    process.exitCode = results.every(Boolean) ? 0 : 1
  } finally {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

void main()
