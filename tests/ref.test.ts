import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { isPersistablesError, type PersistablesError } from '../src/errors'
import {
  checkName,
  checkStoreName,
  checkTagKey,
  checkTagValue,
  checkType,
  formatRef,
  isId,
  isVersion,
  MAX_VERSION,
  type NameKind,
  parseRef,
  quote,
  type Ref,
} from '../src/ref'

function refused(run: () => unknown): PersistablesError {
  try {
    run()
  } catch (error) {
    if (isPersistablesError(error)) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe('parseRef', () => {
  test.each<[string, Ref]>([
    ['iris', { name: 'iris', at: { kind: 'latest' } }],
    ['iris@latest', { name: 'iris', at: { kind: 'latest' } }],
    ['iris@3', { name: 'iris', at: { kind: 'version', version: 3 } }],
    [`iris@${MAX_VERSION}`, { name: 'iris', at: { kind: 'version', version: MAX_VERSION } }],
    ['iris@prod', { name: 'iris', at: { kind: 'alias', alias: 'prod' } }],
    ['iris@Latest', { name: 'iris', at: { kind: 'alias', alias: 'Latest' } }],
    ['iris@v3', { name: 'iris', at: { kind: 'alias', alias: 'v3' } }],
    ['iris@1.0', { name: 'iris', at: { kind: 'alias', alias: '1.0' } }],
    ['Dataset/iris', { type: 'Dataset', name: 'iris', at: { kind: 'latest' } }],
    ['Dataset/iris@3', { type: 'Dataset', name: 'iris', at: { kind: 'version', version: 3 } }],
    ['a_1/my data: 2026 (ä)@the prod', { type: 'a_1', name: 'my data: 2026 (ä)', at: { kind: 'alias', alias: 'the prod' } }],
    ['latest', { name: 'latest', at: { kind: 'latest' } }],
    ['12', { name: '12', at: { kind: 'latest' } }],
    ['..', { name: '..', at: { kind: 'latest' } }],
    ['e\u0301@e\u0301', { name: 'é', at: { kind: 'alias', alias: 'é' } }],
  ])('%s', (text, ref) => {
    expect(parseRef(text)).toStrictEqual(ref)
  })

  test.each<[string, string]>([
    ['', 'A reference is empty. Write name, name@latest, name@3 or name@alias, with Type/ in front where the type is not known.'],
    ['iris@', 'The reference "iris@" has nothing after the @. Write "iris" or "iris@latest" or "iris@3", for example.'],
    ['@3', 'The reference "@3" has no name. Write name, name@latest, name@3 or name@alias, with Type/ in front where the type is not known.'],
    ['Dataset/', 'The reference "Dataset/" has no name. Write name, name@latest'],
    [
      '/iris@3',
      'The reference "/iris@3" has the type "", which is no type: a type is a letter (A-Z, a-z), then letters, digits and _. Write "iris@3", for example.',
    ],
    ['a/b/c', 'The reference "a/b/c" has more than one /. Write "b/c", for example.'],
    ['a/b/c@2', 'Write "b/c@2", for example.'],
    ['iris@1@2', 'The reference "iris@1@2" has more than one @. Write "iris@2", for example.'],
    ['iris@a/b', 'The reference "iris@a/b" has a / after the @. Write name, '],
    ['iris@0', 'The reference "iris@0" asks for version 0, and versions begin at 1. Write "iris@latest", for example.'],
    ['iris@000', 'asks for version 0'],
    ['iris@007', 'The reference "iris@007" has a version with leading zeros. Write "iris@7", for example.'],
    ['iris@2147483648', 'The reference "iris@2147483648" asks for a version above 2147483647. Write "iris@latest", for example.'],
    [`iris@${'9'.repeat(400)}`, 'asks for a version above 2147483647'],
    ['iris@ 3', 'The reference "iris@ 3" has the alias " 3", which has a blank at an end. Write "iris@3", for example.'],
    ['iris@٣', 'has the alias "٣", which is all digits, which reads as a version. Write "iris@v٣", for example.'],
    [' iris', 'The reference " iris" has the name " iris", which has a blank at an end. Write "iris", for example.'],
    ['Dataset/ iris @3', 'Write "Dataset/iris@3", for example.'],
    [
      'my-type/iris',
      'has the type "my-type", which is no type: a type is a letter (A-Z, a-z), then letters, digits and _. Write "my_type/iris", for example.',
    ],
    ['Ünïcode/iris', 'Write "n_code/iris", for example.'],
    ['ir\nis', 'The reference "ir\\u{a}is" has the name "ir\\u{a}is", which holds a control character. Write "ir is", for example.'],
    ['ir\ud800is', 'holds half of a surrogate pair. Write "iris", for example.'],
    ['x'.repeat(201), 'is longer than 200 characters. Write name, '],
  ])('%j is refused with what to write instead', (text, message) => {
    const error = refused(() => parseRef(text))
    expect(error.code).toBe('INVALID_REF')
    expect(error.message).toContain(message)
    for (const instead of (error.details['instead'] ?? []) as string[]) expect(parseRef(instead)).toBeDefined()
  })

  test('what is no text', () => {
    for (const wrong of [undefined, null, 3, {}, ['iris']]) expect(refused(() => parseRef(wrong as string)).code).toBe('INVALID_REF')
  })
})

describe('formatRef', () => {
  test('is the shortest form that reads the same', () => {
    expect(formatRef({ name: 'iris' })).toBe('iris')
    expect(formatRef({ name: 'iris', at: { kind: 'latest' } })).toBe('iris')
    expect(formatRef({ type: undefined, name: 'iris', at: { kind: 'alias', alias: 'prod' } })).toBe('iris@prod')
    expect(formatRef({ type: 'Dataset', name: 'iris', at: { kind: 'version', version: 3 } })).toBe('Dataset/iris@3')
  })

  test('refuses what would not read the same', () => {
    for (const version of [0, -1, 1.5, Number.NaN, 2 ** 31]) {
      expect(refused(() => formatRef({ name: 'iris', at: { kind: 'version', version } })).code).toBe('INVALID_REF')
    }
    expect(refused(() => formatRef({ name: 'a@b' })).code).toBe('INVALID_NAME')
    expect(refused(() => formatRef({ type: 'a b', name: 'a' })).code).toBe('INVALID_NAME')
    expect(refused(() => formatRef({ name: 'a', at: { kind: 'alias', alias: 'latest' } })).code).toBe('INVALID_NAME')
  })

  test('parseRef reads what formatRef writes, and any text is read or refused as INVALID_REF', () => {
    const part = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    const good = (kind: NameKind) =>
      part.filter((text) => {
        try {
          return checkName(kind, text) === text
        } catch {
          return false
        }
      })
    const at = fc.oneof(
      fc.constant({ kind: 'latest' } as const),
      fc.record({ kind: fc.constant('version' as const), version: fc.integer({ min: 1, max: MAX_VERSION }) }),
      fc.record({ kind: fc.constant('alias' as const), alias: good('alias') }),
    )
    const type = fc.stringMatching(/^[A-Za-z]\w{0,8}$/)
    fc.assert(
      fc.property(
        fc.oneof(
          fc.record({ name: good('name'), at }, { noNullPrototype: true }),
          fc.record({ type, name: good('name'), at }, { noNullPrototype: true }),
        ),
        (ref) => {
          expect(parseRef(formatRef(ref))).toEqual(ref)
        },
      ),
    )
    const noise = fc
      .array(fc.constantFrom('@', '/', 'a', '0', '3', ' ', 'latest', '\n', '\ud800', 'é', '-'), { maxLength: 8 })
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.oneof(noise, fc.string({ unit: 'binary' })), (text) => {
        try {
          const ref = parseRef(text)
          expect(parseRef(formatRef(ref))).toEqual(ref)
        } catch (error) {
          if (!isPersistablesError(error, 'INVALID_REF')) throw error
          for (const instead of (error.details['instead'] as string[] | undefined) ?? []) parseRef(instead)
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('checkName', () => {
  test.each(['a', 'iris', 'my data', 'ä.b_c-d:e#f', '日本 😀', 'latest', '12', '.', '-x', "it's", 'x'.repeat(200), '😀'.repeat(200)])(
    '%s is a name',
    (text) => {
      for (const kind of ['name', 'project', 'author', 'tag key', 'artifact', 'role'] as const) expect(checkName(kind, text)).toBe(text)
    },
  )

  test('gives the NFC form, and counts it', () => {
    expect(checkName('name', 'e\u0301')).toBe('\u00e9')
    expect(checkName('name', 'e\u0301'.repeat(200))).toHaveLength(200)
    expect(checkTagKey('e\u0301')).toBe('\u00e9')
  })

  test.each<[NameKind, unknown, string]>([
    ['name', '', 'The name "" is empty. Use 1 to 200 characters without @, / and control characters, and no blank at either end.'],
    ['name', ' \t', 'The name " \\u{9}" holds a control character. Use'],
    ['name', '\u00a0', 'is blank. Use'],
    ['name', ' a', 'The name " a" has a blank at an end. Write "a", for example.'],
    ['name', 'a\u3000', 'has a blank at an end. Write "a", for example.'],
    ['project', 'a/b', 'The project "a/b" holds a /, which stands after a type in refs. Write "a-b", for example.'],
    ['project', '/a/b/', 'Write "a-b", for example.'],
    ['name', '../../etc', 'Write "..-..-etc", for example.'],
    ['name', 'jane@example.org', 'holds an @, which stands before a version in refs. Write "jane-example.org", for example.'],
    ['name', '@', 'holds an @, which stands before a version in refs. Use'],
    ['name', 'a\tb', 'holds a control character. Write "a b", for example.'],
    ['name', 'a\u0085b', 'The name "a\\u{85}b" holds a control character. Write "a b", for example.'],
    ['name', 'a\0', 'The name "a\\u{0}" holds a control character. Write "a", for example.'],
    ['name', 'a\udc00', 'The name "a\\u{dc00}" holds half of a surrogate pair. Write "a", for example.'],
    ['author', 'a\u007f', 'holds a control character. Write "a", for example.'],
    ['author', '', 'is empty. Use 1 to 200 characters without control characters, and no blank at either end.'],
    ['name', 'x'.repeat(201), 'is longer than 200 characters. Use'],
    ['name', '😀'.repeat(201), 'is longer than 200 characters. Use'],
    ['alias', '12', 'The alias "12" is all digits, which reads as a version. Write "v12", for example.'],
    ['alias', '٣٤', 'is all digits'],
    [
      'alias',
      'latest',
      'The alias "latest" is reserved for the newest version. Use 1 to 200 characters, not digits alone and not "latest", without @',
    ],
    ['alias', 'a@b', 'holds an @'],
    ['tag key', 'a/b', 'The tag key "a/b" holds a /'],
    ['role', 5, 'The role 5 is not text. Use'],
    ['artifact', undefined, 'The artifact undefined is not text. Use'],
    ['name', ['a'], 'The name an array is not text. Use'],
  ])('the %s %j is refused', (kind, text, message) => {
    const error = refused(() => checkName(kind, text))
    expect(error.code).toBe('INVALID_NAME')
    expect(error.message).toContain(message)
    expect(error.details['kind']).toBe(kind)
    if (error.details['fixed'] !== undefined) expect(checkName(kind, error.details['fixed'])).toBe(error.details['fixed'])
  })

  test('an author, who is in no ref, may be an address; an alias may hold digits', () => {
    expect(checkName('author', 'jane@example.org')).toBe('jane@example.org')
    expect(checkName('author', 'CORP/jane')).toBe('CORP/jane')
    for (const alias of ['v1', '1.0', 'Latest', 'latest ones', '1a']) expect(checkName('alias', alias)).toBe(alias)
  })
})

describe('types, stores, tags', () => {
  test('checkType', () => {
    for (const type of ['Dataset', 'a', 'My_Type2', 'constructor']) expect(checkType(type)).toBe(type)
    for (const wrong of ['', '_a', '1a', 'a-b', 'a b', 'Ä', 'a\n', 'A/b', 'x'.repeat(201), 5, null])
      expect(refused(() => checkType(wrong)).code).toBe('INVALID_NAME')
    expect(refused(() => checkType('my type')).message).toBe(
      'The type name "my type" breaks the rule for the name of a type: a type is a letter (A-Z, a-z), then letters, digits and _. Write "my_type", for example.',
    )
  })

  test('checkStoreName', () => {
    for (const store of ['disk', 's3', 'my-disk-2', 'a']) expect(checkStoreName(store)).toBe(store)
    for (const wrong of ['', 'Disk', 'my_disk', '3s', '-a', 'a b', '../x', 'x'.repeat(201), undefined])
      expect(refused(() => checkStoreName(wrong)).code).toBe('INVALID_NAME')
    expect(refused(() => checkStoreName('My_Disk')).message).toContain('Write "my-disk", for example.')
    expect(refused(() => checkStoreName('My_Disk', 'serializer')).message).toContain('The serializer name')
  })

  test('checkTagValue', () => {
    for (const value of ['', ' ', 'a@b/c\n', 'e\u0301', 'x'.repeat(1000), '😀'.repeat(1000)]) expect(checkTagValue(value)).toBe(value)
    for (const wrong of ['a\0', '\ud800', 'x'.repeat(1001), 5, null]) expect(refused(() => checkTagValue(wrong)).code).toBe('INVALID_NAME')
    expect(refused(() => checkTagKey('')).message).toContain('The tag key "" is empty')
  })
})

test('isId tells a uuid v4 from a ref', () => {
  for (let i = 0; i < 20; i++) expect(isId(randomUUID())).toBe(true)
  const id = '9b2f6a1c-3f0e-4c51-9a55-0d6c1f1b8e11'
  expect(isId(id)).toBe(true)
  for (const wrong of [
    'iris',
    id.toUpperCase(),
    `${id}@latest`,
    `${id}\n`,
    `Dataset/${id}`,
    id.replace('-4', '-1'),
    id.replace('-9a', '-7a'),
    id.replaceAll('-', ''),
    5,
  ]) {
    expect(isId(wrong)).toBe(false)
  }
  expect(parseRef(`${id}@latest`).name).toBe(id)
})

test('isVersion', () => {
  for (const version of [1, 2, MAX_VERSION]) expect(isVersion(version)).toBe(true)
  for (const wrong of [0, -1, 1.5, MAX_VERSION + 1, Number.NaN, '1', 1n, null]) expect(isVersion(wrong)).toBe(false)
})

test('quote shows what cannot be seen, and shortens', () => {
  expect(quote('a"b\\')).toBe('"a\\"b\\\\"')
  expect(quote('\u202egpj.exe\u001b[2J\u200b\ufeff\u2028')).toBe('"\\u{202e}gpj.exe\\u{1b}[2J\\u{200b}\\u{feff}\\u{2028}"')
  expect(quote('x'.repeat(60))).toBe(`"${'x'.repeat(60)}"`)
  expect(quote('x'.repeat(61))).toBe(`"${'x'.repeat(59)}…"`)
  expect(quote('😀'.repeat(1e6))).toBe(`"${'😀'.repeat(59)}…"`)
  expect([null, undefined, 5, [], {}, Symbol('x'), () => 1].map(quote)).toEqual([
    'null',
    'undefined',
    '5',
    'an array',
    'an object',
    'a symbol',
    'a function',
  ])
})
