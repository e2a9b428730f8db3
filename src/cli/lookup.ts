import { nearest, PersistablesError } from '../errors'
import type { Pick } from '../query'
import { isId, parseRef, quote, type Ref } from '../ref'
import type { Row } from '../row'
import type { Session } from './session'

/**
 * The row that a reference on the command line means: `Type/name`, `Type/name@…`, an id, or `name…` where one type alone has the name.
 * Throws `NOT_FOUND` with what is near, `INVALID_REF`.
 */
export async function findRow(session: Session, text: string): Promise<Row> {
  const { query, scope } = session
  if (isId(text)) {
    const row = await query.byId(scope, text)
    if (row !== null) return row
    throw new PersistablesError('NOT_FOUND', `Nothing${inProject(session)} has the id ${text}.`, {
      fix: 'Run `persistables ls` to see what there is.',
      details: { ref: text },
    })
  }
  const ref = parseRef(text)
  const type = ref.type ?? (await onlyType(session, ref.name, text))
  const pick: Pick = ref.at.kind === 'latest' ? 'latest' : ref.at.kind === 'version' ? { version: ref.at.version } : { alias: ref.at.alias }
  return (await query.byName({ ...scope, type }, ref.name, pick)) ?? (await absent(session, { ...ref, type }, text))
}

/** The type and name that a reference without a version means, or an id. Throws as {@link findRow} does, and `INVALID_REF` where a version is named. */
export async function findName(session: Session, text: string): Promise<{ type: string; name: string }> {
  const byId: boolean = isId(text)
  if (byId) return findRow(session, text)
  const ref = parseRef(text)
  if (text.includes('@')) {
    const path = text.slice(0, text.indexOf('@'))
    throw new PersistablesError('INVALID_REF', `The reference ${quote(text)} names one version, and all versions are asked for.`, {
      fix: `Write ${quote(path)}; \`persistables show\` shows one.`,
    })
  }
  const type = ref.type ?? (await onlyType(session, ref.name, text))
  if ((await session.query.byName({ ...session.scope, type }, ref.name, 'latest')) === null) return absent(session, { ...ref, type }, text)
  return { type, name: ref.name }
}

async function onlyType(session: Session, name: string, text: string): Promise<string> {
  const { rows } = await session.query.find(session.scope, { where: { name }, latest: true, orderBy: { type: 'asc' }, take: 20 })
  const [first] = rows
  if (first === undefined) return absent(session, { name, at: { kind: 'latest' } }, text)
  if (rows.length === 1) return first.type
  const choices = rows.map(({ type }) => `${type}/${text}`)
  throw new PersistablesError('INVALID_REF', `The name ${quote(name)} is used by ${rows.length} types${inProject(session)}.`, {
    fix: `Write ${choices.map(quote).join(' or ')}.`,
    details: { ref: text, choices },
  })
}

async function absent(session: Session, ref: Ref, text: string): Promise<never> {
  const { query, scope } = session
  const { type, name, at } = ref
  const latest = type === undefined ? null : await query.byName({ ...scope, type }, name, 'latest')
  if (latest !== null) {
    const what = at.kind === 'version' ? `version ${at.version}` : at.kind === 'alias' ? `alias ${quote(at.alias)}` : 'version'
    throw new PersistablesError('NOT_FOUND', `No ${type} ${quote(name)}${inProject(session)} has the ${what}. The latest is ${latest.version}.`, {
      fix: `Run \`persistables versions ${shell(`${type}/${name}`)}\` to see all.`,
      details: { ref: text, latest: latest.version },
    })
  }
  const known = await query.names(scope)
  const near = nearNames(known, type, name)
  throw new PersistablesError('NOT_FOUND', `There is no ${type === undefined ? 'persistable' : type} ${quote(name)}${inProject(session)}.`, {
    fix:
      near.length > 0
        ? `Did you mean ${near.map(quote).join(' or ')}?`
        : known.length > 0
          ? 'Run `persistables ls` to see what there is.'
          : `The ${scope.project === 'default' ? 'registry' : 'project'} is empty; \`persistables doctor\` shows which database and project are looked at.`,
    details: { ref: text, near },
  })
}

// The same name in another type is nearer than a name that only resembles it.
function nearNames(known: readonly { type: string; name: string }[], type: string | undefined, name: string): string[] {
  const same = known.filter((each) => each.name === name)
  const ofType = known.filter((each) => each.type === type || type === undefined || nearest(type, [each.type]).length > 0)
  const close = nearest(
    name,
    ofType.map((each) => each.name),
  )
  const found = [...same, ...close.flatMap((candidate) => ofType.filter((each) => each.name === candidate))]
  return [...new Set(found.map((each) => `${each.type}/${each.name}`))].slice(0, 3)
}

function inProject({ scope }: Session): string {
  return scope.project === 'default' ? '' : ` in the project ${quote(scope.project)}`
}

/** A word as a shell takes it. */
export function shell(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
