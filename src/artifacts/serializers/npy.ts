import { endianness } from 'node:os'
import { unfit } from './unfit'

/** A typed array of numbers. */
export type NumberArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

interface ArrayType {
  readonly name: string
  /** numpy's code of the type, little-endian */
  readonly code: string
  readonly width: number
}

const TYPES: readonly ArrayType[] = [
  { name: 'Float32Array', code: '<f4', width: 4 },
  { name: 'Float64Array', code: '<f8', width: 8 },
  { name: 'Float16Array', code: '<f2', width: 2 },
  { name: 'Int8Array', code: '|i1', width: 1 },
  { name: 'Uint8Array', code: '|u1', width: 1 },
  { name: 'Uint8ClampedArray', code: '|u1', width: 1 },
  { name: 'Int16Array', code: '<i2', width: 2 },
  { name: 'Uint16Array', code: '<u2', width: 2 },
  { name: 'Int32Array', code: '<i4', width: 4 },
  { name: 'Uint32Array', code: '<u4', width: 4 },
  { name: 'BigInt64Array', code: '<i8', width: 8 },
  { name: 'BigUint64Array', code: '<u8', width: 8 },
]

const BIG = endianness() === 'BE'
const MAGIC = '\x93NUMPY'
const ALIGNED = 64
const HEADER = /^\{'descr': '([<|][fiu][1248])', 'fortran_order': False, 'shape': \(((?:\d+,(?: \d+(?:, \d+)*)?)?)\), \} *\n$/

/** The name of a dtype: `float32`, `bigint64`, …; `undefined` for what is no typed array of numbers. */
export function dtypeOf(value: unknown): string | undefined {
  if (!ArrayBuffer.isView(value)) return undefined
  const name = String((value as Uint8Array)[Symbol.toStringTag])
  return TYPES.some((type) => type.name === name) ? dtypeName(name) : undefined
}

const dtypeName = (name: string): string => name.slice(0, -'Array'.length).toLowerCase()
const typeOf = (dtype: string): ArrayType | undefined => TYPES.find(({ name }) => dtypeName(name) === dtype)

/**
 * Numbers and their shape as a file of numpy's `.npy` format, version 1.0: the type and the shape in front, then the elements in little-endian order, bit for bit.
 */
export function toNpy(value: NumberArray, shape: readonly number[]): Uint8Array {
  const { code, width } = typeOf(dtypeOf(value) ?? '') as ArrayType
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = `{'descr': '${code}', 'fortran_order': False, 'shape': (${dims}), }`
  const lead = MAGIC.length + 4
  const size = Math.ceil((lead + text.length + 1) / ALIGNED) * ALIGNED
  const bytes = new Uint8Array(size + value.byteLength)
  const header = Buffer.from(bytes.buffer, 0, size).fill(' ')
  header.write(MAGIC, 0, 'latin1')
  header.set([1, 0], MAGIC.length)
  header.writeUInt16LE(size - lead, MAGIC.length + 2)
  header.write(text, lead, 'latin1')
  header.write('\n', size - 1, 'latin1')
  bytes.set(new Uint8Array(value.buffer, value.byteOffset, value.byteLength), size)
  swapped(bytes.subarray(size), width, BIG)
  return bytes
}

/**
 * What {@link toNpy} got, in a buffer of its own. `dtype` chooses between types that numpy does not tell apart. Throws `INVALID_ARTIFACT` for other bytes, also for files of
 * numpy that this cannot hold: big-endian ones, Fortran order, records.
 */
export function fromNpy(bytes: Uint8Array, dtype: string | undefined): { readonly data: NumberArray; readonly shape: readonly number[] } {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const lead = MAGIC.length + 4
  if (all.length < lead || all.toString('latin1', 0, MAGIC.length) !== MAGIC || all[MAGIC.length] !== 1)
    throw broken('they do not begin as a .npy file of version 1')
  const start = lead + all.readUInt16LE(MAGIC.length + 2)
  const header = HEADER.exec(all.toString('latin1', lead, start))
  if (header === null) throw broken('their header is not one that is read here')
  const [, code, dims = ''] = header
  const type =
    TYPES.find((each) => each.code === code && (dtype === undefined || dtypeName(each.name) === dtype)) ?? TYPES.find((each) => each.code === code)
  const shape =
    dims === ''
      ? []
      : dims
          .split(',')
          .filter((part) => part.trim() !== '')
          .map(Number)
  const made = (globalThis as Record<string, unknown>)[type?.name ?? ''] as (new (buffer: ArrayBuffer) => NumberArray) | undefined
  if (type === undefined || made === undefined) throw broken(`they hold ${type?.name ?? code}, which this version of Node does not have`)
  const count = shape.reduce((product, dim) => product * dim, 1)
  if (count * type.width !== all.length - start) throw broken(`they hold ${all.length - start} bytes for the shape (${shape.join(', ')})`)
  const own = new Uint8Array(all.subarray(start))
  swapped(own, type.width, BIG)
  return { data: new made(own.buffer), shape }
}

/** Turns the bytes of each element around, in place, where `really`. */
export function swapped(bytes: Uint8Array, width: number, really: boolean): void {
  if (!really || width === 1) return
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (width === 2) buffer.swap16()
  else if (width === 4) buffer.swap32()
  else buffer.swap64()
}

function broken(what: string): Error {
  return unfit('floats', `The bytes are no array: ${what}.`, 'Read them with bytes().')
}
