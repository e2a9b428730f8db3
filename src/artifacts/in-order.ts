/**
 * Runs `work` on items, up to `limit` at once, and gives the results in the order of the items. Takes an item only when there is room. Whoever stops early,
 * or an error, waits for what is under way.
 */
export async function* inOrder<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  limit: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const underWay: Promise<R>[] = []
  try {
    for await (const item of items) {
      const result = work(item)
      // Whoever comes to it gets the error; until then it is nobody's.
      result.catch(() => {})
      underWay.push(result)
      if (underWay.length >= limit) yield await (underWay.shift() as Promise<R>)
    }
    for (let next = underWay.shift(); next !== undefined; next = underWay.shift()) yield await next
  } finally {
    await Promise.allSettled(underWay)
  }
}
