/** What is read of rows at once: many small ones, few large ones. What is read lies about as garbage for a while. */
const MOST = { rows: 50, characters: 120_000 }

/** Number of rows of a page, when the widest of all has so many characters. */
export function pageSize(widest: number): number {
  return Math.max(1, Math.min(MOST.rows, Math.floor(MOST.characters / Math.max(1, widest))))
}
