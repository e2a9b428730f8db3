/** Rows that come in batches, all of them in one array. */
export async function gathered<Row>(batches: AsyncIterable<readonly Row[]>): Promise<Row[]> {
  const rows: Row[] = []
  // not push(...batch): a batch may have more rows than a call can have arguments
  for await (const batch of batches) for (const row of batch) rows.push(row)
  return rows
}

/** Rows that come in batches, one after the other. */
export async function* each<Row>(batches: AsyncIterable<readonly Row[]>): AsyncGenerator<Row, void, undefined> {
  for await (const batch of batches) yield* batch
}
