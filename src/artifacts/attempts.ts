import { isPersistablesError, PersistablesError, reason } from '../errors'
import type { Logger, PatternRecord } from '../types'

/** Why a pattern did not serve. */
export interface Attempt {
  readonly pattern: string
  readonly store: string
  readonly code: string
  readonly reason: string
}

/** What failed while one artifact was read, each pattern once. */
export interface Attempts {
  has(pattern: string): boolean
  note(pattern: string, record: PatternRecord, error: unknown): void
  /** one warning that names every pattern that failed before the one that served; never the same twice */
  warn(served: string): void
  /** `ARTIFACT_UNREADABLE` with all of them */
  readonly unreadable: () => PersistablesError
}

/** Makes {@link Attempts}. */
export function attempts(artifact: string, label: string, logger: Logger): Attempts {
  const all = new Map<string, Attempt>()
  let told = 0
  const listed = (): string => [...all.values()].map(({ pattern, reason: why }) => `${pattern}: ${why}`).join('; ')
  return {
    has: (pattern) => all.has(pattern),
    note(pattern, record, error) {
      all.set(pattern, {
        pattern,
        store: String(record?.store),
        code: isPersistablesError(error) ? error.code : 'UNDECODABLE',
        reason: reason(error),
      })
    },
    warn(served) {
      if (all.size === told) return
      told = all.size
      logger.warn(`The artifact "${artifact}" of ${label} was read by ${served}, because ${listed()}`, {
        artifact,
        served,
        attempts: [...all.values()],
      })
    },
    unreadable: () =>
      new PersistablesError(
        'ARTIFACT_UNREADABLE',
        `No pattern of the artifact "${artifact}" of ${label} gives what was saved: ${all.size > 0 ? listed() : 'it has none'}`,
        {
          fix: 'Bring the bytes back from a copy, or configure the store or serializer that is missing.',
          details: { artifact, label, attempts: [...all.values()] },
        },
      ),
  }
}
