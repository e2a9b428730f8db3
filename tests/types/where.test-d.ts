import { type JsonFilter, persistable, type Repository, typed, type Where } from '../../src'

interface Config {
  epochs: number
  optimizer: { name: 'adam' | 'sgd'; lr?: number; betas: [number, number] }
  note?: string | null
  layers: readonly { units: number }[]
  words: string[]
  metrics: Record<string, number>
  anything: unknown
  since: Date
  seed: bigint
  flag: boolean
  mixed: string | number | { kind: 'a'; x: number } | { kind: 'b'; y: string }
  labels: Set<string>
  table: Map<string, number>
  raw: Uint8Array
  search: { in: string; not: number; plain: string }
  tree: Tree
}
interface Tree {
  value: number
  left?: Tree
}
class Model extends persistable('Model', { config: typed<Config>(), state: typed<{ cost?: number }>() }) {}
class Bare extends persistable('Bare') {}
declare const repo: Repository

void repo.find(Model, {
  where: {
    config: {
      epochs: { gte: 10, lt: 20 },
      optimizer: { name: 'adam', lr: { lt: 0.1, exists: true }, betas: [0.9, 0.99] },
      note: null,
      layers: { has: { units: 1 } },
      words: { hasSome: ['a'], hasEvery: [] },
      metrics: { accuracy: { gt: 0.9 } },
      anything: { whatever: { gt: 1 }, else: 'x' },
      since: { gte: new Date() },
      seed: { in: [1n] },
      flag: true,
      mixed: { kind: 'a', x: { gt: 1 } },
      labels: { has: 'a' },
      table: new Map([['a', 1]]),
      raw: Uint8Array.of(1),
      search: { is: { in: 'title', not: { gt: 1 } } },
      tree: { left: { left: { value: 1 } } },
    },
    state: { cost: { lt: 1 } },
    tags: { stage: { in: ['ok'] }, owner: 'ann', old: { exists: false } },
    OR: [{ config: { epochs: 1 } }, { name: { endsWith: 'x' } }],
    NOT: { config: { words: ['a', 'b'] } },
  },
})
void repo.count(Model, { where: { config: { note: { contains: 'x' }, mixed: { startsWith: 'x' }, search: { plain: 'x' } } } })
void repo.find(Model, { where: { config: { mixed: { gt: 1 }, optimizer: { equals: { name: 'sgd', betas: [1, 2] } } } } })
void repo.find({ where: { config: { whatever: { gt: 1 } }, state: { a: { b: 1 } } } })
void repo.rows({ where: { AND: { config: { a: 1 } } } })

// @ts-expect-error no such member
void repo.find(Model, { where: { config: { epcohs: 1 } } })
// @ts-expect-error no such nested member
void repo.find(Model, { where: { config: { optimizer: { nmae: 'adam' } } } })
// @ts-expect-error a number is not text
void repo.find(Model, { where: { config: { epochs: '10' } } })
// @ts-expect-error no such condition
void repo.find(Model, { where: { config: { epochs: { gtt: 1 } } } })
// @ts-expect-error numbers have no parts
void repo.find(Model, { where: { config: { epochs: { contains: '1' } } } })
// @ts-expect-error a flag has no order
void repo.find(Model, { where: { config: { flag: { gt: true } } } })
// @ts-expect-error text, not a number
void repo.find(Model, { where: { config: { words: { has: 1 } } } })
// @ts-expect-error text is no list
void repo.find(Model, { where: { config: { note: { has: 'x' } } } })
// @ts-expect-error none of the names
void repo.find(Model, { where: { config: { optimizer: { name: 'adagrad' } } } })
// @ts-expect-error a number
void repo.find(Model, { where: { config: { metrics: { accuracy: 'high' } } } })
// @ts-expect-error all of the object is compared
void repo.find(Model, { where: { config: { optimizer: { equals: { name: 'adam' } } } } })
// @ts-expect-error a member that is called as a condition is goes within `is`
void repo.find(Model, { where: { config: { search: { in: 'title' } } } })
// @ts-expect-error not null
void repo.find(Model, { where: { config: { epochs: null } } })
// @ts-expect-error no member of the state
void repo.find(Model, { where: { state: { costs: 1 } } })
// @ts-expect-error within OR too
void repo.find(Model, { where: { OR: [{ config: { epcohs: 1 } }] } })
// @ts-expect-error within NOT too
void repo.count(Model, { where: { NOT: { config: { epochs: 'x' } } } })
// @ts-expect-error a type without config has nothing to ask for
void repo.find(Bare, { where: { config: { a: 1 } } })
// @ts-expect-error tags are texts
void repo.find(Model, { where: { tags: { stage: 1 } } })
// @ts-expect-error no such condition on tags
void repo.find(Model, { where: { tags: { stage: { has: 'x' } } } })

// What is kept apart from a query has the same types.
export const filter: JsonFilter<Config> = { epochs: { in: [1, 2] } }
export const where: Where = { config: { a: 1 }, NOT: [{ name: 'x' }] }
void repo.find(Model, { where: { config: filter } })
void repo.verify({ where })
