import { isPersistablesError, reason } from '../../errors'

/** One thing that doctor looked at. */
export interface Check {
  readonly name: string
  readonly status: 'ok' | 'warn' | 'fail'
  readonly message: string
  /** what to do about it; with `warn` and `fail` */
  readonly fix?: string
}

/** Things looked at, as they are known. */
export type Checks = AsyncGenerator<Check, void, undefined>

export const ok = (name: string, message: string): Check => ({ name, status: 'ok', message })
export const warn = (name: string, message: string, fix: string): Check => ({ name, status: 'warn', message, fix })
export const fail = (name: string, message: string, fix: string): Check => ({ name, status: 'fail', message, fix })

/** A failure as a check: its message without the advice, which stands apart. */
export function failed(name: string, error: unknown): Check {
  if (!isPersistablesError(error)) return fail(name, reason(error), 'Run `persistables doctor --debug` for more.')
  const { message, fix } = error
  return fail(name, fix === undefined ? message : message.slice(0, message.length - fix.length).trim(), fix ?? '')
}
