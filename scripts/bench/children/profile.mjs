// One kind of work, again and again, for a profiler to look at: node --cpu-prof profile.mjs <save | load | write | read | verify> <times> <url> <files>
import { randomBytes } from 'node:crypto'
import { artifact, bytes, diskStore, openRepository, persistable, typed } from 'persistables'

const [, , work, times, url, files] = process.argv
const SIZE = 64 * 1024
const CONFIG = { rate: 0.1, layers: [64, 32, 10], data: { url: 'https://example.org/penguins.json', rows: 344 } }
class Report extends persistable('Report', { config: typed() }) {}
class Dump extends persistable('Dump', { artifacts: { data: artifact(bytes().to('disk')) } }) {}

const repo = await openRepository({ url, types: [Report, Dump], stores: [diskStore(files)] })
const save = () => repo.save(new Report({ name: 'report', config: CONFIG }))
const write = () => repo.save(new Dump({ name: 'dump', artifacts: { data: randomBytes(SIZE) } }))

const WORK = {
  save: { once: save },
  load: { before: save, once: () => repo.load(Report, 'report') },
  write: { once: write },
  read: { before: write, once: async () => (await repo.load(Dump, 'dump')).artifact('data') },
  verify: {
    async before() {
      for (let i = 0; i < 1000; i++) await write()
    },
    async once() {
      for await (const { kind, ref } of repo.verify()) if (kind !== 'ok') throw new Error(`${ref} is ${kind}`)
    },
  },
}

const { before, once } = WORK[work]
await before?.()
const start = performance.now()
for (let i = 0; i < Number(times); i++) await once()
console.log(`${work}: ${((performance.now() - start) / Number(times)).toFixed(3)} ms each`)
await repo.close()
