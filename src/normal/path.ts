import { quote } from '../ref'

/** One step of a path: an index, a member, or a place in a Map or Set. */
export type Step = number | string | { readonly part: 'keys' | 'values'; readonly at: number; readonly key?: unknown }

/** The path as messages write it, e.g. `config.layers[3]["odd key"].get("a")`; one of more than 240 characters is shortened in the middle. */
export function pathText(what: string, steps: readonly Step[]): string {
  const path = steps.map(stepText).join('')
  return what + (path.length > 240 ? `${path.slice(0, 120)} … ${path.slice(-120)}` : path)
}

function stepText(step: Step): string {
  if (typeof step === 'number') return `[${step}]`
  if (typeof step === 'string') return /^[A-Za-z_$][\w$]{0,59}$/.test(step) ? `.${step}` : `[${quote(step)}]`
  if (typeof step.key === 'string') return `.get(${quote(step.key)})`
  return `.${step.part}[${step.at}]`
}
