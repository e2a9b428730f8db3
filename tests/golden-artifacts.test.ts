import { readFileSync } from 'node:fs'
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotli, bytes, type Content, csv, directory, file, floats, gzip, json, ndjson, structured, type Tensor, text } from '../src'
import type { AnySerializer } from '../src/artifacts/serializer'
import { parquet } from '../src/parquet'
import { contentOf, encodedOf } from './serializing'
import { tempDir } from './support'

interface Golden {
  readonly options: Content['options']
  /** base64 */
  readonly bytes: string
}

const PATH = join(__dirname, 'golden', 'artifacts.json')
const GOLDEN = JSON.parse(readFileSync(PATH, 'utf8')) as Readonly<Record<string, Golden>>
const ROWS = [
  { n: 1, s: 'ä, "x"' },
  { n: -0.5, s: '' },
]
const CASES: readonly { readonly name: string; readonly serializer: AnySerializer; readonly value: unknown; readonly same: boolean }[] = [
  { name: 'json', serializer: json(), value: { b: [1, null, 'ä😀'], a: { c: true, d: -0.5e-7 } }, same: true },
  { name: 'ndjson', serializer: ndjson(), value: ROWS, same: true },
  { name: 'text', serializer: text(), value: '\ufeffä\r\n', same: true },
  { name: 'bytes', serializer: bytes(), value: Uint8Array.of(0, 255, 7), same: true },
  { name: 'csv', serializer: csv(), value: ROWS.map(({ s }) => ({ s, a: 'x' })), same: true },
  {
    name: 'csv typed',
    serializer: csv({ columns: { s: 'string?', n: 'number', d: 'date?' } }),
    value: ROWS.map((row, i) => ({ ...row, d: i === 0 ? new Date(0) : null })),
    same: true,
  },
  { name: 'floats', serializer: floats(), value: Float32Array.of(1, -0, 0.1), same: true },
  { name: 'floats tensor', serializer: floats<Tensor<BigInt64Array>>(), value: { data: BigInt64Array.of(1n, -1n), shape: [1, 2] }, same: true },
  {
    name: 'structured',
    serializer: structured(),
    value: new Map<unknown, unknown>([
      ['d', new Date(0)],
      ['b', 5n],
      ['s', new Set([Number.NaN])],
    ]),
    same: true,
  },
  // what a compressor gives may change with Node, what it gave stays readable
  { name: 'gzip', serializer: gzip(json()), value: { a: [1, 2, 3] }, same: false },
  { name: 'brotli', serializer: brotli(text()), value: 'hello, hello, hello', same: false },
  {
    name: 'parquet',
    serializer: parquet(),
    value: [
      { a: 1, b: 'x', c: 5n, d: new Date(0), e: [1] },
      { a: -0.5, b: null, c: null, d: null, e: null },
    ],
    same: false,
  },
]

test.each(CASES)('what $name wrote stays readable, and is written as ever', async ({ name, serializer, value, same }) => {
  const golden = GOLDEN[name] as Golden
  const whole = new Uint8Array(Buffer.from(golden.bytes, 'base64'))
  expect(await serializer.decode(contentOf(whole, 7, golden.options))).toEqual(value)
  const { whole: written, options = {} } = await encodedOf(serializer, value)
  expect(options).toEqual(golden.options)
  if (same) expect(Buffer.from(written).toString('base64')).toBe(golden.bytes)
})

test('files and folders too', async () => {
  const dir = await tempDir()
  await mkdir(join(dir, 'tree', 'sub'), { recursive: true, mode: 0o755 })
  await writeFile(join(dir, 'tree', 'sub', 'run.sh'), '#!/bin/sh\n', { mode: 0o755 })
  await writeFile(join(dir, 'tree', 'ä'), 'text', { mode: 0o600 })
  // whatever the umask
  for (const [path, mode] of [
    ['sub', 0o755],
    ['sub/run.sh', 0o755],
    ['ä', 0o600],
  ] as const)
    await chmod(join(dir, 'tree', path), mode)
  await symlink('sub/run.sh', join(dir, 'tree', 'link'))
  for (const [name, serializer, path] of [
    ['file', file(), join(dir, 'tree', 'sub', 'run.sh')],
    ['directory', directory(), join(dir, 'tree')],
  ] as const) {
    const { whole, options = {} } = await encodedOf(serializer, path)
    expect({ options, bytes: Buffer.from(whole).toString('base64') }).toEqual(GOLDEN[name])
  }
  const golden = GOLDEN['directory'] as Golden
  const back = await directory().decode(contentOf(new Uint8Array(Buffer.from(golden.bytes, 'base64')), 9))
  await back.saveTo(join(dir, 'back'))
  expect(await readFile(join(dir, 'back', 'link'), 'utf8')).toBe('#!/bin/sh\n')
})
