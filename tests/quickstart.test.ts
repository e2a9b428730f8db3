import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { openRepository } from '../src'
import { seededRandom, tempDir } from './support'

const ROOT = join(__dirname, '..')
const TS_NODE = require.resolve('ts-node/dist/bin.js')

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const run = async (script: string, cwd: string): Promise<Outcome> => {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [TS_NODE, join(ROOT, script)], { cwd })
    return { code: 0, stdout, stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as Outcome
    return { code, stdout, stderr }
  }
}

/** path → inode and time of every blob of the registry in `home` */
const blobsIn = async (home: string): Promise<Map<string, string>> => {
  const top = join(home, '.persistables/files/sha256')
  const paths = (await readdir(top, { recursive: true })).filter((path) => path.split(/[\\/]/).length === 3).map((path) => join(top, path))
  return new Map(await Promise.all(paths.map(async (path) => [path, await stat(path).then(({ ino, mtimeMs }) => `${ino} ${mtimeMs}`)] as const)))
}

describe('npm start', () => {
  let home: string
  let first: Outcome
  let blobsAfterFirst: Map<string, string>
  let second: Outcome

  beforeAll(async () => {
    // the quickstart imports the package by its name, as a user's file would, and that is dist
    expect(await promisify(execFile)(process.execPath, [TS_NODE, 'scripts/build.ts', '--if-stale'], { cwd: ROOT })).toBeDefined()
    home = await tempDir()
    await writeFile(join(home, 'package.json'), '{}')
    first = await run('scripts/quickstart.ts', home)
    blobsAfterFirst = await blobsIn(home)
    second = await run('scripts/quickstart.ts', home)
  }, 180_000)

  test('succeeds twice without a word of warning', () => {
    expect(first).toMatchObject({ code: 0, stderr: '' })
    expect(second).toMatchObject({ code: 0, stderr: '' })
  })

  test('prints what the README shows', async () => {
    const lines = first.stdout.split('\n').map((line) => line.trim())
    expect(await readFile(join(ROOT, 'README.md'), 'utf8')).toContain(`\`\`\`text\n${lines.join('\n').trim()}\n\`\`\``)
  })

  test('adds two versions of classifier and metric in each run, and says so', () => {
    const refsIn = ({ stdout }: Outcome): string[] => (stdout.match(/^ *\w+\/penguins@\d+/gm) ?? []).map((ref) => ref.trim()).sort()
    const refs = (upTo: number): string[] =>
      ['Classifier', 'Metric'].flatMap((type) => Array.from({ length: upTo }, (_, i) => `${type}/penguins@${i + 1}`))
    expect(refsIn(first)).toEqual([...refs(2), 'Dataset/penguins@1'].sort())
    expect(refsIn(second)).toEqual([...refs(4), 'Dataset/penguins@1', 'Dataset/penguins@2'].sort())
  })

  test('writes every blob once: the second run adds versions and leaves all files as they were', async () => {
    expect(blobsAfterFirst.size).toBe(5)
    expect(await blobsIn(home)).toEqual(blobsAfterFirst)
    expect(first.stdout).toContain('Blobs written: 5 of 5 in the store')
    expect(second.stdout).toContain('Blobs written: 0 of 5 in the store')
  })

  test('keeps the real data, byte for byte what the digests say', async () => {
    await using repo = await openRepository({ cwd: home })
    const { rows } = await repo.rows()
    expect(rows).toHaveLength(10)
    for (const { filepaths } of rows) {
      for (const { digest, size } of Object.values(filepaths).flatMap(Object.values)) {
        const bytes = await readFile(repo.stores.get('disk')!.locate(digest))
        expect([createHash('sha256').update(bytes).digest('hex'), bytes.length]).toEqual([digest, size])
      }
    }
    const original = JSON.parse(await readFile(join(dirname(require.resolve('vega-datasets')), '../data/penguins.json'), 'utf8'))
    const dataset = await repo.rows({ where: { type: 'Dataset', version: 1 } })
    const lines = await readFile(repo.stores.get('disk')!.locate(dataset.rows[0]!.filepaths['rows']!['disk_ndjson']!.digest), 'utf8')
    expect(
      lines
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(original)
    expect(first.stdout).toContain(`${original.length} rows`)
  })

  test('gives equal things equal hashes, and another config another', async () => {
    await using repo = await openRepository({ cwd: home })
    const { rows } = await repo.rows()
    const hashOf = (type: string, version: number) => rows.find((row) => row.type === type && row.version === version)!.hash
    expect(hashOf('Dataset', 2)).toBe(hashOf('Dataset', 1))
    for (const type of ['Classifier', 'Metric']) {
      expect([hashOf(type, 3), hashOf(type, 4)]).toEqual([hashOf(type, 1), hashOf(type, 2)])
      expect(hashOf(type, 1)).not.toBe(hashOf(type, 2))
    }
  })

  test('prints the accuracy that the saved predictions have, and a deeper tree has a higher one', async () => {
    await using repo = await openRepository({ cwd: home })
    const { rows } = await repo.rows({ where: { type: 'Metric' }, orderBy: { version: 'asc' } })
    const accuracies = rows.map((row) => (row.metadata['state'] as { accuracy: number }).accuracy)
    for (const [i, accuracy] of accuracies.entries()) {
      expect(accuracy).toBeGreaterThan(0.5)
      expect(second.stdout).toMatch(new RegExp(`Metric/penguins@${i + 1}\\b.*\\b${(100 * accuracy).toFixed(1)} %`))
    }
    expect(accuracies[1]).toBeGreaterThan(accuracies[0]!)
  })

  test('fails when the second process cannot have what the first one saved', async () => {
    const path = seededRandom().pick([...blobsAfterFirst.keys()])
    const bytes = await readFile(path)
    bytes[0]! ^= 1
    await writeFile(path, bytes)
    const third = await run('scripts/quickstart.ts', home)
    expect(third.code).not.toBe(0)
    expect(third.stderr).toContain('ARTIFACT_UNREADABLE')
    expect(third.stdout).not.toContain('equal')
  })
})
