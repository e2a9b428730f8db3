// From nothing to a first save: node cold-registry.mjs <url>
import { begin } from './begin.mjs'

const tell = begin()
const { openRepository, persistable, typed } = await import('persistables')
class Report extends persistable('Report', { config: typed() }) {}
const repo = await openRepository({ url: process.argv[2], types: [Report], author: 'bench' })
await repo.save(new Report({ name: 'cold', config: { rate: 0.1, layers: [64, 32, 10] } }))
tell()
await repo.close()
