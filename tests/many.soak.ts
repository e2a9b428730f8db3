import { keepingMany } from './many'
import { onEveryProvider } from './registries'

onEveryProvider((make) => {
  test('verify and gc of 100,000 artifacts in under 150 MB of memory', async () => keepingMany(await make(), 10_000), 1_800_000)
})
