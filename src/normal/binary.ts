import { endianness } from 'node:os'
import { types } from 'node:util'

const BIG = endianness() === 'BE'
// Float16Array is there from Node 24 on.
const VIEWS = ['Int8', 'Uint8', 'Uint8Clamped', 'Int16', 'Uint16', 'Int32', 'Uint32', 'BigInt64', 'BigUint64', 'Float16', 'Float32', 'Float64']
const VIEW_NAMES: ReadonlyMap<string, string> = new Map(VIEWS.map((name) => [`${name.toLowerCase()}array`, `${name}Array`]))
// The quiet NaN, so that the engine's or the processor's choice among NaNs makes no difference.
const NAN: Readonly<Record<string, string>> = { float16array: '007e', float32array: '0000c07f', float64array: '000000000000f87f' }

/** A value that is bytes: any typed array, an ArrayBuffer, a DataView. */
export type Binary = ArrayBuffer | ArrayBufferView

/** The tag of a binary value, e.g. `float32array`; undefined for a kind of typed array that this release does not know. */
export function binaryTag(value: Binary): string | undefined {
  if (types.isDataView(value)) return 'dataview'
  if (!ArrayBuffer.isView(value)) return 'arraybuffer'
  const tag = String((value as Uint8Array)[Symbol.toStringTag]).toLowerCase()
  return VIEW_NAMES.has(tag) ? tag : undefined
}

/** Whether `tag` is one that {@link binaryTag} gives. */
export function isBinaryTag(tag: string): boolean {
  return tag === 'arraybuffer' || tag === 'dataview' || VIEW_NAMES.has(tag)
}

/** The bytes of a binary value in base64: elements in little-endian order, every NaN as the one quiet NaN. Throws a TypeError where the buffer is detached. */
export function encodeBinary(value: Binary): string {
  // A view of a detached buffer throws here, rather than pass for an empty one.
  const bytes = Buffer.from(ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : new Uint8Array(value))
  if (types.isTypedArray(value)) {
    swap(bytes, value.BYTES_PER_ELEMENT)
    const nan = Buffer.from(NAN[binaryTag(value) ?? ''] ?? '', 'hex')
    if (nan.length > 0) for (let at = 0; at < value.length; at++) if (Number.isNaN(value[at])) bytes.set(nan, at * nan.length)
  }
  return bytes.toString('base64')
}

/** The value that {@link encodeBinary} got, in a buffer of its own. A string says why it cannot be. */
export function decodeBinary(tag: string, text: string): Binary | string {
  const bytes = Buffer.from(text, 'base64')
  // Buffer skips what is no base64, so only writing it again tells.
  if (bytes.toString('base64') !== text) return 'holds no base64'
  const view = VIEW_NAMES.get(tag)
  const made = view === undefined ? undefined : ((globalThis as Record<string, unknown>)[view] as Float64ArrayConstructor | undefined)
  if (view !== undefined && made === undefined) return `is a ${view}, which this version of Node does not have`
  const width = made?.BYTES_PER_ELEMENT ?? 1
  if (bytes.length % width !== 0) return `holds ${bytes.length} bytes, which are no whole elements of ${width}`
  swap(bytes, width)
  const buffer = new ArrayBuffer(bytes.length)
  new Uint8Array(buffer).set(bytes)
  return made !== undefined ? new made(buffer) : tag === 'dataview' ? new DataView(buffer) : buffer
}

function swap(bytes: Buffer, width: number): void {
  if (!BIG) return
  if (width === 2) bytes.swap16()
  if (width === 4) bytes.swap32()
  if (width === 8) bytes.swap64()
}
