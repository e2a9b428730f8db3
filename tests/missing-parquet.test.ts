import { parquet } from '../src/parquet'
import { contentOf, encode, failure } from './serializing'

jest.mock('hyparquet', () => {
  throw Object.assign(new Error("Cannot find module 'hyparquet'"), { code: 'MODULE_NOT_FOUND' })
})
jest.mock('hyparquet-writer', () => {
  throw Object.assign(new Error("Cannot find module 'hyparquet-writer'"), { code: 'MODULE_NOT_FOUND' })
})

test('without its packages parquet says which command to run, when it is used and not before', async () => {
  const made = parquet()
  for (const work of [() => encode(made, [{ a: 1 }]), () => made.decode(contentOf(new Uint8Array(4)))])
    expect(await failure(work)).toMatchObject({ code: 'MISSING_DEPENDENCY', fix: 'Run `npm install hyparquet hyparquet-writer`.' })
})
