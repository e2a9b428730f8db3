import type { PersistableTransaction } from './client'
import type { SaveOptions } from './contract'
import type { Role } from './definition'
import { PersistablesError } from './errors'
import { alreadySaved, describe, factsOf, isType, typeOf } from './facts'
import type { Loading } from './loading'
import type { Parts } from './parts'
import { restoreInstance, seal } from './persistable'
import type { Row } from './row'
import { type InsertOptions, PinsLost, type Rows } from './rows'
import type { AnyDraft, AnySaved } from './shape'
import { draftHash, refreshed, type Staged, type StagingContext, stage } from './staging'

/** Turns drafts into rows. */
export interface Saving {
  /** saves all or none; in a caller's transaction only what was staged */
  save(drafts: readonly AnyDraft[], options: SaveOptions): Promise<AnySaved[]>
  /** writes and pins the bytes of drafts that may be parents of each other */
  stage(drafts: readonly AnyDraft[], options: SaveOptions): Promise<void>
  hash(draft: AnyDraft): Promise<string>
}

/** The {@link Saving} of a repository. @param tx - the caller's transaction, if `rows` writes in one */
export function savingOf(parts: Parts, rows: Rows, loading: Loading, tx: PersistableTransaction | undefined): Saving {
  return {
    async save(drafts, options) {
      const release = lock(drafts)
      const work = (async () => {
        try {
          return await (tx === undefined ? stageAndInsert(drafts, options) : insertStaged(tx, drafts, options))
        } finally {
          release()
        }
      })()
      const { saving } = parts.life
      const settled: Promise<unknown> = work.then(
        () => saving.delete(settled),
        () => saving.delete(settled),
      )
      saving.add(settled)
      return work
    },
    async stage(drafts, options) {
      const release = lock(drafts)
      try {
        await ready(drafts, options)
      } finally {
        release()
      }
    },
    hash: (draft) => draftHash(draft, context({})),
  }

  async function stageAndInsert(drafts: readonly AnyDraft[], options: SaveOptions): Promise<AnySaved[]> {
    for (let attempt = 0; ; attempt++) {
      const staged = await ready(drafts, options)
      try {
        const { unanswered } = parts.life
        const maybeThere = drafts.every((draft) => unanswered.get(draft) === factsOf(draft).edits)
        const onLost = (): void => {
          for (const draft of drafts) unanswered.set(draft, factsOf(draft).edits)
        }
        const inserted = await insert(staged, options, { maybeThere, onLost })
        return drafts.map((draft, i) => {
          parts.life.staged.delete(draft)
          seal(draft, inserted[i] as Row, loading.reader(typeOf(draft)))
          return draft as unknown as AnySaved
        })
      } catch (error) {
        // What was staged stays staged: a stream cannot be staged again.
        if (!(error instanceof PinsLost)) throw error
        for (const draft of drafts) parts.life.staged.delete(draft)
        if (attempt > 0) throw pinsLost(error, drafts)
      }
    }
  }

  // The drafts stay drafts, so that the whole transaction can be run again.
  async function insertStaged(tx: PersistableTransaction, drafts: readonly AnyDraft[], options: SaveOptions): Promise<AnySaved[]> {
    const saved = savedIn(tx)
    const again = drafts.find((draft) => saved.has(draft))
    if (again !== undefined) throw alreadySaved(again, 'save it twice in one transaction')
    const staged = await stagedFor(drafts, options)
    try {
      const inserted = await insert(staged, options)
      for (const draft of drafts) saved.add(draft)
      return drafts.map((draft, i) => restoreInstance(typeOf(draft), inserted[i] as Row, loading.reader(typeOf(draft))))
    } catch (error) {
      throw pinsLost(error, drafts)
    }
  }

  // What has no bytes needs no staging before the transaction.
  async function stagedFor(drafts: readonly AnyDraft[], options: SaveOptions): Promise<Staged[]> {
    const done = new Map<AnyDraft, Staged>()
    const rest: AnyDraft[] = []
    for (const draft of drafts) {
      const facts = factsOf(draft)
      const known = parts.life.staged.get(draft)
      if (known?.edits === facts.edits) done.set(draft, refreshed(draft, known))
      else if (facts.definition.artifacts.size === 0) rest.push(draft)
      else {
        const what = known === undefined ? 'was not staged' : 'was changed after it was staged'
        throw new PersistablesError('NOT_STAGED', `${describe(draft)} ${what}.`, {
          fix: 'Before the transaction: const ready = await repo.stage(draft). Inside it no bytes are moved.',
        })
      }
    }
    const fresh = await stage(rest, context(options), done)
    for (const [i, draft] of rest.entries()) done.set(draft, fresh[i] as Staged)
    return drafts.map((draft) => done.get(draft) as Staged)
  }

  function savedIn(tx: PersistableTransaction): WeakSet<object> {
    const { savedIn: all } = parts.life
    const known = all.get(tx) ?? new WeakSet()
    all.set(tx, known)
    return known
  }

  async function ready(drafts: readonly AnyDraft[], options: SaveOptions): Promise<Staged[]> {
    const { staged } = parts.life
    const known = drafts.map((draft) => staged.get(draft))
    if (known.every((ready, i) => ready !== undefined && ready.edits === factsOf(drafts[i]).edits))
      return drafts.map((draft, i) => refreshed(draft, known[i] as Staged))
    const fresh = await stage(drafts, context(options))
    for (const [i, draft] of drafts.entries()) staged.set(draft, fresh[i] as Staged)
    return fresh
  }

  async function insert(staged: readonly Staged[], options: SaveOptions, how: InsertOptions = {}): Promise<Row[]> {
    options.signal?.throwIfAborted()
    const now = new Date()
    return rows.insert(
      staged.map(({ row }) => ({ ...row, createdAt: now, modifiedAt: now })),
      how,
    )
  }

  // Marks drafts as being saved, so that a second save of one at the same time is refused, and undoes that unless they were sealed.
  function lock(drafts: readonly AnyDraft[]): () => void {
    if (!Array.isArray(drafts))
      throw new PersistablesError('INVALID_OPTION', 'saveMany and stageMany take a list of drafts.', { fix: 'Write saveMany([one, other]).' })
    if (new Set(drafts).size !== drafts.length) {
      throw new PersistablesError('INVALID_OPTION', 'saveMany got one draft twice.', {
        fix: 'Pass each draft once; two versions of a name are two drafts.',
      })
    }
    const facts = drafts.map((draft) => {
      const inside = factsOf(draft)
      if (inside.phase !== 'draft') throw alreadySaved(draft, 'save it again')
      parts.registry.refuseImpostor(typeOf(draft))
      return inside
    })
    for (const one of facts) one.phase = 'saving'
    return () => {
      for (const one of facts) if (one.phase === 'saving') one.phase = 'draft'
    }
  }

  function context(options: SaveOptions): StagingContext {
    const { project, author, cwd, stores, serializers, blobs } = parts
    const resolve = async (role: Role, ref: string | { readonly id: string }) => {
      const type = isType(role.accepts) ? role.accepts : undefined
      const full = typeof ref === 'string' && type === undefined && !ref.includes('/') ? `${String(role.accepts)}/${ref}` : ref
      // Not load(): a save that is under way may go on while the repository closes.
      const parent = await loading.load(type, full, {})
      if (parent === null) throw await loading.notFound(type, full)
      return parent
    }
    const newest = (draft: AnyDraft) => loading.row(typeOf(draft), draft.name)
    return { project, author, cwd, stores, serializers, blobs, newest, resolve, signal: options.signal, onProgress: options.onProgress }
  }
}

function pinsLost(error: unknown, drafts: readonly AnyDraft[]): unknown {
  if (!(error instanceof PinsLost)) return error
  return new PersistablesError('NOT_STAGED', `The bytes of ${drafts.map(describe).join(', ')} were staged too long ago; gc may have removed them.`, {
    fix: 'Stage and save again.',
  })
}
