import type { Circus } from '@jest/types'
import { TestEnvironment } from 'jest-environment-node'

const nameOf = ({ name, parent }: { readonly name: Circus.BlockName; readonly parent?: Circus.DescribeBlock | undefined }): string =>
  parent?.parent === undefined ? String(name) : `${nameOf(parent)} ${String(name)}`

/** Tells tests/support.ts which tests of the file have failed: what they worked on is kept. */
export default class extends TestEnvironment {
  private readonly failed: string[] = []

  override async setup(): Promise<void> {
    await super.setup()
    this.global['failedTests'] = this.failed
  }

  handleTestEvent(event: Circus.AsyncEvent | Circus.SyncEvent): void {
    if (event.name === 'test_done' && event.test.errors.length > 0) this.failed.push(nameOf(event.test))
  }
}
