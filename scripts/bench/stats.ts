/** The value below which the share `p` of the values lies. Throws for no values. */
export const percentile = (values: readonly number[], p: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const value = sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))]
  if (value === undefined) throw new Error('no values')
  return value
}

export const median = (values: readonly number[]): number => percentile(values, 0.5)

/** A ratio, and between what it lies with 95 % confidence. */
export interface Ratio {
  readonly value: number
  readonly low: number
  readonly high: number
}

/**
 * The median of the rounds' ratios. Both sides of a round ran within moments of each other, so whatever else the machine did then cancels out, which it does
 * not in the ratio of two medians.
 *
 * The interval is that of the order statistics of a median: it supposes no distribution. Below six rounds it is simply the whole range.
 */
export const pairedRatio = (ours: readonly number[], bare: readonly number[]): Ratio => {
  const ratios = ours.map((value, i) => value / (bare[i] as number)).sort((a, b) => a - b)
  const half = (1.96 * Math.sqrt(ratios.length)) / 2
  const at = (index: number): number => ratios[Math.min(ratios.length - 1, Math.max(0, index))] as number
  return { value: median(ratios), low: at(Math.floor(ratios.length / 2 - half)), high: at(Math.ceil(ratios.length / 2 + half)) }
}
