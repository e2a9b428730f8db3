import { faultCampaign } from './faults'
import { onEveryProvider } from './registries'

onEveryProvider((make) => {
  test('a thousand faults of stores, kills, lost pins and damages: nothing wrong is read, nothing that is referred to is lost', async () => {
    await faultCampaign(await make(), 1000, { time: 8000 })
  }, 3_600_000)
})
