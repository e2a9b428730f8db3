import { churn } from './churn'
import { onEveryProvider } from './registries'

// The short form, of one name by statements, is in concurrency.test.ts.
onEveryProvider((make) => {
  test('8 processes x 100 saves over 100 names, while the newest are deleted and transactions roll back', async () => {
    await churn(await make(), { workers: 8, saves: 100, names: 100, writes: 'statements' })
  }, 600_000)
  test('8 processes x 100 saves of one name by models, while the newest are deleted and transactions roll back', async () => {
    await churn(await make(), { workers: 8, saves: 100, names: 1, writes: 'models' })
  }, 600_000)
})
