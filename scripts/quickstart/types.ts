import { artifact, json, ndjson, persistable, source, typed } from 'persistables'
import type { Model, Penguin } from './penguins'

/** What was measured. Its rows are a source: they are part of its hash. */
export class Dataset extends persistable('Dataset', {
  config: typed<{ origin: string }>(),
  artifacts: { rows: source(ndjson<Penguin>().to('disk')) },
}) {}

/** A decision tree trained on a part of a dataset. The tree is a result: not part of the hash, so the hash is known before training. */
export class Classifier extends persistable('Classifier', {
  revision: '1',
  config: typed<{ maxDepth: number; testShare: number; seed: number }>(),
  parents: { dataset: Dataset },
  artifacts: { model: artifact(json<Model>().to('disk')) },
}) {}

/** How well a classifier does on the rows that it was not trained on. */
export class Metric extends persistable('Metric', {
  state: typed<{ accuracy: number }>(),
  parents: { classifier: Classifier, dataset: Dataset },
  artifacts: { predictions: artifact(json<string[]>().to('disk')) },
}) {}
