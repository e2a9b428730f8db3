import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { addCopy } from './commands/copy'
import { addDoctor } from './commands/doctor'
import { addGc } from './commands/gc'
import { addGenerate } from './commands/generate'
import { addGet } from './commands/get'
import { addInit } from './commands/init'
import { addLs } from './commands/ls'
import { addMigrate } from './commands/migrate'
import { addNew } from './commands/new'
import { addRm } from './commands/rm'
import { addShow } from './commands/show'
import { addVerify } from './commands/verify'
import { addVersions } from './commands/versions'
import type { Context, Start } from './context'
import { EXIT_CODES, type ExitCode, exitCodeOf, UsageError } from './exit'
import { type Io, type Out, ReaderGone, write } from './io'
import { output } from './output'

/**
 * Runs one command line. Looks at nothing of the process but what `io` gives, writes to its streams, throws nothing.
 *
 * @param argv - arguments after the program's name
 * @returns the exit code, one of {@link EXIT_CODES}
 * @example
 * process.exitCode = await main(['ls', '--json'], { cwd: process.cwd(), env: process.env, stdout: process.stdout, stderr: process.stderr })
 */
export async function main(argv: readonly string[], io: Io): Promise<ExitCode> {
  // Without a listener a stream that breaks would end the process; whoever writes is told by the write itself.
  const ignore = (): void => {}
  for (const stream of [io.stdout, io.stderr]) stream.on('error', ignore)
  try {
    return await run(argv, io)
  } finally {
    for (const stream of [io.stdout, io.stderr]) stream.off('error', ignore)
  }
}

async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  let code: ExitCode = 0
  let at = ''
  // Not the flag as read: where the command line is wrong, not all of it is read.
  const json = (argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv).includes('--json')
  const printed: Promise<void>[] = []
  // Help for a pager that was left is no failure.
  const print = (stream: Out) => (text: string) => void printed.push(write(stream, text).catch(() => {}))
  const program = new Command('persistables')
  const context = (): Context => {
    const given = program.opts<Context['flags']>()
    const flags = { ...given, json, debug: given.debug || on(io.env['PERSISTABLES_DEBUG']) }
    return { io, flags, output: output(io, flags) }
  }
  const start: Start = async (work) => {
    const given = context()
    try {
      code = await work(given)
    } finally {
      await given.output.flush()
    }
  }

  program
    .description('Looks into a registry of versioned, hashed, verified datasets, models, metrics and reports, and keeps it in order.')
    .usage('<command> [options]')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: print(io.stdout),
      // With --json the error alone is the answer, and it says how to ask for help.
      writeErr: json ? () => {} : print(io.stderr),
      outputError: () => {},
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .showSuggestionAfterError()
    .version(version(), '-V, --version', 'print the version')
    .option('--url <url>', 'file:<path> or postgresql://… (PERSISTABLES_URL)')
    .option('--project <project>', 'look into this project (PERSISTABLES_PROJECT; default: default)')
    .option('--json', 'answer with one JSON document')
    .option('--debug', 'show stack traces of errors (PERSISTABLES_DEBUG=1)')
    .option('--no-color', 'no colours (NO_COLOR); there are none but on a terminal')
    .addHelpText('after', EPILOGUE)
  const commands = [addInit, addNew, addGenerate, addLs, addShow, addVersions, addGet, addRm, addVerify, addGc, addMigrate, addCopy, addDoctor]
  for (const add of commands) add(program, start)
  // Of `new` it is the config of a type; no registry is opened there.
  if (argv.find((word) => !word.startsWith('-')) !== 'new')
    program.option('--config <file>', 'use this configuration (PERSISTABLES_CONFIG; default: the nearest persistables.config.ts)')
  program.exitOverride()
  for (const command of program.commands) {
    command.exitOverride((error) => {
      at = ` ${command.name()}`
      throw error
    })
  }

  try {
    await program.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    code = await explain(error)
  }
  await Promise.all(printed)
  return code

  async function explain(error: unknown): Promise<ExitCode> {
    if (error instanceof ReaderGone) return 0
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    // Without a command the help itself is the answer, on stderr already.
    if (error instanceof CommanderError && error.code === 'commander.help' && !json) return 2
    const usage = error instanceof CommanderError ? usageError(error, at) : error
    await context().output.failure(usage)
    return exitCodeOf(usage)
  }
}

const on = (variable: string | undefined): boolean => variable !== undefined && variable !== '' && variable !== '0'

function usageError(error: CommanderError, at: string): UsageError {
  if (error.code === 'commander.help') return new UsageError('No command is given.', 'Run `persistables --help` to see which there are.')
  const [what = '', ...hints] = error.message.replace(/^error: /, '').split('\n')
  const near = hints.map((hint) => hint.replace(/^\((.*)\)$/, '$1')).join(' ')
  const message = `${what.charAt(0).toUpperCase()}${what.slice(1)}${/[.?!]$/.test(what) ? '' : '.'}`
  return new UsageError(message, `${near === '' ? '' : `${near} `}Run \`persistables${at} --help\` to see what there is.`)
}

function version(): string {
  for (let folder = __dirname; folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: unknown; version?: unknown }
      if (manifest.name === 'persistables') return String(manifest.version)
    } catch {
      // Further up.
    }
  }
  return 'unknown'
}

const EPILOGUE = `
Examples:
  $ persistables ls --latest
  $ persistables show Classifier/clf@3
  $ persistables get Classifier/clf@3 weights -o weights.bin
  $ persistables doctor

References:
  Type/name means its newest version; Type/name@3 a version, Type/name@prod an alias. An id (uuid) will do as well, and a name
  without its type where one type alone has the name.

Settings, strongest first:
  flags; PERSISTABLES_URL, PERSISTABLES_PROJECT; persistables.config.ts (or .mts, .js, .mjs, .cjs), found from the working directory
  upwards; the default: .persistables/registry.db beside the nearest package.json. DATABASE_URL is not read: a configuration can
  pass it on. No command but migrate makes a database or changes its tables.

With --json stdout is one JSON document, and stderr lines of JSON: {"warning": …}, and at last {"error": {"code", "message", "fix",
"details"}} where the command failed. Then stdout is empty.

Exit codes:
${Object.entries(EXIT_CODES)
  .map(([code, means]) => `  ${code}  ${means}`)
  .join('\n')}`
