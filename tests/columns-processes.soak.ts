import { killWithColumns, saveWithColumns } from './columns-processes'

for (const provider of ['sqlite', 'postgresql'] as const) {
  for (const writes of ['statements', 'models'] as const) {
    test(`8 processes x 100 saves of one name with columns, by ${writes} (${provider})`, async () => {
      await saveWithColumns(provider, writes, { workers: 8, saves: 100 })
    }, 600_000)

    test(`8 processes that are killed while they save columns, by ${writes} (${provider})`, async () => {
      await killWithColumns(provider, writes, { workers: 8, rounds: 5 })
    }, 600_000)
  }
}
