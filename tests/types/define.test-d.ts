import { expectTypeOf } from 'expect-type'
import { z } from 'zod'
import {
  type Artifact,
  artifact,
  brotli,
  bytes,
  csv,
  directory,
  file,
  floats,
  gzip,
  json,
  ndjson,
  openRepository,
  type PersistableType,
  persistable,
  type Saved,
  source,
  structured,
  type Tensor,
  text,
  typed,
  zstd,
} from '../../src'
import { parquet } from '../../src/parquet'

interface Row {
  island: string
}

class Dataset extends persistable('Dataset', {
  config: typed<{ url: string; tags?: string[] }>(),
  artifacts: { rows: source(ndjson<Row>().to('disk')), raw: artifact(bytes().to('disk')) },
}) {
  host(): string {
    return this.config.url
  }
}
class Special extends Dataset {
  static override readonly registeredName = 'Special'
  readonly special = true
}
class Model extends persistable('Model', {
  config: z.object({ rate: z.number().default(0.1), layers: z.array(z.number()).optional() }),
  state: typed<{ epochs: number }>(),
  parents: { dataset: Dataset, others: [Dataset], base: 'Model' },
  artifacts: { weights: artifact(json<number[]>().to('disk'), json<number[]>().to('backup')) },
}) {}
class Bare extends persistable('Bare') {}

// What must be given is required, what has a default is not.
new Bare()
new Bare({ name: 'x' })
new Dataset({ config: { url: 'u' } })
// @ts-expect-error config is required
new Dataset({ name: 'x' })
// @ts-expect-error url is a string
new Dataset({ config: { url: 1 } })
// @ts-expect-error there is no such member
new Dataset({ config: { url: 'u' }, nmae: 'x' })
// @ts-expect-error no such artifact
new Dataset({ config: { url: 'u' }, artifacts: { columns: [] } })
// @ts-expect-error rows hold islands
new Dataset({ config: { url: 'u' }, artifacts: { rows: [{ isle: 1 }] } })
// @ts-expect-error a type without config takes none
new Bare({ config: { a: 1 } })
// @ts-expect-error parents and state are required
new Model({})

declare const data: Saved<Dataset>
declare const model: Saved<Model>
new Model({ state: { epochs: 1 }, parents: { dataset: data, others: [data, 'iris@2'], base: model } })
new Model({ config: { rate: 1 }, state: { epochs: 1 }, parents: { dataset: 'iris', others: [], base: { id: 'x' } } })
new Model({ state: { epochs: 1 }, parents: { dataset: new Special({ config: { url: 'u' } }), others: [], base: model } })
// @ts-expect-error a model is no dataset
new Model({ state: { epochs: 1 }, parents: { dataset: model, others: [], base: model } })
// @ts-expect-error one where many are wanted
new Model({ state: { epochs: 1 }, parents: { dataset: data, others: data, base: model } })
// @ts-expect-error a role is missing
new Model({ state: { epochs: 1 }, parents: { dataset: data, others: [] } })

// A draft has no version and no hash, and its config is read-only with defaults applied.
const draft = new Model({ state: { epochs: 1 }, parents: { dataset: data, others: [], base: model } })
expectTypeOf(draft.config.rate).toEqualTypeOf<number>()
expectTypeOf(draft.type).toEqualTypeOf<'Model'>()
draft.state.epochs = 2
// @ts-expect-error not before it is saved
draft.version
// @ts-expect-error not before it is saved
draft.hash
// @ts-expect-error not before it is saved
draft.artifact('weights')
// @ts-expect-error config is frozen
draft.config.rate = 2
draft.set('weights', [1])
// @ts-expect-error numbers, not text
draft.set('weights', ['1'])
// @ts-expect-error no such artifact
draft.set('wieghts', [1])
new Dataset({ config: { url: 'u' } }).set('rows', new Set([{ island: 'x' }])).set('raw', 'text')

async function use(): Promise<void> {
  const repo = await openRepository({ types: [Dataset, Model, Special] })
  const saved = await repo.save(draft)
  expectTypeOf(saved).toEqualTypeOf<Saved<Model>>()
  expectTypeOf(saved.version).toEqualTypeOf<number>()
  expectTypeOf(saved.hash).toEqualTypeOf<string>()
  expectTypeOf(saved.project).toEqualTypeOf<string>()
  expectTypeOf(saved.type).toEqualTypeOf<'Model'>()
  expectTypeOf(await saved.artifact('weights')).toEqualTypeOf<number[]>()
  expectTypeOf(await saved.artifact('weights', { serializer: text() })).toEqualTypeOf<string>()
  expectTypeOf(await data.artifact('rows')).toEqualTypeOf<Row[]>()
  expectTypeOf(await data.artifact('raw')).toEqualTypeOf<Uint8Array>()
  expectTypeOf(await saved.parent('dataset')).toEqualTypeOf<Saved<Dataset>>()
  expectTypeOf(await saved.parent('others')).toEqualTypeOf<readonly Saved<Dataset>[]>()
  expectTypeOf(data.host()).toEqualTypeOf<string>()
  // @ts-expect-error saved versions never change
  saved.set('weights', [1])
  // @ts-expect-error saved versions never change
  saved.state.epochs = 3
  // @ts-expect-error a saved one is not saved again
  await repo.save(saved)
  // @ts-expect-error no such role
  await saved.parent('data')
  // @ts-expect-error no such artifact
  await saved.artifact('rows')
  expectTypeOf(saved.next({ config: { rate: 1 } })).toEqualTypeOf<Model>()
  // @ts-expect-error the name stays
  saved.next({ name: 'other' })
  const [a, b] = await repo.saveMany([new Bare(), new Dataset({ config: { url: 'u' } })])
  expectTypeOf(a).toEqualTypeOf<Saved<Bare>>()
  expectTypeOf(b).toEqualTypeOf<Saved<Dataset>>()
  const special = await repo.load(Special, 's')
  expectTypeOf(special.special).toEqualTypeOf<boolean>()
  expectTypeOf(await repo.tryLoad(Dataset, 'x')).toEqualTypeOf<Saved<Dataset> | null>()
  for (const one of await repo.find(Model, { where: { name: { startsWith: 'a' } }, take: 2 })) expectTypeOf(one).toEqualTypeOf<Saved<Model>>()
  // @ts-expect-error no such condition
  await repo.find(Model, { where: { nmae: 'a' } })
  const any = await repo.load('Model/x')
  expectTypeOf(any.version).toEqualTypeOf<number>()
}

// Serializers and wrappers keep their types, in and out.
class Table extends persistable('Table', {
  artifacts: {
    texts: source(csv().to('disk')),
    rows: source(gzip(csv({ columns: { island: 'string', mass: 'number?', when: 'date' } })).to('disk')),
    weights: artifact(brotli(floats()).to('disk'), floats().to('backup')),
    image: artifact(floats<Tensor<Uint8Array>>().to('disk')),
    words: artifact(zstd(structured<Map<string, bigint>>()).to('disk')),
    paper: artifact(file().to('disk')),
    run: artifact(directory().to('disk')),
    frame: artifact(parquet<{ a: number }>().to('disk')),
  },
}) {}
const table = new Table()
table
  .set('rows', [{ island: 'x', mass: null, when: new Date() }])
  .set('weights', new Float32Array(1))
  .set('image', { data: new Uint8Array(1), shape: [1] })
table
  .set('paper', 'a/path')
  .set('run', new URL('file:///x'))
  .set('frame', { a: [1, 2] })
  .set('frame', [{ a: 1 }])
// @ts-expect-error mass is a number or null
table.set('rows', [{ island: 'x', mass: '1', when: new Date() }])
// @ts-expect-error a column is missing
table.set('rows', [{ island: 'x', mass: 1 }])
// @ts-expect-error texts alone
table.set('texts', [{ a: 1 }])
// @ts-expect-error another type of array
table.set('weights', new Float64Array(1))
// @ts-expect-error there is no such type
csv({ columns: { a: 'text' } })
// @ts-expect-error patterns of one artifact take and give the same
artifact(gzip(json<number>()).to('disk'), json<string>().to('disk'))

async function read(saved: Saved<Table>): Promise<void> {
  expectTypeOf(await saved.artifact('texts')).toEqualTypeOf<Record<string, string>[]>()
  expectTypeOf(await saved.artifact('rows')).toEqualTypeOf<{ island: string; mass: number | null; when: Date }[]>()
  expectTypeOf(await saved.artifact('weights', { signal: AbortSignal.timeout(1) })).toEqualTypeOf<Float32Array>()
  expectTypeOf(await saved.artifact('image')).toEqualTypeOf<Tensor<Uint8Array>>()
  expectTypeOf(await saved.artifact('words')).toEqualTypeOf<Map<string, bigint>>()
  expectTypeOf((await saved.artifact('paper')).saveTo('x')).toEqualTypeOf<Promise<string>>()
  expectTypeOf((await saved.artifact('run')).read('x')).toEqualTypeOf<Promise<Uint8Array>>()
  expectTypeOf(await saved.artifact('frame', { serializer: gzip(text()), onProgress: ({ done }) => void done })).toEqualTypeOf<string>()
  for await (const row of saved.rows('rows')) expectTypeOf(row.mass).toEqualTypeOf<number | null>()
  for await (const row of saved.rows('frame', { signal: AbortSignal.timeout(1) })) expectTypeOf(row).toEqualTypeOf<{ a: number }>()
  // @ts-expect-error a folder has no rows
  for await (const row of saved.rows('run')) row.x
  for await (const chunk of saved.stream('run', { onProgress: ({ total }) => void total })) expectTypeOf(chunk).toEqualTypeOf<Uint8Array>()
}
void read

// The documented form for classes that are exported under isolatedDeclarations.
const BaseOfExported: PersistableType<
  'Exported',
  { config: { url: string }; artifacts: { rows: Artifact<Row[], Iterable<Row> | AsyncIterable<Row>> } }
> = persistable('Exported', {
  config: typed<{ url: string }>(),
  artifacts: { rows: source(ndjson<Row>().to('disk')) },
})
export class Exported extends BaseOfExported {}
declare const exported: Saved<Exported>
expectTypeOf(exported.artifact('rows')).toEqualTypeOf<Promise<Row[]>>()
expectTypeOf(exported.config.url).toEqualTypeOf<string>()
void use
