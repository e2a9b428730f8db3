/** Rows of a first page, of which nothing is known. */
export const FIRST_PAGE = 10
/** Rows of a page at most. */
export const LARGEST_PAGE = 50
/** Characters of JSON that a page should not exceed: what is read lies about as garbage for a while. */
const CHARACTERS = 120_000

/** Rows of the next page, when the last one had so many rows of so many characters: many small ones, few large ones. */
export function nextPage(rows: number, characters: number): number {
  const each = characters / Math.max(1, rows)
  return Math.max(1, Math.min(LARGEST_PAGE, Math.floor(CHARACTERS / Math.max(1, each))))
}
