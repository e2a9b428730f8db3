import Table from 'cli-table3'
import type { Figure, Missing } from './figure'

/** For people: three digits that count. */
export const number = (value: number): string => (value >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3))))

/** Whether a figure is good enough, as far as its interval tells; empty without a bar. */
export const verdict = ({ ratio, bar }: Figure): string => {
  if (bar === undefined) return ''
  if (ratio.value <= bar) return `≤ ${bar} ok`
  return ratio.low > bar ? `≤ ${bar} MISSED` : `≤ ${bar} missed, within noise`
}

const range = ({ ratio }: Figure): string => `${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)}`

/** A result in one line. */
export const lineOf = (result: Figure | Missing): string =>
  'missing' in result ? `not measured: ${result.missing}` : `${result.ratio.value.toFixed(2)} (${range(result)}) ${verdict(result)}`.trim()

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
    table.push([name, side(ours), side(bare), ratio.value.toFixed(2), range(result), cpu?.value.toFixed(2) ?? '', verdict(result)])
    if (notes !== undefined)
      lines.push(
        `${name}: ${Object.entries(notes)
          .map(([what, value]) => `${what} ${number(value)}`)
          .join(', ')}`,
      )
  }
  const figures = results.filter((result): result is Figure => !('missing' in result))
  const [met = [], missed = []] = [true, false].map((good) => figures.filter(({ bar, ratio }) => bar !== undefined && ratio.value <= bar === good))
  if (missed.length > 0)
    lines.push(`Missed: ${missed.map((figure) => `${figure.name} ${figure.ratio.value.toFixed(2)} ${verdict(figure)}`).join('; ')}`)
  lines.push(`${met.length} of ${met.length + missed.length} bars are met.`)
  return [table.toString(), ...lines].join('\n')
}
