import { PersistablesError } from '../../errors'
import type { PatternSerializer } from '../serializer'
import { serializer } from './custom'
import { dtypeOf, fromNpy, type NumberArray, toNpy } from './npy'
import { kindOf, unfit } from './unfit'

/** Numbers with a shape: the last dimension changes fastest. */
export interface Tensor<T extends NumberArray = Float32Array> {
  readonly data: T
  /** sizes of the dimensions; their product is the number of elements */
  readonly shape: readonly number[]
}

/** Options of {@link floats}. */
export interface FloatsOptions {
  /** what every value must have, for arrays that say nothing of their shape. @defaultValue one dimension */
  readonly shape?: readonly number[]
}

/**
 * Typed arrays of numbers, bit for bit (NaN payloads and -0 too), little-endian on every machine, with their type and shape: a `.npy` file, which numpy reads. Takes and
 * gives typed arrays, or a {@link Tensor} where one was given. Values are copied when the save begins.
 *
 * Throws `INVALID_ARTIFACT` for other values, for a shape that does not fit, and for `float16` on a Node that has none; `INVALID_OPTION` for a shape that is none.
 *
 * @typeParam T - `Float32Array`, any other typed array, or a `Tensor` of one
 * @example
 * artifacts: { weights: artifact(floats().to('disk')), image: artifact(floats<Tensor<Uint8Array>>().to('disk')) }
 */
export function floats<T extends NumberArray | Tensor<NumberArray> = Float32Array>(options: FloatsOptions = {}): PatternSerializer<T> {
  const { shape: fixed } = options
  if (fixed !== undefined && !isShape(fixed)) {
    throw new PersistablesError('INVALID_OPTION', `floats() got the shape ${JSON.stringify(fixed)}.`, { fix: 'Write floats({ shape: [28, 28] }).' })
  }
  return serializer<T>({
    name: 'floats',
    encode(value) {
      const { data, shape, tensor } = partsOf(value)
      const dtype = dtypeOf(data)
      if (dtype === undefined)
        throw unfit('floats', `floats() takes a typed array or { data, shape }, not ${kindOf(data)}.`, 'Write Float32Array.from(numbers).')
      const dims = shape ?? fixed ?? [data.length]
      if (!isShape(dims))
        throw unfit('floats', `The shape is ${JSON.stringify(dims) ?? String(dims)}.`, 'A shape is a list of sizes, such as [28, 28].')
      if (fixed !== undefined && fixed.join() !== dims.join())
        throw unfit('floats', `The shape is (${dims.join(', ')}), and (${fixed.join(', ')}) is declared.`, 'Correct either.', {
          shape: dims,
          declared: fixed,
        })
      const count = dims.reduce((product, dim) => product * dim, 1)
      if (count !== data.length)
        throw unfit('floats', `There are ${data.length} numbers for the shape (${dims.join(', ')}), which takes ${count}.`, 'Correct either.', {
          shape: dims,
        })
      return { bytes: toNpy(data, dims), options: { dtype, shape: [...dims], ...(tensor && { tensor }) } }
    },
    async decode(content) {
      const { dtype, tensor } = content.options
      const { data, shape } = fromNpy(await content.bytes(), typeof dtype === 'string' ? dtype : undefined)
      // the registry cannot know T: what was encoded by floats<T>() is what comes back
      return (tensor === true ? { data, shape } : data) as T
    },
  })
}

function partsOf(value: unknown): { readonly data: NumberArray; readonly shape: unknown; readonly tensor: boolean } {
  const tensor = typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && 'data' in value && 'shape' in value
  if (!tensor) return { data: value as NumberArray, shape: undefined, tensor }
  const { data, shape } = value as Tensor<NumberArray>
  // a list that is asked for twice must be the same twice
  return { data, shape: Array.isArray(shape) ? [...shape] : shape, tensor }
}

function isShape(shape: unknown): shape is readonly number[] {
  return Array.isArray(shape) && shape.length <= 32 && shape.every((size) => Number.isSafeInteger(size) && size >= 0)
}
