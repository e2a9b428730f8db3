import { keepingMany } from './many'
import { onEveryProvider } from './registries'

// With a hundred thousand of them in many.soak.ts.
onEveryProvider((make) => {
  test('verify and gc of 500 artifacts find all of them, in little memory', async () => keepingMany(await make(), 50), 120_000)
})
