import { Dataset } from './Dataset'

test('a Dataset is made from its config', () => {
  const draft = new Dataset({ name: 'test', config: { url: 'a' } })
  expect(draft.config).toEqual({ url: 'a' })
  // What it computes, what its artifacts hold, and which columns are set before it is saved.
})
