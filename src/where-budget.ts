import { invalid } from './columns'

/** The values that one `where` may compare with: the databases take some ten thousand in one statement. */
export const MAX_VALUES = 5000

/** What is left of {@link MAX_VALUES}. */
export interface WhereBudget {
  /** Throws `INVALID_QUERY` when that is more than there is. */
  spend(values: number): void
}

/** The budget of one `where`. */
export function whereBudget(): WhereBudget {
  let spent = 0
  return {
    spend(values) {
      spent += values
      if (spent > MAX_VALUES) throw invalid(`The conditions compare with more than ${MAX_VALUES} values`, `Ask for at most ${MAX_VALUES} at once.`)
    },
  }
}
