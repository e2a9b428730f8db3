import type { Figure } from './figure'
import { measured, type Run } from './results'
import type { Ratio } from './stats'
import { number } from './table'

/** One figure in two runs. */
export interface Change {
  readonly name: string
  readonly before: Ratio
  readonly after: Ratio
  /** the later ratio over the earlier one: above 1 is worse */
  readonly factor: number
  /** `slower` and `faster` are beyond noise: the two intervals do not meet, and the medians differ by more than 2 %, of figures of fewer than six rounds 25 % */
  readonly kind: 'slower' | 'faster' | 'same'
}

/** What two runs say of each other. */
export interface Comparing {
  /** what differs between the machines, versions and kinds of run */
  readonly differences: readonly string[]
  /** worst first */
  readonly changes: readonly Change[]
  /** names that only one of them measured */
  readonly onlyBefore: readonly string[]
  readonly onlyAfter: readonly string[]
}

// Intervals of many rounds get narrower than what two runs of the same code differ by, and those of a few rounds say little.
const MANY = 6
const leastOf = (...rounds: readonly number[]): number => (Math.min(...rounds) >= MANY ? 1.02 : 1.25)

const kindOf = ({ ratio: before, ours: old }: Figure, { ratio: after, ours: now }: Figure): Change['kind'] => {
  const [factor, least] = [after.value / before.value, leastOf(old.samples, now.samples)]
  if (after.low > before.high && factor > least) return 'slower'
  if (after.high < before.low && factor < 1 / least) return 'faster'
  return 'same'
}

const differing = (what: string, before: object, after: object): string[] => {
  const [a, b] = [before, after] as [Record<string, unknown>, Record<string, unknown>]
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((key) => a[key] !== b[key])
    .map((key) => `${what}${key}: ${String(a[key] ?? 'none')}, then ${String(b[key] ?? 'none')}`)
}

/** Compares the ratios of two runs: they carry less of the machine than times do. */
export const compare = (before: Run, after: Run): Comparing => {
  const byName = (run: Run) => new Map(measured(run).map((figure) => [figure.name, figure]))
  const [old, now] = [byName(before), byName(after)]
  const changes = [...old].flatMap(([name, figure]): Change[] => {
    const later = now.get(name)
    if (later === undefined) return []
    return [{ name, before: figure.ratio, after: later.ratio, factor: later.ratio.value / figure.ratio.value, kind: kindOf(figure, later) }]
  })
  return {
    differences: [
      ...differing('', { quick: before.quick }, { quick: after.quick }),
      ...differing('machine ', before.machine, after.machine),
      ...differing('version of ', before.versions, after.versions),
    ],
    changes: changes.sort((a, b) => b.factor - a.factor),
    onlyBefore: [...old.keys()].filter((name) => !now.has(name)),
    onlyAfter: [...now.keys()].filter((name) => !old.has(name)),
  }
}

const line = ({ name, before, after, factor }: Change): string => {
  const shown = ({ value, low, high }: Ratio): string => `${value.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`
  return `  ${name}: ${shown(before)}, then ${shown(after)}: × ${number(factor)}`
}

/** The same for people. */
export const textOf = ({ differences, changes, onlyBefore, onlyAfter }: Comparing): string => {
  const of = (kind: Change['kind']): Change[] => changes.filter((change) => change.kind === kind)
  const part = (title: string, lines: readonly string[]): string[] => (lines.length === 0 ? [] : [title, ...lines])
  return [
    ...part(
      'The runs differ, so take this with care:',
      differences.map((text) => `  ${text}`),
    ),
    ...part('Slower, beyond noise:', of('slower').map(line)),
    ...part('Faster, beyond noise:', of('faster').reverse().map(line)),
    ...part(
      'Measured before only:',
      onlyBefore.map((name) => `  ${name}`),
    ),
    ...part(
      'Measured after only:',
      onlyAfter.map((name) => `  ${name}`),
    ),
    `${changes.length} figures in both: ${of('slower').length} slower, ${of('faster').length} faster, ${of('same').length} the same within noise.`,
  ].join('\n')
}
