import { killWithColumns, saveWithColumns } from './columns-processes'

for (const provider of ['sqlite', 'postgresql'] as const) {
  for (const writes of ['statements', 'models'] as const) {
    test(`8 processes x 40 saves of one name with columns, by ${writes} (${provider})`, async () => {
      await saveWithColumns(provider, writes, { workers: 8, saves: 40 })
    }, 180_000)

    test(`8 processes that are killed while they save columns, by ${writes} (${provider})`, async () => {
      await killWithColumns(provider, writes, { workers: 8, rounds: 2 })
    }, 180_000)
  }
}
