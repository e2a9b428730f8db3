import { killWithColumns, saveWithColumns } from './columns-processes'

// By models it is in columns-processes.soak.ts.
for (const provider of ['sqlite', 'postgresql'] as const) {
  test(`8 processes x 20 saves of one name with columns (${provider})`, async () => {
    await saveWithColumns(provider, 'statements', { workers: 8, saves: 20 })
  }, 240_000)

  test(`8 processes that are killed while they save columns (${provider})`, async () => {
    await killWithColumns(provider, 'statements', { workers: 8, rounds: 1 })
  }, 240_000)
}
