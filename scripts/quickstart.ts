// npm start: which exact version of what produced this number, can I get it back, and is it still intact?
import { deepStrictEqual } from 'node:assert/strict'
import { openRepository } from 'persistables'
import { accuracyOf, fit, predict, readPenguins, split } from './quickstart/penguins'
import { filesIn, reload, tableOf, written } from './quickstart/report'
import { Classifier, Dataset, Metric } from './quickstart/types'

const main = async (): Promise<void> => {
  // No server and no set-up: SQLite and a disk store in .persistables beside package.json.
  await using repo = await openRepository({ types: [Dataset, Classifier, Metric] })
  const before = await filesIn(repo)

  // Real data becomes a record: versioned, hashed, its rows in a file that every read verifies.
  const rows = readPenguins()
  const dataset = await repo.save(new Dataset({ name: 'penguins', config: { origin: 'vega-datasets' }, artifacts: { rows } }))

  // A model trained from it and a metric of the model, each linked to what it was made from.
  const experiment = async (draft: Classifier) => {
    const { train, test } = split(rows, draft.config)
    const model = fit(train, draft.config)
    const classifier = await repo.save(draft.set('model', model))

    const predictions = predict(model, test)
    const accuracy = accuracyOf(predictions, test)
    const parents = { classifier, dataset }
    const metric = await repo.save(new Metric({ name: 'penguins', state: { accuracy }, parents, artifacts: { predictions } }))
    return { classifier, metric, predictions, accuracy }
  }
  const config = { maxDepth: 1, testShare: 0.3, seed: 42 }
  const first = await experiment(new Classifier({ name: 'penguins', config, parents: { dataset } }))

  // Another config is another version of the same name, with the same parents.
  const second = await experiment(first.classifier.next({ config: { ...config, maxDepth: 4 } }))

  // A second process gets back exactly what this one has in memory, and its models predict the same.
  const expected = [first, second].map(({ classifier, metric, predictions, accuracy }) => ({
    ref: `${metric.name}@${metric.version}`,
    hashes: [dataset.hash, classifier.hash, metric.hash],
    config: classifier.config,
    rows,
    predicted: predictions,
    predictions,
    accuracy,
  }))
  deepStrictEqual(await reload(expected.map(({ ref }) => ref)), expected)

  const after = await filesIn(repo)
  console.log(`${await tableOf(repo)}\n`)
  console.log(`Loaded back in a second process and equal: ${rows.length} rows, ${first.predictions.length} predictions of each model, all hashes.`)
  console.log(`Blobs written: ${written(before, after)} of ${after.size} in the store. Another npm start adds versions, and writes no byte twice.`)
}

void main()
