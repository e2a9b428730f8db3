import { faultCampaign } from './faults'
import { onEveryProvider } from './registries'

// The whole of it is in faults.soak.ts.
onEveryProvider((make) => {
  test('faults of stores, kills, lost pins and damage: nothing wrong is read, nothing that is referred to is lost', async () => {
    await faultCampaign(await make(), 30, { time: 2000 })
  }, 180_000)
})
