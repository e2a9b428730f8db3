// One pass over a registry of many artifacts: node upkeep.mjs <verify | gc | read | sweep> <url> <files>
// `read` and `sweep` are what one would write by hand: hash what the rows name; list the files and remove those that no row names.
import { createHash } from 'node:crypto'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { artifact, bytes, diskStore, openRepository, persistable } from 'persistables'
import { begin } from './begin.mjs'

const [, , work, url, files] = process.argv
const LANES = 4
class Dump extends persistable('Dump', { artifacts: { data: artifact(bytes().to('disk')) } }) {}

// Both kinds of work begin with the same things in memory.
const repo = await openRepository({ url, types: [Dump], stores: [diskStore(files)] })

async function* digests() {
  let after = ''
  for (;;) {
    const rows = await repo.client.persistable.findMany({
      where: { id: { gt: after } },
      orderBy: { id: 'asc' },
      take: 500,
      select: { id: true, filepaths: true },
    })
    if (rows.length === 0) return
    yield rows.flatMap(({ filepaths }) => Object.values(filepaths).flatMap((patterns) => Object.values(patterns).map(({ digest }) => digest)))
    after = rows.at(-1).id
  }
}

const pathOf = (digest) => join(files, 'sha256', digest.slice(0, 2), digest.slice(2, 4), digest.slice(4))

const WORK = {
  async verify() {
    for await (const { kind, ref } of repo.verify()) if (kind !== 'ok') throw new Error(`${ref} is ${kind}`)
  },
  async gc() {
    const [report] = await repo.gc()
    if (report.condemned !== 0 || report.errors.length > 0) throw new Error(JSON.stringify(report))
  },
  async read() {
    for await (const page of digests()) {
      const lane = async (_, at) => {
        for (let i = at; i < page.length; i += LANES) {
          const found = createHash('sha256')
            .update(await readFile(pathOf(page[i])))
            .digest('hex')
          if (found !== page[i]) throw new Error(`${page[i]} is damaged`)
        }
      }
      await Promise.all(Array.from({ length: LANES }, lane))
    }
  },
  async sweep() {
    const wanted = new Set()
    for await (const page of digests()) for (const digest of page) wanted.add(digest)
    const root = join(files, 'sha256')
    for (const a of await readdir(root)) {
      for (const b of await readdir(join(root, a))) {
        for (const c of await readdir(join(root, a, b))) if (!wanted.has(a + b + c)) await rm(join(root, a, b, c))
      }
    }
  },
}

const tell = begin()
await WORK[work]()
tell()
await repo.close()
