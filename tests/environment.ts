import type { Circus } from '@jest/types'
import { TestEnvironment } from 'jest-environment-node'

/** Tells tests/support.ts whether anything in the file has failed: what a failed test worked on is kept. */
export default class extends TestEnvironment {
  handleTestEvent(event: Circus.AsyncEvent | Circus.SyncEvent): void {
    if (event.name === 'test_fn_failure' || event.name === 'hook_failure') this.global['testFileFailed'] = true
  }
}
