// The second process of the quickstart: knows nothing but the names of metrics, and gets all that they were made from out of the registry.
import { openRepository } from 'persistables'
import { predict, split } from './penguins'
import { Classifier, Dataset, Metric } from './types'

const main = async (refs: readonly string[]): Promise<void> => {
  await using repo = await openRepository({ types: [Dataset, Classifier, Metric] })
  for (const ref of refs) {
    const metric = await repo.load(Metric, ref)
    const classifier = await metric.parent('classifier')
    const dataset = await classifier.parent('dataset')

    const rows = await dataset.artifact('rows')
    const model = await classifier.artifact('model')
    const predictions = predict(model, split(rows, classifier.config).test)
    const saved = await metric.artifact('predictions')

    const hashes = [await repo.hash(dataset), await repo.hash(classifier), await repo.hash(metric)]
    process.send?.({ ref, hashes, rows, predictions, saved, accuracy: metric.state.accuracy })
  }
}

void main(process.argv.slice(2))
