import { setImmediate as breath } from 'node:timers/promises'
import zlib from 'node:zlib'
import type { Compressors } from 'hyparquet'
import type { BasicType } from 'hyparquet-writer'
import { isPersistablesError, PersistablesError } from '../../errors'
import { setOwn } from '../../normal/plain'
import type { Content, EncodeOptions, PatternSerializer } from '../serializer'
import { serializer } from './custom'
import { nestedValue, type ParquetType, parquetColumns, parquetMisfit, parquetTypeOf } from './parquet-columns'
import { kindOf, unfit } from './unfit'

/** Rows as parquet takes them: one by one, or as an object of columns of equal length. */
export type ParquetRows<Row> = Iterable<Row> | AsyncIterable<Row> | { readonly [K in keyof Row]: ArrayLike<Row[K]> }

/** Options of {@link parquet}. */
export interface ParquetOptions {
  /** names in the order they are written, with their types. @defaultValue those of the first rows, sorted by name */
  readonly columns?: Readonly<Record<string, ParquetType>>
  /** rows that are written at once, and looked at to find the types of columns. @defaultValue 10000 */
  readonly rowGroup?: number
}

const BASIC: Readonly<Record<ParquetType, BasicType>> = {
  string: 'STRING',
  number: 'DOUBLE',
  bigint: 'INT64',
  boolean: 'BOOLEAN',
  date: 'TIMESTAMP',
  bytes: 'BYTE_ARRAY',
  json: 'JSON',
}

/**
 * Rows as Apache Parquet, compressed by Snappy; other tools read them as they are. Takes rows or columns, gives an array of rows. Numbers are doubles, bigints 64 bits wide,
 * Dates have milliseconds, Uint8Arrays are byte arrays, arrays and plain objects are JSON; every column takes `null`, and a member that is missing comes back as `null`.
 * Also reads files of other tools in GZIP, BROTLI and (where Node has it) ZSTD. Needs the packages `hyparquet` and `hyparquet-writer`.
 *
 * Throws `INVALID_ARTIFACT` with row and column for a value that does not fit its column, `INVALID_OPTION`, `MISSING_DEPENDENCY` with the command to run.
 *
 * @typeParam Row - what one row is; it is not checked at run time
 * @example
 * import { parquet } from 'persistables/parquet'
 * artifacts: { rows: source(parquet<{ species: string; mass: number | null }>().to('disk')) }
 */
export function parquet<Row extends object = Record<string, unknown>>(options: ParquetOptions = {}): PatternSerializer<Row[], ParquetRows<Row>> {
  const columns = options.columns === undefined ? undefined : parquetColumns(options.columns)
  const { rowGroup = 10_000 } = options
  if (!Number.isSafeInteger(rowGroup) || rowGroup < 1) {
    throw new PersistablesError('INVALID_OPTION', `parquet() got a rowGroup of ${String(rowGroup)}.`, { fix: 'Give a number of rows, 1 or more.' })
  }
  return serializer<Row[], ParquetRows<Row>>({
    name: 'parquet',
    async encode(value, settings) {
      const { ByteWriter, ParquetWriter, schemaFromColumnData } = await writerPackage()
      const rows = rowsIn(value)
      return { bytes: groups(rows, columns, rowGroup, settings, (schema) => startWriting(schema)) }

      function startWriting(types: ReadonlyMap<string, ParquetType>) {
        const writer = new ByteWriter()
        const columnData = [...types].map(([name, type]) => ({ name, data: [], type: BASIC[type], nullable: true }))
        const schema = schemaFromColumnData({ columnData })
        return { writer, file: new ParquetWriter({ writer, schema, createdBy: 'persistables' }) }
      }
    },
    decode: (content) => decodeRows(content) as Promise<Row[]>,
  })
}

interface Writing {
  readonly writer: { index: number; getBytes(): Uint8Array }
  readonly file: { write(data: { columnData: { name: string; data: unknown[] }[]; rowGroupSize: number }): unknown; finish(): unknown }
}

async function* groups(
  rows: Iterable<unknown> | AsyncIterable<unknown>,
  columns: ReadonlyMap<string, ParquetType> | undefined,
  rowGroup: number,
  { signal }: EncodeOptions = {},
  start: (types: ReadonlyMap<string, ParquetType>) => Writing,
): AsyncGenerator<Uint8Array, void, undefined> {
  let types = columns
  let writing: Writing | undefined
  let count = 0
  let batch: Readonly<Record<string, unknown>>[] = []
  const flush = (): Uint8Array => {
    types ??= typesOf(batch)
    writing ??= start(types)
    const first = count - batch.length
    const columnData = [...types].map(([name, type]) => ({ name, data: batch.map((row, at) => cell(row, name, type, first + at + 1)) }))
    refuseMore(batch, types, first)
    if (batch.length > 0) writing.file.write({ columnData, rowGroupSize: batch.length })
    batch = []
    return taken(writing.writer)
  }
  for await (const row of rows) {
    count++
    if (typeof row !== 'object' || row === null || Array.isArray(row))
      throw unfit('parquet', `The row ${count} is ${kindOf(row)}.`, 'A row is an object of columns.', { row: count })
    batch.push(row as Readonly<Record<string, unknown>>)
    if (batch.length < rowGroup) continue
    yield flush()
    await breath()
    signal?.throwIfAborted()
  }
  yield flush()
  const { file, writer } = writing as unknown as Writing
  file.finish()
  yield taken(writer)
}

// the writer's memory is used again for what comes next
function taken(writer: Writing['writer']): Uint8Array {
  const bytes = writer.getBytes().slice()
  writer.index = 0
  return bytes
}

function cell(row: Readonly<Record<string, unknown>>, name: string, type: ParquetType, number: number): unknown {
  const value = (Object.hasOwn(row, name) ? row[name] : null) ?? null
  const misfit = parquetMisfit(value, type)
  if (misfit !== undefined) {
    throw unfit(
      'parquet',
      `The value of ${JSON.stringify(name)} in row ${number} ${misfit}.`,
      "Correct it, or declare the column's type: parquet({ columns }).",
      {
        row: number,
        column: name,
      },
    )
  }
  if (type === 'json' && value !== null) return nestedValue(value, `row ${number}.${name}`)
  return type === 'bytes' && value !== null ? new Uint8Array(value as Uint8Array) : value
}

function refuseMore(batch: readonly object[], types: ReadonlyMap<string, ParquetType>, first: number): void {
  for (const [at, row] of batch.entries()) {
    const more = Object.keys(row).find((name) => !types.has(name))
    if (more !== undefined)
      throw unfit(
        'parquet',
        `The row ${first + at + 1} has a column ${JSON.stringify(more)}, and those before have not.`,
        'Declare it: parquet({ columns }).',
        {
          row: first + at + 1,
          column: more,
        },
      )
  }
}

// Of the first rows: all of them cannot be seen before they are written.
function typesOf(batch: readonly Readonly<Record<string, unknown>>[]): ReadonlyMap<string, ParquetType> {
  const types = new Map<string, ParquetType | undefined>()
  for (const row of batch)
    for (const name of Object.keys(row)) {
      const found = parquetTypeOf(row[name])
      const before = types.get(name)
      types.set(name, before === undefined || (found === 'json' && before !== 'json') ? (found ?? before) : before)
    }
  return new Map([...types].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, type]) => [name, type ?? 'string']))
}

function rowsIn(value: unknown): Iterable<unknown> | AsyncIterable<unknown> {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
    if (Symbol.asyncIterator in value || Symbol.iterator in value) return value as Iterable<unknown>
    const columns = Object.entries(value as Readonly<Record<string, ArrayLike<unknown>>>)
    const length = columns[0]?.[1]?.length
    if (columns.every(([, data]) => (Array.isArray(data) || ArrayBuffer.isView(data)) && data.length === length))
      return transposed(columns, length ?? 0)
  }
  throw unfit('parquet', `parquet() takes rows, or an object of columns of equal length, not ${kindOf(value)}.`, 'Pass an array of objects.')
}

function* transposed(columns: readonly (readonly [string, ArrayLike<unknown>])[], length: number): Generator<object, void, undefined> {
  for (let at = 0; at < length; at++) {
    const row: Record<string, unknown> = {}
    for (const [name, data] of columns) setOwn(row, name, data[at])
    yield row
  }
}

async function decodeRows(content: Content): Promise<object[]> {
  const { parquetMetadataAsync, parquetRead, parquetSchema } = await readerPackage()
  const bytes = await content.bytes()
  const file = { byteLength: bytes.length, slice: (start: number, end?: number) => bytes.slice(start, end).buffer as ArrayBuffer }
  try {
    const metadata = await parquetMetadataAsync(file, { geoparquet: false })
    const names = parquetSchema(metadata).children.map(({ element }) => element.name)
    const rows: object[] = []
    let start = 0
    for (const { num_rows } of metadata.row_groups) {
      const end = start + Number(num_rows)
      await parquetRead({
        file,
        metadata,
        compressors: COMPRESSORS,
        utf8: false,
        geoparquet: false,
        rowStart: start,
        rowEnd: end,
        rowFormat: 'array',
        onComplete: (all: unknown[][]) => {
          for (const cells of all) rows.push(rowOf(names, cells))
        },
      })
      start = end
      await breath()
    }
    return rows
  } catch (cause) {
    if (isPersistablesError(cause)) throw cause
    throw unfit('parquet', `The bytes are no Parquet that can be read: ${(cause as Error).message}.`, 'Read them with bytes().', {}, cause)
  }
}

function rowOf(names: readonly string[], cells: readonly unknown[]): object {
  const row: Record<string, unknown> = {}
  for (let at = 0; at < names.length; at++) setOwn(row, names[at] as string, cells[at] ?? null)
  return row
}

type Inflate = (input: Uint8Array, options: { maxOutputLength: number }) => Uint8Array
const { gunzipSync, brotliDecompressSync, zstdDecompressSync } = zlib as typeof zlib & { readonly zstdDecompressSync?: Inflate }
const bounded = (inflate: Inflate) => (input: Uint8Array, length: number) => inflate(input, { maxOutputLength: Math.max(1, length) })
const COMPRESSORS: Compressors = {
  GZIP: bounded(gunzipSync),
  BROTLI: bounded(brotliDecompressSync),
  ...(zstdDecompressSync !== undefined && { ZSTD: bounded(zstdDecompressSync) }),
}

function missing(error: unknown): never {
  if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
  throw new PersistablesError('MISSING_DEPENDENCY', 'parquet() needs two packages that are not installed.', {
    fix: 'Run `npm install hyparquet hyparquet-writer`.',
    details: { packages: ['hyparquet', 'hyparquet-writer'] },
    cause: error,
  })
}

const readerPackage = (): Promise<typeof import('hyparquet')> => import('hyparquet').catch(missing)
const writerPackage = (): Promise<typeof import('hyparquet-writer')> => import('hyparquet-writer').catch(missing)
