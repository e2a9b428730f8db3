import { createHash } from 'node:crypto'
import objectHash from 'object-hash'
import { hashValue } from '../../src'
import { alternate, type Contestant } from './alternate'
import type { Benchmark } from './figure'

// 10 groups of 10 sections of 10 leaves: numbers, texts and booleans by turns.
const leaf = (i: number): unknown => [i / 7, `value ${i}`, i % 2 === 0][i % 3]
const tens = <T>(make: (i: number) => T): Record<string, T> => Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`key${i}`, make(i)]))
const config = tens((a) => tens((b) => tens((c) => leaf(100 * a + 10 * b + c))))

const sha256 = (): string => createHash('sha256').update(JSON.stringify(config)).digest('hex')
const against = (name: string, says: string, bare: Contestant, bar?: number): Benchmark => ({
  name,
  says: `hashValue() of a config of 1000 leaves against ${says}`,
  ...(bar !== undefined && { bar }),
  run: (bench) =>
    alternate({
      rounds: bench.quick ? 60 : 300,
      times: 5,
      unit: 'µs',
      ours: {
        what: 'hashValue',
        run(times) {
          for (let i = 0; i < times; i++) hashValue(config)
        },
      },
      bare,
    }),
})

export const benchmarks: readonly Benchmark[] = [
  against('hash/object-hash', "object-hash's own walk of it", {
    what: 'object-hash',
    run(times) {
      for (let i = 0; i < times; i++) objectHash(config, { algorithm: 'sha256' })
    },
  }),
  against('hash/json', 'sha256 of its JSON, which is neither canonical nor checked', {
    what: 'sha256(JSON)',
    run(times) {
      for (let i = 0; i < times; i++) sha256()
    },
  }),
]
