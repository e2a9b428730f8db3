import Table from 'cli-table3'

/** Colours, or nothing where there are none. */
export type Paint = (style: keyof typeof STYLES, text: string) => string

const STYLES = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39] } as const

/** Makes a {@link Paint}. */
export function paint(color: boolean): Paint {
  return (style, text) => (color ? `\u001b[${STYLES[style][0]}m${text}\u001b[${STYLES[style][1]}m` : text)
}

/**
 * Rows under a head, columns two blanks apart, no lines: what cut, grep and people read alike. A cell may have several lines. Columns that are empty in
 * every row are left out.
 */
export function table(head: readonly string[], rows: readonly (readonly string[])[], style: Paint): string {
  const shown = head.map((_, i) => i).filter((i) => rows.some((row) => row[i] !== '' && row[i] !== undefined))
  const grid = new Table({
    head: shown.map((i) => style('bold', head[i] ?? '')),
    chars: NO_LINES,
    style: { 'padding-left': 0, 'padding-right': 2, head: [], border: [], compact: true },
  })
  for (const row of rows) grid.push(shown.map((i) => row[i] ?? ''))
  return lines(grid.toString())
}

/** Names before their values, in two columns. */
export function facts(pairs: readonly (readonly [string, string])[], style: Paint): string {
  const grid = new Table({ chars: NO_LINES, style: { 'padding-left': 0, 'padding-right': 2, head: [], border: [], compact: true } })
  for (const [name, value] of pairs) grid.push([style('dim', name), value])
  return lines(grid.toString())
}

const NO_LINES = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
    'middle',
  ].map((part) => [part, '']),
)

function lines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

const UNITS = ['kB', 'MB', 'GB', 'TB', 'PB']

/** A number of bytes for people: `12 B`, `1.5 kB`, `230 MB`; powers of 1000. */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  let value = bytes
  let unit = -1
  // 999.95 kB would be shown as 1000 kB.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`
}

/** A time for people, in UTC: `2026-08-01 12:34:56Z`. */
export function time(date: Date): string {
  return date
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z')
}

/** The first digits of a hash: enough to tell two apart by eye. */
export function shortHash(hash: string): string {
  return hash.replace(/^[^:]*:/, '').slice(0, 10)
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu

/** Text out of a registry, which anybody may have written, as a terminal may be given it: what would move its cursor or turn its letters round is escaped. */
export function clean(text: string, { multiline = false }: { multiline?: boolean } = {}): string {
  const safe = text.replace(UNSAFE, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
  return multiline ? safe : safe.replace(/\n/g, '\\n').replace(/\t/g, '\\t')
}

/** `1 version`, `2 versions`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
