import { inspect } from 'node:util'
import { isPersistablesError, redact } from '../errors'
import type { Logger } from '../types'
import { UsageError } from './exit'
import { type Io, write } from './io'
import { type Paint, paint } from './render'

/** How a command answers: text for people, or with `--json` one document on stdout. */
export interface Output {
  readonly json: boolean
  /** for text on stdout */
  readonly paint: Paint
  /** the answer, once per command: `document` as JSON, or the text; a line end is added */
  result(document: unknown, text: () => string): Promise<void>
  /** one line of an answer that comes bit by bit; not for `--json` */
  line(text: string): Promise<void>
  /** a remark for people on stderr; dropped with `--json` */
  note(text: string): Promise<void>
  /** a failure on stderr; with `--json` as one line of JSON: `{"error":{"code","message","fix","details"}}` */
  failure(error: unknown): Promise<void>
  /** warnings on stderr, with `--json` as lines `{"warning":{"message","details"}}` */
  readonly logger: Logger
  /** everything that was logged is written */
  flush(): Promise<void>
}

/** Flags that decide how a command answers. */
export interface OutputFlags {
  readonly json?: boolean | undefined
  readonly debug?: boolean | undefined
  readonly color?: boolean | undefined
}

/** Makes the {@link Output} of a command. */
export function output(io: Io, flags: OutputFlags): Output {
  const json = flags.json ?? false
  const debug = flags.debug ?? false
  const colored = (isTTY: boolean | undefined): boolean => isTTY === true && flags.color !== false && !io.env['NO_COLOR'] && io.env['TERM'] !== 'dumb'
  const errors = paint(colored(io.stderr.isTTY))
  // Whoever closed stderr does not want to hear of it.
  let last: Promise<void> = Promise.resolve()
  const say = (text: string): Promise<void> => (last = last.then(() => write(io.stderr, `${text}\n`)).catch(() => {}))

  const shown = (error: unknown): string => {
    const { message } = describe(error)
    const trace = debug && !(error instanceof UsageError) ? `\n${hide(stack(error))}` : ''
    return `${errors('red', 'error:')} ${message}${trace}`
  }

  return {
    json,
    paint: paint(colored(io.stdout.isTTY) && !json),
    result: (document, text) => write(io.stdout, `${json ? JSON.stringify(document, null, 2) : text()}\n`),
    line: (text) => write(io.stdout, `${text}\n`),
    note: (text) => (json ? Promise.resolve() : say(text)),
    failure: (error) => say(json ? JSON.stringify({ error: { ...describe(error), ...(debug && { stack: hide(stack(error)) }) } }) : shown(error)),
    logger: {
      warn: (message, details) =>
        void say(
          json
            ? JSON.stringify({ warning: { message: hide(message), ...(details && { details: plain(details) }) } })
            : `${errors('yellow', 'warning:')} ${hide(message)}`,
        ),
    },
    flush: () => last,
  }
}

/** The code of an error that is none of the registry's. */
type OtherCode = 'USAGE' | 'UNEXPECTED'

function describe(error: unknown): { code: string | OtherCode; message: string; fix: string | null; details: unknown } {
  if (isPersistablesError(error))
    return { code: error.code, message: hide(error.message), fix: error.fix === undefined ? null : hide(error.fix), details: plain(error.details) }
  if (error instanceof UsageError) return { code: 'USAGE', message: hide(error.message), fix: hide(error.fix), details: {} }
  const { message } = error instanceof Error ? error : new Error(String(error))
  const { code, path } = error as NodeJS.ErrnoException
  const details = { ...(typeof code === 'string' && { reason: code }), ...(typeof path === 'string' && { path }) }
  return { code: 'UNEXPECTED', message: hide(message || 'An error without a message.'), fix: null, details }
}

/** `text` without the credentials of urls: all of a word up to its last @, because a password may hold one that nobody escaped. */
export function hide(text: string): string {
  return redact(text.replace(/\b(?!file:)([a-z][a-z0-9+.-]*:\/\/)\S*@/gi, '$1***@'))
}

function plain(details: unknown): unknown {
  const seen = JSON.stringify(details, (_, value: unknown) => {
    if (typeof value === 'bigint') return value.toString()
    if (value instanceof Error) return hide(value.message)
    return typeof value === 'string' ? hide(value) : value
  })
  return seen === undefined ? {} : (JSON.parse(seen) as unknown)
}

function stack(error: unknown): string {
  const texts: string[] = []
  for (let at: unknown = error; at !== undefined && at !== null && texts.length < 8; at = (at as { cause?: unknown }).cause) {
    texts.push(at instanceof Error ? (at.stack ?? at.message) : inspect(at, { depth: 1 }))
  }
  return texts.join('\ncaused by: ')
}
