import { createRepository, diskStore, openRepository, type PersistableClient } from '../../src'
import { fs } from '../../src/artifacts/local/file-system'
import { say, work } from './child'
import { Model, TYPES } from './models'

export interface KillTask {
  readonly url: string
  readonly folder: string
  readonly seed: number
  /** the operation at which the process dies; none: the save completes, and the answer is the number of operations */
  readonly at?: number
  readonly when?: 'before' | 'after'
}

export interface KillAnswer {
  readonly failed?: string
  readonly steps: readonly string[]
}

export const bigOf = (seed: number): Uint8Array => new Uint8Array((2 << 20) + 77).fill(seed % 251)
export const smallOf = (seed: number): { seed: number; w: number[] } => ({ seed, w: [seed, seed + 1] })

const FILE_OPERATIONS = ['open', 'write', 'fdatasync', 'fsync', 'rename', 'link', 'mkdir', 'unlink'] as const
type AnyFunction = (...args: unknown[]) => unknown

if (require.main === module) {
  work(async ({ url, folder, seed, at, when }: KillTask) => {
    let armed = false
    const steps: string[] = []
    const reach = (step: string, index: number, moment: 'before' | 'after'): void => {
      if (at !== index || when !== moment) return
      say({ step, moment })
      process.kill(process.pid, 'SIGKILL')
    }
    const counted =
      (step: string, run: AnyFunction): AnyFunction =>
      async (...args) => {
        if (!armed) return run(...args)
        const index = steps.push(step) - 1
        reach(step, index, 'before')
        try {
          return await run(...args)
        } finally {
          reach(step, index, 'after')
        }
      }
    const files = fs as unknown as Record<string, AnyFunction>
    for (const name of FILE_OPERATIONS) files[name] = counted(name, (files[name] as AnyFunction).bind(fs))

    const stores = [diskStore(`${folder}/files`), diskStore(`${folder}/backup`, { name: 'backup' })]
    const opened = await openRepository({ url, types: TYPES, stores, logger: { warn: () => {} } })
    const client = new Proxy(opened.client, {
      get(target, key) {
        const member: unknown = Reflect.get(target, key)
        if (key === '$transaction') return counted('$transaction', (member as AnyFunction).bind(target))
        return typeof member === 'function' ? (member as AnyFunction).bind(target) : member
      },
    }) as PersistableClient
    const repo = createRepository({ client, provider: 'sqlite', types: TYPES, stores, logger: { warn: () => {} } })
    const draft = new Model({ name: 'm', config: { seed }, artifacts: { small: smallOf(seed), big: bigOf(seed) } })
    armed = true
    await repo.save(draft)
    armed = false
    await opened.close()
    return { steps } satisfies KillAnswer
  })
}
