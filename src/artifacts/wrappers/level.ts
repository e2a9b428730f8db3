import { PersistablesError } from '../../errors'

/** A strength of compression, if it is a whole number in its range. Throws `INVALID_OPTION`. */
export function level(wrapper: string, given: number, lowest: number, highest: number): number {
  if (Number.isInteger(given) && given >= lowest && given <= highest) return given
  throw new PersistablesError('INVALID_OPTION', `${wrapper}() cannot compress with a strength of ${String(given)}.`, {
    fix: `Give a whole number from ${lowest} to ${highest}.`,
    details: { wrapper, given },
  })
}
