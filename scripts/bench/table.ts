import Table from 'cli-table3'
import type { Figure, Missing } from './figure'

const number = (value: number): string => (value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3))

const verdict = ({ ratio, bar }: Figure): string => {
  if (bar === undefined) return ''
  if (ratio.value <= bar) return `≤ ${bar} ok`
  return ratio.low > bar ? `≤ ${bar} MISSED` : `≤ ${bar} missed, within noise`
}

/** The figures for people. `cpu` is the ratio of the processor time that this process spent. */
export const tableOf = (results: readonly (Figure | Missing)[]): string => {
  const table = new Table({
    head: ['benchmark', 'ours: median (p95)', 'bare: median (p95)', 'ratio', '95 %', 'cpu', 'bar'],
    style: { head: [], border: [] },
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'left'],
  })
  const lines: string[] = []
  for (const result of results) {
    if ('missing' in result) {
      lines.push(`Not measured: ${result.name}: ${result.missing}`)
      continue
    }
    const { name, unit, ours, bare, ratio, cpu, notes } = result
    const side = ({ what, median, p95 }: Figure['ours']): string => `${what} ${number(median)} ${unit} (${number(p95)})`
    const range = `${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)}`
    table.push([name, side(ours), side(bare), ratio.value.toFixed(2), range, cpu?.value.toFixed(2) ?? '', verdict(result)])
    if (notes !== undefined)
      lines.push(
        `${name}: ${Object.entries(notes)
          .map(([what, value]) => `${what} ${number(value)}`)
          .join(', ')}`,
      )
  }
  return [table.toString(), ...lines].join('\n')
}
