// npm start: which version of what produced this number, can I get it back, and is it still intact?
import { deepStrictEqual } from 'node:assert/strict'
import { openRepository } from 'persistables'
import { accuracyOf, fit, predict, readPenguins, split } from './quickstart/penguins'
import { filesIn, reloadElsewhere, tableOf, written } from './quickstart/report'
import { Classifier, Dataset, Metric } from './quickstart/types'

const main = async (): Promise<void> => {
  // SQLite and a disk store in .persistables beside package.json: no server, no set-up.
  await using repo = await openRepository({ types: [Dataset, Classifier, Metric] })
  const store = repo.stores.get('disk')!
  const before = await filesIn(store)

  // Real data becomes a versioned, hashed, verified record.
  const rows = readPenguins()
  const dataset = await repo.save(new Dataset({ name: 'penguins', config: { origin: 'vega-datasets' }, artifacts: { rows } }))

  // A model trained from it, and its accuracy, each linked to what it was made from.
  const experiment = async (draft: Classifier) => {
    const { train, test } = split(rows, draft.config)
    const classifier = await repo.save(draft.set('model', fit(train, draft.config)))
    const predictions = predict(await classifier.artifact('model'), test)
    const state = { accuracy: accuracyOf(predictions, test) }
    const metric = await repo.save(new Metric({ name: 'penguins', state, parents: { classifier, dataset }, artifacts: { predictions } }))
    return { classifier, metric, predictions }
  }
  const config = { maxDepth: 1, testShare: 0.3, seed: 42 }
  const first = await experiment(new Classifier({ name: 'penguins', config, parents: { dataset } }))

  // Another config is another version: name and parents stay.
  const second = await experiment(first.classifier.next({ config: { ...config, maxDepth: 4 } }))

  // Somebody else, somewhere else, gets exactly the same back.
  const expected = [first, second].map(({ classifier, metric, predictions }) => ({
    ref: `${metric.name}@${metric.version}`,
    hashes: [dataset.hash, classifier.hash, metric.hash],
    rows,
    predictions,
    saved: predictions,
    accuracy: metric.state.accuracy,
  }))
  deepStrictEqual(await reloadElsewhere(expected.map(({ ref }) => ref)), expected)

  console.log(await tableOf(repo))
  console.log(`Loaded back in a second process, and equal: ${rows.length} rows, ${first.predictions.length} predictions of each model, all hashes.`)
  console.log(`Blobs written: ${written(before, await filesIn(store))} (there before: ${before.size}). Run it again: new versions, the same bytes.`)
}

void main()
