import type { Command } from 'commander'
import type { Check, Checks } from '../checks/check'
import type { Context, Start } from '../context'
import type { ExitCode } from '../exit'
import { hide } from '../output'

/** `persistables doctor`. */
export function addDoctor(program: Command, start: Start): void {
  program
    .command('doctor')
    .summary('check the installation, the database and the stores')
    .description(
      'Checks Node, Prisma, the configuration, the database with its schema and settings, and every store, and says how to mend what is wrong. The exit code is 1 when something ' +
        'fails. To see whether a store can be written, a few bytes are written to it and removed; nothing else is changed.',
    )
    .addHelpText(
      'after',
      `
Examples:
  $ persistables doctor
  $ persistables doctor --json | jq '.checks[] | select(.status != "ok")'

With --json: {"ok": true or false, "checks": [{"name", "status": "ok" or "warn" or "fail", "message", "fix"}]}`,
    )
    .action(() => start(doctor))
}

async function doctor(context: Context): Promise<ExitCode> {
  const { output } = context
  const checks: Check[] = []
  for await (const raw of look(context)) {
    const check = { ...raw, message: hide(raw.message), ...(raw.fix !== undefined && { fix: hide(raw.fix) }) }
    checks.push(check)
    if (!output.json) await output.line(lineOf(context, check))
  }
  const bad = checks.filter(({ status }) => status === 'fail').length
  if (output.json)
    await output.result(
      { ok: bad === 0, checks: checks.map(({ name, status, message, fix }) => ({ name, status, message, fix: fix ?? null })) },
      () => '',
    )
  return bad === 0 ? 0 : 1
}

const COLORS = { ok: 'green', warn: 'yellow', fail: 'red' } as const

function lineOf({ output }: Context, { name, status, message, fix }: Check): string {
  const advice = fix === undefined || fix === '' ? '' : `\n      ${fix}`
  return `${output.paint(COLORS[status], status.padEnd(4))}  ${name}: ${message}${advice}`
}

async function* look({ io, flags }: Context): Checks {
  const [{ checkEnvironment }, { failed, ok }, { settingsOf }, { targetOf }] = await Promise.all([
    import('../checks/environment'),
    import('../checks/check'),
    import('../settings'),
    import('../../connect/target'),
  ])
  const settings = await settingsOf(io, flags).catch((error: unknown) => ({ error }))
  const read = 'error' in settings ? null : settings
  let postgres = false
  try {
    postgres = read !== null && targetOf(read.url, read.base).provider === 'postgresql'
  } catch {
    // Said below, where the database is connected.
  }
  yield* checkEnvironment({ node: process.versions.node, cwd: io.cwd, postgres })
  const { checkGenerated } = await import('../checks/generated')
  const generated = await checkGenerated(io.cwd)
  if (generated !== undefined) yield generated
  if ('error' in settings) return void (yield failed('config', settings.error))
  yield ok('config', `${settings.file ?? 'no file'}; url by ${settings.urlSource}, project "${settings.project}" by ${settings.projectSource}`)
  const [{ connectTo, storesOf }, { checkDatabase }, { checkStores }, { registryIdOf }, { dialectOf }] = await Promise.all([
    import('../session'),
    import('../checks/database'),
    import('../checks/stores'),
    import('../../connect/facts'),
    import('../../dialect'),
  ])
  const connection = await connectTo(settings).catch((error: unknown) => ({ error }))
  if ('error' in connection) {
    yield failed('database', connection.error)
    // The default store lies beside a database; those of the config can be looked at without one.
    return void (settings.stores !== undefined && (yield* checkStores(settings.stores, undefined)))
  }
  try {
    const sound = yield* checkDatabase(connection)
    const registry = sound ? await registryIdOf(connection.client, dialectOf(connection.provider, connection.schema)) : undefined
    const stores = storesOf(settings, connection)
    yield* checkStores(stores.values(), registry)
    for (const store of stores.values()) await store.close?.()
  } finally {
    await connection.close()
  }
}
