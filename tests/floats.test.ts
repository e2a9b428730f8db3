import fc from 'fast-check'
import { floats, structured, type Tensor } from '../src'
import { type NumberArray, swapped } from '../src/artifacts/serializers/npy'
import { contentOf, encode, encodedOf, failure, roundTrip, utf8 } from './serializing'
import { seededRandom } from './support'

const KINDS = [
  Float32Array,
  Float64Array,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
] as const
const anyFloats = floats<NumberArray>()
const bytesOf = (array: NumberArray): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

test('any typed array comes back bit for bit, of its type, in memory of its own', async () => {
  const { seed } = seededRandom()
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...KINDS), fc.uint8Array({ maxLength: 200 }), async (Kind, noise) => {
      const count = Math.floor(noise.length / Kind.BYTES_PER_ELEMENT)
      // a window onto a larger buffer, any bits: NaN payloads, -0, subnormals
      const buffer = new ArrayBuffer(16 + count * Kind.BYTES_PER_ELEMENT)
      new Uint8Array(buffer).set(noise.subarray(0, count * Kind.BYTES_PER_ELEMENT), 8)
      const value = new Kind(buffer, 8, count)
      const back = (await roundTrip(anyFloats, value)) as NumberArray
      expect(Object.prototype.toString.call(back)).toBe(Object.prototype.toString.call(value))
      expect(Buffer.compare(bytesOf(back), bytesOf(value))).toBe(0)
      expect(back.buffer.byteLength).toBe(back.byteLength)
    }),
    { seed, numRuns: 300 },
  )
})

test('shapes: in the value, declared, or none; what does not fit is refused', async () => {
  const tensor = { data: Float32Array.from({ length: 6 }, (_, i) => i), shape: [2, 3] }
  expect(await roundTrip(floats<Tensor>(), tensor)).toEqual(tensor)
  expect(await roundTrip(floats<Tensor>(), { data: new Float32Array(1), shape: [] })).toEqual({ data: new Float32Array(1), shape: [] })
  expect(await roundTrip(floats<Tensor>(), { data: new Float32Array(0), shape: [0, 3] })).toEqual({ data: new Float32Array(0), shape: [0, 3] })
  expect((await encodedOf(floats({ shape: [3, 2] }), tensor.data)).options).toEqual({ dtype: 'float32', shape: [3, 2] })
  expect((await encodedOf(floats(), tensor.data)).options).toEqual({ dtype: 'float32', shape: [6] })
  const wrong: [unknown, unknown][] = [
    [floats(), [1, 2]],
    [floats(), null],
    [floats(), new DataView(new ArrayBuffer(4))],
    [floats(), new ArrayBuffer(4)],
    [floats(), { data: [1], shape: [1] }],
    [floats(), { data: tensor.data, shape: [2, 2] }],
    [floats(), { data: tensor.data, shape: [-2, -3] }],
    [floats(), { data: tensor.data, shape: [1.5, 4] }],
    [floats(), { data: tensor.data, shape: 6 }],
    [floats({ shape: [2, 3] }), { data: tensor.data, shape: [3, 2] }],
    [floats({ shape: [7] }), tensor.data],
  ]
  for (const [made, value] of wrong) expect((await failure(() => encode(made as never, value))).code).toBe('INVALID_ARTIFACT')
  for (const shape of [[-1], [0.5], 'x'] as never[]) expect((await failure(() => floats({ shape }))).code).toBe('INVALID_OPTION')
})

test('the bytes are a .npy file: type and shape in front, elements aligned and little-endian', async () => {
  const whole = Buffer.from(await encode(floats<Tensor<Int16Array>>(), { data: Int16Array.of(1, -2), shape: [2, 1] }))
  expect(whole.length).toBe(128 + 4)
  expect(whole.subarray(0, 10)).toEqual(Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]))
  expect(whole.toString('latin1', 10, 128)).toBe(`${"{'descr': '<i2', 'fortran_order': False, 'shape': (2, 1), }".padEnd(117)}\n`)
  expect([...whole.subarray(128)]).toEqual([1, 0, 0xfe, 0xff])
  // equal elements of another type, or in another shape, are another artifact
  const digests = await Promise.all(
    [new Int32Array(1), new Float32Array(1), new Uint32Array(1)].map(async (value) => Buffer.from(await encode(anyFloats, value)).toString('hex')),
  )
  expect(new Set(digests).size).toBe(3)
})

test('on a machine with the other order of bytes each element is turned around', () => {
  for (const [width, expected] of [
    [1, [1, 2, 3, 4, 5, 6, 7, 8]],
    [2, [2, 1, 4, 3, 6, 5, 8, 7]],
    [4, [4, 3, 2, 1, 8, 7, 6, 5]],
    [8, [8, 7, 6, 5, 4, 3, 2, 1]],
  ] as const) {
    const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
    swapped(bytes, width, true)
    expect([...bytes]).toEqual(expected)
  }
})

test('other bytes are refused, whatever they claim', async () => {
  const whole = Buffer.from(await encode(floats(), Float32Array.of(1, 2)))
  const headed = (header: string) => {
    const changed = Buffer.from(whole)
    changed.write(header.padEnd(117), 10, 'latin1')
    return changed
  }
  const wrong = [
    utf8(''),
    utf8('not an array'),
    whole.subarray(0, 9),
    whole.subarray(0, 100),
    whole.subarray(0, -1),
    Buffer.concat([whole, whole]),
    headed("{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }"),
    headed("{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }"),
    headed("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"),
    headed("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }"),
    headed("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }"),
    headed("__import__('os')"),
  ]
  for (const each of wrong) expect((await failure(() => floats().decode(contentOf(new Uint8Array(each))))).code).toBe('INVALID_ARTIFACT')
  // what the row notes can choose between bytes that clamp and bytes that do not, and no more
  expect(await floats().decode(contentOf(new Uint8Array(whole), 99, { dtype: 'float64', shape: [9], tensor: 5 }))).toEqual(Float32Array.of(1, 2))
})

test('a value is taken as it is when the save begins', async () => {
  const value = Float32Array.of(1, 2)
  const { bytes } = await floats().encode(value)
  value.fill(9)
  expect(await floats().decode(contentOf(bytes as Uint8Array))).toEqual(Float32Array.of(1, 2))
})

test('structured: what JSON cannot hold comes back', async () => {
  const value = {
    when: new Date(8.64e15),
    big: 2n ** 70n,
    map: new Map<unknown, unknown>([
      [{ a: 1 }, new Set([Number.NaN, -0])],
      ['b', undefined],
    ]),
    list: [undefined, Number.NEGATIVE_INFINITY],
    weights: Float64Array.of(1, -0),
    $: 'x',
  }
  expect(await roundTrip(structured(), value)).toEqual(value)
  expect(await roundTrip(structured(), undefined)).toBe(undefined)
  for (const wrong of [() => 1, Symbol('x'), /x/, { a: [new (class Point {})()] }]) {
    const error = await failure(() => encode(structured(), wrong))
    expect([error.code, error.message]).toEqual(['INVALID_ARTIFACT', expect.stringContaining('value')])
  }
  for (const wrong of ['', '{', '{"$":"function","v":"1"}', '{"$":"date","v":"x"}', '"\ufffe'])
    expect((await failure(() => structured().decode(contentOf(utf8(wrong))))).code).toBe('INVALID_ARTIFACT')
  expect((await failure(() => structured().decode(contentOf(Uint8Array.of(0x22, 0xff, 0x22))))).code).toBe('INVALID_ARTIFACT')
})
