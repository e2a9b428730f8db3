import { PersistablesError } from './errors'

/** The highest version there is: what a 32-bit signed integer column holds. */
export const MAX_VERSION = 2_147_483_647

/** The most code points that a name, project, author, alias, tag key, artifact or role has. */
export const MAX_NAME = 200

/** The most code points that a tag's value has. */
export const MAX_TAG_VALUE = 1000

/** Which version of a name a {@link Ref} means. */
export type RefTarget =
  | { readonly kind: 'latest' }
  | { readonly kind: 'version'; readonly version: number }
  | { readonly kind: 'alias'; readonly alias: string }

/** A reference, read: `type` is there only when the text named one. */
export interface Ref {
  readonly type?: string
  readonly name: string
  readonly at: RefTarget
}

/** What {@link checkName} can check; the word is used in messages. */
export type NameKind = 'name' | 'project' | 'author' | 'alias' | 'tag key' | 'artifact' | 'role'

const TYPE = /^[A-Za-z]\w*$/
const PLACE = /^[a-z][a-z0-9-]*$/
const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const CONTROL = /\p{Cc}/u
// With the u flag a pair is one code point, so only lone halves are in Cs.
const LONE = /\p{Cs}/u
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
const FORMS = 'Write name, name@latest, name@3 or name@alias, with Type/ in front where the type is not known.'
const VERSION_RULE = `A version is a whole number from 1 to ${MAX_VERSION}, without leading zeros.`
const TYPE_RULE = 'a type is a letter (A-Z, a-z), then letters, digits and _'
const PLACE_RULE = 'it is a lower-case letter (a-z), then lower-case letters, digits and -'
const NAME_RULE = `Use 1 to ${MAX_NAME} characters without @, / and control characters, and no blank at either end.`
const NAME_RULES: Partial<Record<NameKind, string>> = {
  author: `Use 1 to ${MAX_NAME} characters without control characters, and no blank at either end.`,
  alias: `Use 1 to ${MAX_NAME} characters, not digits alone and not "latest", without @, / and control characters, and no blank at either end.`,
}

/**
 * Reads a reference: `name`, `name@latest`, `name@3`, `name@prod`, each also as `Type/name…`.
 *
 * The name and the alias come back in NFC. `name` and `name@latest` read the same. Digits after `@` are always a version, 1 to 2147483647 without
 * leading zeros; anything else is an alias.
 *
 * Throws `INVALID_REF`, saying what to write instead. Whether such a thing exists is not asked here.
 *
 * @example
 * parseRef('Dataset/iris@3') // { type: 'Dataset', name: 'iris', at: { kind: 'version', version: 3 } }
 */
export function parseRef(text: string): Ref {
  if (typeof text !== 'string')
    throw new PersistablesError('INVALID_REF', `A reference is a text, not ${quote(text)}.`, { fix: FORMS, details: { ref: text } })
  if (text === '') throw new PersistablesError('INVALID_REF', 'A reference is empty.', { fix: FORMS, details: { ref: text } })
  const [path = '', target, ...more] = text.split('@')
  if (more.length > 0) throw invalid(text, 'has more than one @', [`${path}@${more.at(-1)}`])
  const slashes = path.split('/')
  if (slashes.length > 2) throw invalid(text, 'has more than one /', [`${slashes.at(-2)}/${slashes.at(-1)}${tail(target)}`])
  if (target?.includes('/')) throw invalid(text, 'has a / after the @', [])
  const [type, name = ''] = slashes.length === 2 ? slashes : [undefined, path]
  if (name === '') throw invalid(text, 'has no name', [])
  const before = type === undefined ? '' : `${type}/`
  if (type !== undefined && !TYPE.test(type))
    throw invalid(text, `has the type ${quote(type)}, which is no type: ${TYPE_RULE}`, [
      type === '' ? `${name}${tail(target)}` : `${fixedType(type)}/${name}${tail(target)}`,
    ])
  const checked = part('name', name, text, (fixed) => `${before}${fixed}${tail(target)}`)
  const at = readTarget(target, text, `${before}${name}`)
  return type === undefined ? { name: checked, at } : { type, name: checked, at }
}

/**
 * Writes a reference so that {@link parseRef} reads the same again: `latest`, the default, is left out.
 *
 * Throws `INVALID_REF`, or `INVALID_NAME` for a part that breaks the rules.
 *
 * @example
 * formatRef({ type: 'Dataset', name: 'iris', at: { kind: 'version', version: 3 } }) // 'Dataset/iris@3'
 */
export function formatRef(ref: { readonly type?: string | undefined; readonly name: string; readonly at?: RefTarget | undefined }): string {
  const { type, at = { kind: 'latest' } } = ref
  const path = `${type === undefined ? '' : `${checkType(type)}/`}${checkName('name', ref.name)}`
  if (at.kind === 'latest') return path
  if (at.kind === 'alias') return `${path}@${checkName('alias', at.alias)}`
  if (!isVersion(at.version))
    throw new PersistablesError('INVALID_REF', `${quote(at.version)} is no version of ${quote(path)}.`, { fix: VERSION_RULE, details: { ref: path } })
  return `${path}@${at.version}`
}

/** Whether `value` can be a version: an integer from 1 to {@link MAX_VERSION}. */
export function isVersion(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_VERSION
}

/**
 * Whether `text` is the id of a record: a uuid v4 in lower case, as the SDK makes them. A name may look like that too;
 * `name@latest` then says that the name is meant, for an id holds no `@`.
 */
export function isId(text: unknown): text is string {
  return typeof text === 'string' && ID.test(text)
}

/**
 * Checks a name and returns its NFC form, which is the one that is stored and compared.
 *
 * The rules: well-formed text of 1 to {@link MAX_NAME} code points, no control characters, no blank at either end, no `@` and no `/`. An author, who is
 * never part of a ref, may have `@` and `/` (`jane@example.org`). An alias is not all digits (in any script) and not `latest`. Case counts.
 *
 * Throws `INVALID_NAME` with the first rule that is broken and, where there is an obvious one, the text that would do.
 *
 * @example
 * checkName('name', 'iris')    // 'iris'
 * checkName('name', ' a/b ')   // throws: … Write "a-b", for example.
 */
export function checkName(kind: NameKind, text: unknown): string {
  const name = typeof text === 'string' ? text.normalize('NFC') : ''
  const broken = typeof text === 'string' ? brokenRule(kind, name) : 'is not text'
  if (broken === undefined) return name
  const fixed = fixedName(kind, name)
  throw new PersistablesError('INVALID_NAME', `The ${kind} ${quote(text)} ${broken}.`, {
    fix: fixed === undefined ? (NAME_RULES[kind] ?? NAME_RULE) : `Write ${quote(fixed)}, for example.`,
    details: { kind, text, rule: broken, ...(fixed === undefined ? {} : { fixed }) },
  })
}

/** Checks the name of a type, `[A-Za-z]\w*` of at most {@link MAX_NAME} characters, and returns it. Throws `INVALID_NAME`. */
export function checkType(text: unknown): string {
  return checkPattern('type', text, TYPE, TYPE_RULE, fixedType)
}

/** Checks the name of a store, `[a-z][a-z0-9-]*` of at most {@link MAX_NAME} characters, and returns it; serializers are named alike. Throws `INVALID_NAME`. */
export function checkStoreName(text: unknown, kind: 'store' | 'serializer' = 'store'): string {
  return checkPattern(kind, text, PLACE, PLACE_RULE, fixedPlace)
}

/** Checks the key of a tag: the rules of {@link checkName}. Returns its NFC form. Throws `INVALID_NAME`. */
export function checkTagKey(text: unknown): string {
  return checkName('tag key', text)
}

/**
 * Checks the value of a tag and returns it unchanged: well-formed text of at most {@link MAX_TAG_VALUE} code points without NUL, and it may be empty.
 * Throws `INVALID_NAME`.
 */
export function checkTagValue(text: unknown): string {
  const broken =
    typeof text !== 'string'
      ? 'is not text'
      : text.includes('\0')
        ? 'holds a NUL character'
        : LONE.test(text)
          ? 'holds half of a surrogate pair'
          : longer(text, MAX_TAG_VALUE)
            ? `is longer than ${MAX_TAG_VALUE} characters`
            : undefined
  if (broken === undefined) return text as string
  throw new PersistablesError('INVALID_NAME', `The tag value ${quote(text)} ${broken}.`, {
    fix: `A tag's value is a text of at most ${MAX_TAG_VALUE} characters without NUL; keep more in state or in an artifact.`,
    details: { kind: 'tag value', rule: broken },
  })
}

/** `value` as messages show it: in double quotes, at most 60 code points, and what cannot be seen (controls, direction marks, lone surrogates) escaped. */
export function quote(value: unknown): string {
  if (typeof value !== 'string') return kindOf(value)
  const points = Array.from(value.slice(0, 122))
  const short = points.length > 60 || value.length > 122 ? `${points.slice(0, 59).join('')}…` : value
  return `"${short.replace(/["\\]/g, '\\$&').replace(UNSEEN, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)}"`
}

function brokenRule(kind: NameKind, name: string): string | undefined {
  if (name === '') return 'is empty'
  if (LONE.test(name)) return 'holds half of a surrogate pair'
  if (CONTROL.test(name)) return 'holds a control character'
  if (kind !== 'author' && name.includes('@')) return 'holds an @, which stands before a version in refs'
  if (kind !== 'author' && name.includes('/')) return 'holds a /, which stands after a type in refs'
  if (name.trim() === '') return 'is blank'
  if (name.trim() !== name) return 'has a blank at an end'
  if (longer(name, MAX_NAME)) return `is longer than ${MAX_NAME} characters`
  if (kind === 'alias' && /^\p{Nd}+$/u.test(name)) return 'is all digits, which reads as a version'
  if (kind === 'alias' && name === 'latest') return 'is reserved for the newest version'
  return undefined
}

function fixedName(kind: NameKind, name: string): string | undefined {
  const slots = kind === 'author' ? name : name.replace(/^[@/\s]+|[@/\s]+$/g, '').replace(/[@/]+/g, '-')
  const clean = slots
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .replace(/\p{Cs}/gu, '')
    .trim()
    .normalize('NFC')
  const fixed = kind === 'alias' && /^\p{Nd}+$/u.test(clean) ? `v${clean}` : clean
  return fixed !== name && brokenRule(kind, fixed) === undefined ? fixed : undefined
}

function fixedType(text: string): string {
  return text.replace(/\W+/g, '_').replace(/^[\d_]+|_+$/g, '')
}

function fixedPlace(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[\d-]+|-+$/g, '')
}

function checkPattern(kind: string, text: unknown, pattern: RegExp, rule: string, fix: (text: string) => string): string {
  const long = typeof text === 'string' && text.length > MAX_NAME
  if (typeof text === 'string' && pattern.test(text) && !long) return text
  const fixed = typeof text === 'string' ? fix(text) : ''
  const broken = long ? `is longer than ${MAX_NAME} characters` : `breaks the rule for the name of a ${kind}`
  throw new PersistablesError('INVALID_NAME', `The ${kind} name ${quote(text)} ${broken}: ${rule}.`, {
    ...(pattern.test(fixed) && !long ? { fix: `Write ${quote(fixed)}, for example.` } : {}),
    details: { kind, text, rule, ...(pattern.test(fixed) && !long ? { fixed } : {}) },
  })
}

function readTarget(target: string | undefined, text: string, path: string): RefTarget {
  if (target === undefined || target === 'latest') return { kind: 'latest' }
  if (target === '') throw invalid(text, 'has nothing after the @', [path, `${path}@latest`, `${path}@3`])
  if (!/^[0-9]+$/.test(target)) return { kind: 'alias', alias: part('alias', target, text, (fixed) => `${path}@${fixed}`) }
  const version = Number(target)
  const right = [isVersion(version) ? `${path}@${version}` : `${path}@latest`]
  if (!isVersion(version))
    throw invalid(text, version === 0 ? 'asks for version 0, and versions begin at 1' : `asks for a version above ${MAX_VERSION}`, right)
  if (target.startsWith('0')) throw invalid(text, 'has a version with leading zeros', right)
  return { kind: 'version', version }
}

// A fault in a part is a fault of the reference; what the whole would be with the part mended is the help.
function part(kind: 'name' | 'alias', value: string, text: string, whole: (fixed: string) => string): string {
  try {
    return checkName(kind, value)
  } catch (cause) {
    const { rule, fixed } = (cause as PersistablesError).details
    const trimmed = value.trim()
    const mended = kind === 'alias' && /^[1-9][0-9]*$/.test(trimmed) ? trimmed : fixed
    throw invalid(text, `has the ${kind} ${quote(value)}, which ${String(rule)}`, typeof mended === 'string' ? [whole(mended)] : [], cause)
  }
}

function invalid(ref: string, problem: string, instead: readonly string[], cause?: unknown): PersistablesError {
  // A suggestion that is no reference itself, or would be cut short, would mislead.
  const good = instead.filter((text) => text.length <= 60 && reads(text))
  return new PersistablesError('INVALID_REF', `The reference ${quote(ref)} ${problem}.`, {
    fix: good.length > 0 ? `Write ${good.map(quote).join(' or ')}, for example.` : FORMS,
    details: { ref, problem, instead: good },
    cause,
  })
}

function reads(text: string): boolean {
  const shape = /^(?:([^@/]*)\/)?([^@/]+)(?:@([^@/]+))?$/u.exec(text)
  if (shape === null || (shape[1] !== undefined && !TYPE.test(shape[1])) || brokenRule('name', shape[2] ?? '') !== undefined) return false
  const at = shape[3]
  return at === undefined || at === 'latest' || (/^[1-9][0-9]*$/.test(at) ? isVersion(Number(at)) : brokenRule('alias', at) === undefined)
}

function tail(target: string | undefined): string {
  return target === undefined ? '' : `@${target}`
}

// Stops counting as soon as the answer is known.
function longer(text: string, most: number): boolean {
  return text.length > most && (text.length > 2 * most || Array.from(text).length > most)
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean' || typeof value === 'number') return String(value)
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
