import { randomUUID } from 'node:crypto'
import { userInfo } from 'node:os'
import { bindStores } from './artifacts/bind'
import type { AnySerializer } from './artifacts/serializer'
import { builtIn } from './artifacts/serializers/built-in'
import type { Store } from './artifacts/store'
import { type Blobs, blobsOf } from './blobs'
import { type PersistableClient, type PersistableTransaction, providerOf } from './client'
import type { CreateOptions, RepositoryOptions } from './contract'
import { type Dialect, dialectOf } from './dialect'
import { PersistablesError } from './errors'
import { checkName, checkStoreName } from './ref'
import { type Registry, registryOf } from './registry'
import type { Writes } from './rows'
import type { Staged } from './staging'
import type { Logger } from './types'

/** What a repository is made of. */
export interface Parts {
  readonly client: PersistableClient
  readonly dialect: Dialect
  readonly registry: Registry
  readonly stores: ReadonlyMap<string, Store>
  readonly serializers: ReadonlyMap<string, AnySerializer>
  /** names of the serializers that the user gave, which win over the class's own */
  readonly given: ReadonlySet<string>
  readonly logger: Logger
  readonly project: string
  readonly author: string
  readonly cwd: string
  readonly blobs: Blobs
  readonly writes: Writes
  /** whether a statement that is sent alone stays out of the client's transactions */
  readonly lone: boolean
  readonly life: Life
}

/** What a repository shares with everything that is derived from it. */
export interface Life {
  readonly staged: WeakMap<object, Staged>
  /** drafts that were saved in a caller's transaction, by the transaction */
  readonly savedIn: WeakMap<object, WeakSet<object>>
  /** drafts whose save got no answer from the database, with their edits then: it may have been done */
  readonly unanswered: WeakMap<object, number>
  readonly saving: Set<Promise<unknown>>
  readonly warned: Set<string>
  readonly closers: readonly (() => Promise<void>)[]
  closed: Promise<void> | undefined
}

/** Where warnings go unless the caller says otherwise. */
export const CONSOLE: Logger = { warn: (message) => console.warn(`persistables: ${message}`) }

/** Checks the options of a repository. Throws `INVALID_OPTION`, `INVALID_NAME`, `INVALID_TYPE` or `SCHEMA_MISSING`. @param closers - what closing frees @param lone - whether a statement that is sent alone stays out of the client's transactions */
export function partsOf(options: CreateOptions, closers: Life['closers'], lone: boolean): Parts {
  if (typeof options !== 'object' || options === null) throw noOptions('createRepository')
  checkPaths(options)
  const { client } = options
  if (typeof client?.$queryRawUnsafe !== 'function' || typeof client.$transaction !== 'function') {
    throw new PersistablesError('INVALID_OPTION', 'createRepository got no Prisma client.', {
      fix: 'Pass { client: prisma }, or use openRepository({ url }).',
    })
  }
  if (client.persistable === undefined || client.persistableBlob === undefined) {
    throw new PersistablesError('SCHEMA_MISSING', 'The Prisma client was generated from a schema without the registry’s models.', {
      fix: 'Run `npx persistables init`, which puts the base models into your schema, then prisma generate and prisma migrate dev.',
    })
  }
  const dialect = dialectOf(options.provider ?? providerOf(client), options.schema)
  return {
    client,
    dialect,
    registry: registryOf(options.types ?? []),
    stores: bindStores(byName(options.stores ?? [], 'store'), { client, dialect, transaction: false }),
    serializers: byName<AnySerializer>([...builtIn(), ...(options.serializers ?? [])], 'serializer'),
    given: new Set((options.serializers ?? []).map(({ name }) => name)),
    logger: options.logger ?? CONSOLE,
    project: checkName('project', options.project ?? 'default'),
    author: checkName('author', options.author ?? osUser()),
    cwd: options.cwd ?? process.cwd(),
    blobs: blobsOf(client, dialect, randomUUID, lone),
    writes: checkWrites(options.writes),
    lone,
    life: {
      staged: new WeakMap(),
      savedIn: new WeakMap(),
      unanswered: new WeakMap(),
      saving: new Set(),
      warned: new Set(),
      closers,
      closed: undefined,
    },
  }
}

/** `INVALID_OPTION`, for options that are none at all. */
export function noOptions(call: string): PersistablesError {
  return new PersistablesError('INVALID_OPTION', `${call} takes an object of options.`, { fix: `Write ${call}({ types: [ … ] }).` })
}

/** Throws `INVALID_OPTION` unless what names a place is text. */
export function checkPaths(options: { readonly cwd?: unknown; readonly schema?: unknown; readonly provider?: unknown }): void {
  for (const name of ['cwd', 'schema'] as const) {
    const value = options[name]
    if (value === undefined || (typeof value === 'string' && value !== '')) continue
    throw new PersistablesError('INVALID_OPTION', `${name} is no text.`, { fix: `Pass ${name}: '…', or leave it out.` })
  }
  const { provider } = options
  if (provider === undefined || provider === 'sqlite' || provider === 'postgresql') return
  throw new PersistablesError('INVALID_OPTION', `provider cannot be ${JSON.stringify(provider)}.`, {
    fix: "Pass 'sqlite' or 'postgresql', or leave it out.",
  })
}

/** The same parts, knowing more: what is given replaces what has its name. */
export function wider(parts: Parts, more: Pick<RepositoryOptions, 'types' | 'stores' | 'serializers'>): Parts {
  return {
    ...parts,
    registry: more.types === undefined ? parts.registry : parts.registry.with(more.types),
    stores: new Map([
      ...parts.stores,
      ...bindStores(byName(more.stores ?? [], 'store'), { client: parts.client, dialect: parts.dialect, transaction: false }),
    ]),
    serializers: new Map([...parts.serializers, ...byName(more.serializers ?? [], 'serializer')]),
    given: new Set([...parts.given, ...(more.serializers ?? []).map(({ name }) => name)]),
  }
}

/** The same parts inside a caller's transaction: stores that keep their bytes in the database read them there. */
export function within(parts: Parts, tx: PersistableTransaction): Parts {
  return { ...parts, stores: bindStores(parts.stores, { client: tx, dialect: parts.dialect, transaction: true }) }
}

function byName<T extends { readonly name: string }>(list: readonly T[], kind: 'store' | 'serializer'): ReadonlyMap<string, T> {
  if (!Array.isArray(list))
    throw new PersistablesError('INVALID_OPTION', `${kind}s are no list.`, {
      fix: kind === 'store' ? "Write stores: [diskStore('./files')]." : 'Write serializers: [serializer({ … })].',
    })
  const map = new Map<string, T>()
  for (const one of list) {
    checkStoreName(one?.name)
    if (kind === 'store' && map.has(one.name)) {
      throw new PersistablesError('INVALID_OPTION', `Two stores are called "${one.name}".`, {
        fix: "Give one a name of its own: diskStore(dir, { name: 'backup' }).",
      })
    }
    map.set(one.name, one)
  }
  return map
}

function checkWrites(writes: Writes = 'statements'): Writes {
  if (writes === 'statements' || writes === 'models') return writes
  throw new PersistablesError('INVALID_OPTION', `writes cannot be ${JSON.stringify(writes)}.`, {
    fix: "Pass 'statements' or 'models', or leave it out.",
  })
}

function osUser(): string {
  try {
    return checkName('author', userInfo().username)
  } catch {
    return 'default'
  }
}
