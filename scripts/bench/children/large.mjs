// One large artifact: node large.mjs <save | copy> <disk | s3> <url> <files or endpoint> <source>
// `copy` is the bare counterpart: hash the file, then put it there.
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { artifact, bytes, diskStore, openRepository, persistable } from 'persistables'
import { begin } from './begin.mjs'

const [, , work, kind, url, place, source] = process.argv
const credentials = { accessKeyId: 'bench', secretAccessKey: 'bench' }
class Dump extends persistable('Dump', { artifacts: { data: artifact(bytes().to(kind)) } }) {}

const onS3 = async () => {
  const [{ s3Store }, { uploader }] = await Promise.all([import('persistables/s3'), import('./upload.mjs')])
  return { store: s3Store({ bucket: 'models', prefix: 'ours', endpoint: place, credentials }), put: uploader(place, credentials) }
}
const onDisk = () => ({
  store: diskStore(place),
  put: (key) => pipeline(stream(), createWriteStream(`${place}/${key}`, { flush: true })),
})
const stream = () => createReadStream(source, { highWaterMark: 2 ** 20 })

// Both kinds of work begin with the same things in memory.
const { store, put } = await (kind === 's3' ? onS3() : onDisk())
const repo = await openRepository({ url, types: [Dump], stores: [store] })

const WORK = {
  save: () => repo.save(new Dump({ name: 'dump', artifacts: { data: stream() } })),
  async copy() {
    const hash = createHash('sha256')
    for await (const chunk of stream()) hash.update(chunk)
    await put(`${randomUUID()}-${hash.digest('hex')}`, source)
  },
}

const tell = begin()
await WORK[work]()
tell()
await repo.close()
