import { Metric } from './Metric'

test('a Metric is made from its config', () => {
  const draft = new Metric({
    name: 'test',
    state: { note: 'a' },
    parents: { classifier: { id: '00000000-0000-4000-8000-000000000000' }, dataset: { id: '00000000-0000-4000-8000-000000000000' } },
  })
  expect(draft.config).toEqual({})
  // What it computes, what its artifacts hold, and which columns are set before it is saved.
})
