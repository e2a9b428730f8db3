import { readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { artifact, bytes, diskStore, json, openRepository, persistable } from '../src'
import { rawOf } from '../src/client'
import { persistables } from './cli-run'
import { tempDir } from './support'

class Dataset extends persistable('Dataset', {
  artifacts: { rows: artifact(json().to('disk'), json().to('spare')), image: artifact(bytes().to('disk')) },
}) {}

const IMAGE = Buffer.alloc(1_500_000, 7)
const config = (
  declares: string,
) => `const { artifact, bytes, diskStore, json, persistable } = require(${JSON.stringify(join(__dirname, '../dist/src/index.js'))})
class Dataset extends persistable('Dataset', { artifacts: { rows: artifact(json().to('disk'), json().to('spare')), image: artifact(${declares}) } }) {}
module.exports = { types: [Dataset], stores: [diskStore(__dirname + '/.persistables/files'), diskStore(__dirname + '/spare', { name: 'spare' })] }`

/** Dataset/iris@1 and @2, and bytes that nothing refers to. */
const seeded = async () => {
  const cwd = await tempDir()
  writeFileSync(join(cwd, 'package.json'), '{"name":"app"}')
  writeFileSync(join(cwd, 'persistables.config.cjs'), config("bytes().to('disk')"))
  const stores = [diskStore(join(cwd, '.persistables/files')), diskStore(join(cwd, 'spare'), { name: 'spare' })]
  await using repo = await openRepository({ cwd, types: [Dataset], stores })
  const first = await repo.save(new Dataset({ name: 'iris', artifacts: { rows: [1], image: IMAGE } }))
  await repo.save(new Dataset({ name: 'iris', artifacts: { rows: [2], image: IMAGE } }))
  const gone = await repo.save(new Dataset({ name: 'gone', artifacts: { rows: ['gone'], image: 'g' } }))
  const db = rawOf(repo.client)
  await db.$executeRawUnsafe('DELETE FROM persistables WHERE id = ?', gone.id)
  await db.$executeRawUnsafe('UPDATE persistable_blobs SET pinned_until = 1')
  const place = (name: string, pattern: string) => {
    const record = first.filepaths[name]?.[pattern]
    return repo.stores.get(record?.store ?? '')?.locate(record?.digest ?? '') ?? ''
  }
  return { cwd, rows: place('rows', 'disk_json'), spare: place('rows', 'spare_json'), image: place('image', 'disk_bytes') }
}
const damage = (path: string): void => {
  const content = readFileSync(path)
  content[0] = (content[0] as number) ^ 1
  unlinkSync(path)
  writeFileSync(path, content)
}

test('verify says that all is well, or what is not, and repairs it when told to', async () => {
  const { cwd, rows, spare, image } = await seeded()
  const well = await persistables({ cwd }, 'verify')
  expect(well.code).toBe(0)
  expect(well.out).toMatch(/^orphan {2}[0-9a-f]{64} {2}.*No row refers to it/)
  expect(well.out.trim().split('\n').at(-1)).toMatch(/^2 versions, 6 blobs, 1\.5 MB read: 6 ok, 3 orphan$/)
  damage(rows)
  unlinkSync(image)
  const found = await persistables({ cwd }, 'verify', 'Dataset/iris@1')
  expect(found.code).toBe(4)
  expect(found.out).toMatch(/^missing {2}Dataset\/iris@1 image disk_bytes {2}.*\/sha256\/.*: There is nothing\.$/m)
  expect(found.out).toMatch(/^corrupt {2}Dataset\/iris@1 rows disk_json {2}.*: Its sha256 is another\.$/m)
  const answer = await persistables({ cwd }, 'verify', '--type', 'Dataset', '--json')
  expect(answer.code).toBe(4)
  expect(answer.json()).toMatchObject({
    counts: { ok: 3, missing: 2, corrupt: 1, unreadable: 0, orphan: 0, repaired: 0 },
    versions: 2,
    findings: expect.arrayContaining([expect.objectContaining({ kind: 'corrupt', ref: 'Dataset/iris@1', place: rows, cursor: expect.any(String) })]),
  })
  // The size is right: only reading tells.
  expect((await persistables({ cwd }, 'verify', '--shallow', '--json')).json().counts).toMatchObject({ corrupt: 0, missing: 2 })
  expect((await persistables({ cwd }, 'verify', '--store', 'spare')).code).toBe(0)
  const repaired = await persistables({ cwd, tty: true }, 'verify', 'iris@1', '--repair')
  expect(repaired.code).toBe(4)
  expect(repaired.out).toMatch(/repaired.*Copied from the store "spare"\. Kept aside: .*quarantine/)
  expect(readFileSync(rows)).toEqual(readFileSync(spare))
  expect(repaired.err).toMatch(/░ 0 % 0 of 1 version, \d+ B read/)
  expect((await persistables({ cwd }, 'verify', 'iris@1', '--store', 'disk', '--json')).json().counts).toMatchObject({ missing: 1, corrupt: 0 })
  expect((await persistables({ cwd }, 'verify', 'nothing')).code).toBe(3)
  expect((await persistables({ cwd }, 'verify', '--deep', '--shallow')).code).toBe(2)
  expect((await persistables({ cwd }, 'verify', 'iris@1', '--type', 'Dataset')).code).toBe(2)
  expect((await persistables({ cwd }, 'verify', '--store', 'nowhere', '--json')).error().code).toBe('UNKNOWN_STORE')
})

test('verify copies to what the classes of the configuration declare now', async () => {
  const { cwd } = await seeded()
  writeFileSync(join(cwd, 'persistables.config.cjs'), config("bytes().to('disk'), bytes().to('spare')"))
  const done = await persistables({ cwd }, 'verify', '--to-declared', '--no-orphans', '--json')
  expect([done.code, done.json().counts]).toEqual([0, { ok: 6, missing: 2, corrupt: 0, unreadable: 0, orphan: 0, repaired: 2 }])
  rmSync(join(cwd, '.persistables/files/sha256'), { recursive: true })
  const back = await persistables({ cwd }, 'get', 'Dataset/iris', 'image', '-o', join(cwd, 'image'))
  expect(back.code).toBe(0)
  expect(readFileSync(join(cwd, 'image')).equals(IMAGE)).toBe(true)
})

test('gc removes what nothing refers to, says what it would, and refuses what it should', async () => {
  const { cwd, rows } = await seeded()
  const dry = await persistables({ cwd }, 'gc', '--dry-run')
  expect(dry.code).toBe(0)
  expect(dry.out).toMatch(
    /^STORE {2}EXAMINED {2}WOULD GO {2}WOULD FREE {2}KEPT\ndisk {3}6 {9}2 {9}9 B {9}4\nspare {2}3 {9}1 {9}8 B {9}2\nspare: without --force gc refuses, because it would remove more than half/,
  )
  const refused = await persistables({ cwd }, 'gc', '--json')
  expect([refused.code, refused.error()]).toEqual([
    1,
    expect.objectContaining({ code: 'GC_REFUSED', message: expect.stringMatching(/"spare".*more than half/) }),
  ])
  const done = await persistables({ cwd }, 'gc', '--force', '--json')
  expect(done.json()).toMatchObject({
    dryRun: false,
    stores: [
      { store: 'disk', deleted: 2, bytesFreed: 9, kept: 4, errors: [] },
      { store: 'spare', deleted: 1 },
    ],
  })
  expect(readFileSync(rows).toString()).toBe('[1]')
  expect((await persistables({ cwd }, 'verify')).code).toBe(0)
  const shown = await persistables({ cwd, tty: true }, 'gc', '--store', 'disk', '--older-than', '7d')
  expect(shown.code).toBe(0)
  expect(shown.err).toContain('listing')
  expect((await persistables({ cwd }, 'gc', '--older-than', 'soon')).code).toBe(2)
  rmSync(join(cwd, 'spare/persistables-store.json'))
  expect((await persistables({ cwd }, 'gc', '--dry-run')).out).toMatch(/^spare: without --force gc refuses, because it carries no mark/m)
})
