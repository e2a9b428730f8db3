import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PersistablesError } from '../errors'
import { isAnnotated } from './annotations'
import { BASE_MODELS, lowerFirst } from './names'
import type { SchemaFiles } from './schema'
import { packageFolder } from './version'

const BEGIN = '// persistables: begin. The models of the registry, kept by `persistables init`: what is changed up to the end is lost.'
/** How the line before the registry's models begins. */
export const BEGINS = '// persistables: begin.'
const END = '// persistables: end.'
const LAST_FIELD = /^ {2}tags +PersistableTag\[\]$/m

/** The names of the companion models of a schema, whether or not the schema is sound yet: their back relations may be all that it lacks. */
export function companionsIn(files: SchemaFiles): string[] {
  const found: string[] = []
  for (const text of files.values()) {
    let docs: string[] = []
    for (const line of text.split('\n')) {
      const [, doc] = /^\s*\/\/\/\s?(.*)$/.exec(line) ?? []
      const [, model] = /^\s*model\s+(\w+)\s*\{/.exec(line) ?? []
      if (doc !== undefined) docs.push(doc)
      else {
        if (model !== undefined && isAnnotated(docs.join('\n'))) found.push(model)
        docs = []
      }
    }
  }
  return found.sort()
}

/** The base models with back relations to some companions, between marks. */
export function baseRegion(companions: readonly string[]): string {
  const models = readFileSync(join(packageFolder(), 'prisma', 'models.prisma'), 'utf8')
  const body = models.slice(models.indexOf('/// One saved version')).trimEnd()
  if (!LAST_FIELD.test(body)) throw new Error('prisma/models.prisma has another shape than base.ts knows')
  const taken = [...body.slice(0, body.indexOf('\n}')).matchAll(/^ {2}(\w+) +\w/gm)].map(([, field]) => field as string)
  const fields = companions.map((model) => {
    const field = lowerFirst(model)
    return `  ${taken.includes(field) ? `${field}Columns` : field} ${model}?`
  })
  const related = fields.length === 0 ? body : body.replace(LAST_FIELD, (last) => `${last}\n\n${fields.join('\n')}`)
  return `${BEGIN}\n\n${related}\n\n${END}\n`
}

/** A text with its region replaced, or with the region at its end. Throws `INVALID_TYPE` when the marks do not stand as they were written. */
export function withRegion(path: string, text: string, region: string): string {
  const begin = text.indexOf(BEGINS)
  const end = text.indexOf(END)
  if (begin === -1 && end === -1) return `${text}${text === '' ? '' : text.endsWith('\n') ? '\n' : '\n\n'}${region}`
  if (begin === -1 || end < begin || text.indexOf(BEGINS, begin + 1) !== -1 || text.indexOf(END, end + 1) !== -1) {
    throw new PersistablesError('INVALID_TYPE', `${path} has the marks of the registry's models, but not one beginning before one end.`, {
      fix: `Let each of "${BEGINS}" and "${END}" stand there once, around those models.`,
      details: { path },
    })
  }
  const after = text.indexOf('\n', end)
  return `${text.slice(0, begin)}${region}${after === -1 ? '' : text.slice(after + 1)}`
}

/** Throws `INVALID_TYPE` when a base model stands somewhere outside of the region. */
export function refuseOwnModels(files: SchemaFiles): void {
  for (const [path, text] of files) {
    const begin = text.indexOf(BEGINS)
    const rest = begin === -1 ? text : text.slice(0, begin) + text.slice(text.indexOf(END))
    const model = BASE_MODELS.find((name) => new RegExp(`^\\s*model\\s+${name}\\s*\\{`, 'm').test(rest))
    if (model === undefined) continue
    throw new PersistablesError('INVALID_TYPE', `${path} declares the model ${model}, which \`persistables init\` keeps.`, {
      fix: `Put the line "${BEGIN}" before the registry's models and "${END}" behind them, or take them away; then run init again. The tables stay as they are.`,
      details: { path, model },
    })
  }
}
