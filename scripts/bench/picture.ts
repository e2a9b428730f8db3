import type { Figure } from './figure'
import { measured, type Run } from './results'
import { median } from './stats'
import { number } from './table'

const PANEL = { width: 300, height: 180, left: 60, top: 60, gap: 70 }
const DECADES = [3, 4, 5, 6]
const NAMES: Readonly<Record<string, string>> = { latest: 'latest of a name', version: 'one version', hash: 'by hash', page: 'newest 50' }
const TITLES = { sqlite: 'SQLite', postgresql: 'PostgreSQL' }

/** Milliseconds by the power of ten of the number of versions. */
type Line = ReadonlyMap<number, number>

// From the ratios, which carry less of the moment than the times do: times of three comparisons would differ at 10^3 already.
const linesOf = (figures: readonly Figure[], provider: string): Map<string, Line> => {
  const found = new Map<string, { decade: number; figure: Figure }[]>()
  for (const figure of figures) {
    const [, lookup = '', decade, of] = /^scale\/(\w+)\/10\^(\d)\/(\w+)$/.exec(figure.name) ?? []
    if (of === provider) found.set(lookup, [...(found.get(lookup) ?? []), { decade: Number(decade), figure }])
  }
  return new Map(
    [...found].map(([lookup, steps]) => {
      const base = median(steps.map(({ figure }) => figure.bare.median))
      return [lookup, new Map([[3, base], ...steps.map(({ decade, figure }) => [decade, base * figure.ratio.value] as const)])]
    }),
  )
}

const round = (value: number): string => value.toFixed(1)

const panel = (lines: ReadonlyMap<string, Line>, title: string, left: number): string => {
  const { width, height, top } = PANEL
  const times = [...lines.values()].flatMap((line) => [...line.values()])
  const most = times.length === 0 ? 1 : 1.15 * Math.max(...times)
  const x = (decade: number): number => left + ((decade - 3) * width) / 3
  const y = (ms: number): number => top + height * (1 - ms / most)
  const text = (at: readonly [number, number], content: string, more = ''): string =>
    `<text x="${round(at[0])}" y="${round(at[1])}"${more}>${content}</text>`
  const parts = [
    text([left, top - 14], title, ' class="title"'),
    `<path class="axis" d="M${round(left)} ${top}V${top + height}H${round(left + width)}"/>`,
    ...DECADES.map((decade) => text([x(decade), top + height + 18], `10<tspan dy="-5" font-size="9">${decade}</tspan>`, ' text-anchor="middle"')),
    ...[0, 0.5, 1].map((share) => text([left - 6, y((share * most) / 1.15) + 4], number((share * most) / 1.15), ' text-anchor="end"')),
  ]
  for (const [i, [lookup, line]] of [...lines].entries()) {
    const points = [...line].sort(([a], [b]) => a - b).map(([decade, ms]) => [x(decade), y(ms)] as const)
    parts.push(`<polyline class="l${i}" points="${points.map((point) => point.map(round).join(',')).join(' ')}"/>`)
    parts.push(...points.map(([cx, cy]) => `<circle class="d${i}" cx="${round(cx)}" cy="${round(cy)}" r="3"/>`))
    parts.push(text([left + (i % 2) * 150 + 14, top + height + 42 + 16 * Math.floor(i / 2)], NAMES[lookup] ?? lookup))
    parts.push(`<circle class="d${i}" cx="${round(left + (i % 2) * 150 + 5)}" cy="${top + height + 38 + 16 * Math.floor(i / 2)}" r="4"/>`)
  }
  return parts.join('\n')
}

const COLOURS = ['#2563eb', '#c2410c', '#15803d', '#9333ea']
const DARK = ['#60a5fa', '#fb923c', '#4ade80', '#c084fc']
const colours = (list: readonly string[]): string => list.map((colour, i) => `.l${i}{stroke:${colour}}.d${i}{fill:${colour}}`).join('')

/** The lookups' times against the number of versions, as an SVG that is readable on light and on dark. */
export const pictureOf = (run: Run): string => {
  const { width, height, left, top, gap } = PANEL
  const panels = Object.entries(TITLES).map(([provider, title], i) => panel(linesOf(measured(run), provider), title, left + i * (width + gap)))
  const [w, h] = [left + 2 * width + gap + 20, top + height + 74]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" width="${w}" height="${h}" font-family="system-ui, sans-serif" font-size="12" role="img">
<title>Milliseconds of a lookup against the number of versions</title>
<style>text{fill:#1f2937}.title{font-weight:600}.axis{fill:none;stroke:#9ca3af}polyline{fill:none;stroke-width:2}${colours(COLOURS)}
@media (prefers-color-scheme:dark){text{fill:#e5e7eb}.axis{stroke:#6b7280}${colours(DARK)}}</style>
<text x="${left}" y="20" class="title">Milliseconds of a lookup, by the number of versions</text>
${panels.join('\n')}
</svg>
`
}
