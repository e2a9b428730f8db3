import { isPersistablesError, PersistablesError } from '../../src'

/** The error of bad arguments or files: what is wrong, and what to do. */
export const usage = (what: string, fix: string): PersistablesError => new PersistablesError('INVALID_OPTION', what, { fix })

/** Ends a script that threw: a coded message for bad input (2), else the stack (1). */
export const ended = (error: unknown): void => {
  const coded = isPersistablesError(error) || String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS')
  if (coded) console.error(`${(error as NodeJS.ErrnoException).code}: ${(error as Error).message}`)
  else console.error(error instanceof Error ? (error.stack ?? error.message) : error)
  process.exitCode = coded ? 2 : 1
}
