import { Classifier } from './Classifier'

test('a Classifier is made from its config', () => {
  const draft = new Classifier({
    name: 'test',
    config: { rate: 1 },
    state: { seconds: 1 },
    parents: { dataset: { id: '00000000-0000-4000-8000-000000000000' } },
  })
  expect(draft.config).toEqual({ rate: 1 })
  // What it computes, what its artifacts hold, and which columns are set before it is saved.
})
