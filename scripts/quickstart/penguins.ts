// The penguins of Palmer Station, Antarctica, and a decision tree that tells their species. Nothing here knows of persistables.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DecisionTreeClassifier } from 'ml-cart'

const FEATURES = ['Beak Length (mm)', 'Beak Depth (mm)', 'Flipper Length (mm)', 'Body Mass (g)'] as const

export type Penguin = { Species: string; Island: string; Sex: string | null } & Record<(typeof FEATURES)[number], number | null>

/** A trained tree as plain JSON, with the species that its labels stand for. */
export interface Model {
  species: string[]
  tree: unknown
}

/** All rows of `penguins.json` as the npm package vega-datasets has it. */
export const readPenguins = (): Penguin[] =>
  JSON.parse(readFileSync(join(dirname(require.resolve('vega-datasets')), '../data/penguins.json'), 'utf8'))

/** Deals the rows that were measured completely into two heaps: the same heaps for the same seed. */
export const split = (rows: readonly Penguin[], { testShare, seed }: { testShare: number; seed: number }): { train: Penguin[]; test: Penguin[] } => {
  const random = mulberry32(seed)
  const dealt = rows
    .filter((row) => FEATURES.every((feature) => row[feature] !== null))
    .map((row) => ({ row, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ row }) => row)
  const size = Math.round(dealt.length * testShare)
  return { train: dealt.slice(size), test: dealt.slice(0, size) }
}

export const fit = (rows: readonly Penguin[], { maxDepth }: { maxDepth: number }): Model => {
  const species = [...new Set(rows.map((row) => row.Species))].sort()
  const tree = new DecisionTreeClassifier({ maxDepth })
  tree.train(
    rows.map(measurements),
    rows.map((row) => species.indexOf(row.Species)),
  )
  return { species, tree: JSON.parse(JSON.stringify(tree)) }
}

export const predict = ({ species, tree }: Model, rows: readonly Penguin[]): string[] =>
  DecisionTreeClassifier.load(tree)
    .predict(rows.map(measurements))
    .map((label) => species[label] ?? 'unknown')

export const accuracyOf = (predictions: readonly string[], rows: readonly Penguin[]): number =>
  rows.filter((row, at) => row.Species === predictions[at]).length / rows.length

const measurements = (row: Penguin): number[] => FEATURES.map((feature) => row[feature] ?? Number.NaN)

// Tommy Ettinger's generator, in the public domain: a few lines, and enough to deal rows.
const mulberry32 = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}
