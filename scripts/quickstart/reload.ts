// The second process of the quickstart: told nothing but references to metrics, it gets all that they were made from out of the registry.
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
    const predicted = predict(await classifier.artifact('model'), split(rows, classifier.config).test)
    const predictions = await metric.artifact('predictions')

    const hashes = [dataset.hash, classifier.hash, metric.hash]
    process.send?.({ ref, hashes, config: classifier.config, rows, predicted, predictions, accuracy: metric.state.accuracy })
  }
}

void main(process.argv.slice(2))
