import { conditionOf } from '../artifacts/intact'
import { makesSense } from '../artifacts/record'
import { layersOf } from '../artifacts/serializer'
import { type Blob, isDigest, type Store } from '../artifacts/store'
import type { Wrapper } from '../artifacts/wrapper'
import { knownWrapper } from '../artifacts/wrappers/known'
import { PersistablesError, reason } from '../errors'
import { isSize } from '../references'
import { labelOf, orderedPatterns, type Row } from '../row'
import type { PatternRecord } from '../types'
import { addDeclared, type DeclaredContext, lackingOf } from './declared'
import type { Finding, VerifyOptions } from './finding'
import type { Memory } from './memory'
import { remakeBlob } from './remake'
import { type Repaired, repairBlob, repairChecksums } from './repair'

/** What looking at one row needs to know. */
export interface ExamineContext extends DeclaredContext {
  readonly options: VerifyOptions
  readonly memory: Memory
  readonly onBytes: (count: number) => void
}

type Part = 'bytes' | 'checksums'

/** All that verify finds of one row, in the order of its artifacts and patterns. */
export async function examineRow(row: Row, cursor: string, context: ExamineContext): Promise<Finding[]> {
  const { options, stores } = context
  const findings: Finding[] = []
  const facts = { ref: labelOf(row), id: row.id, cursor, repaired: false, quarantined: null }
  const wanted = (store: string): boolean => options.stores?.includes(store) ?? true
  for (const artifact of Object.keys(row.filepaths).sort()) {
    for (const [pattern, record] of orderedPatterns(row, artifact)) {
      const name = String(record?.store)
      if (!wanted(name)) continue
      const said = { ...facts, artifact, pattern, store: name, digest: String(record?.digest), size: isSize(record?.size) ? record.size : 0 }
      const store = stores.get(name)
      const fault = faultOf(record) ?? (store === undefined ? `This repository has no store "${name}".` : null)
      if (fault !== null || store === undefined) {
        findings.push({ ...said, kind: 'unreadable', part: 'bytes', place: null, reason: fault })
        continue
      }
      const main = await examinePart(store, record, 'bytes')
      findings.push(main)
      if (record.chunks === undefined) continue
      const beside = await examinePart(store, record.chunks, 'checksums')
      if (beside.kind !== 'ok' || beside.repaired) findings.push(beside)

      async function examinePart(of: Store, blob: Blob, part: Part): Promise<Finding> {
        const { digest, size } = blob
        const found = { ...said, digest, size, part, place: of.locate(digest) }
        const condition = await look(of, blob)
        if (condition.kind === 'ok') return { ...found, kind: 'ok', reason: null }
        const bad = { ...found, kind: condition.kind, reason: condition.reason }
        if (options.repair !== true || condition.kind === 'unreadable') return bad
        const done = await repair(of, blob, part)
        if (done.done) context.memory.learn(of.name, blob, { kind: 'ok' })
        return { ...bad, repaired: done.done, quarantined: done.quarantined, reason: `${condition.reason} ${done.reason}` }
      }

      async function repair(of: Store, blob: Blob, part: Part): Promise<Repaired> {
        const patterns = orderedPatterns(row, artifact)
        const first = patterns.map(([, each]) => String(each?.store))
        if (part === 'checksums' && record.chunks !== undefined) return repairChecksums(of, record, record.chunks, first, context)
        const copied = await repairBlob(of, blob, first, context)
        if (copied.done) return copied
        const others = patterns.filter(([name]) => name !== pattern)
        const made = await remakeBlob(of, { record, wrappers: wrappersOf(row, artifact, pattern, record, context), others }, context)
        return made.done ? made : { ...made, reason: `${copied.reason} ${made.reason}` }
      }
    }
  }
  if (options.toDeclared === true) {
    for (const lacking of lackingOf(row, context)) {
      const { artifact, pattern } = lacking
      if (!wanted(pattern.store)) continue
      const said = { ...facts, artifact, pattern: pattern.name, store: pattern.store, part: 'bytes' as const, kind: 'missing' as const }
      const place = (digest: string) => stores.get(pattern.store)?.locate(digest) ?? null
      try {
        const record = await addDeclared(row, lacking, context)
        if (record === null) continue
        const { digest, size } = record
        findings.push({
          ...said,
          digest,
          size,
          place: place(digest),
          repaired: true,
          reason: 'The class declares the pattern; it was added to the row.',
        })
      } catch (error) {
        options.signal?.throwIfAborted()
        findings.push({
          ...said,
          digest: '',
          size: 0,
          place: null,
          reason: `The class declares the pattern, and it could not be added: ${reason(error)}`,
        })
      }
    }
  }
  if (findings.every(({ kind }) => kind === 'ok')) return findings
  // What was deleted meanwhile is not missing.
  const now = await context.reload(row)
  return findings.filter(
    ({ kind, artifact, pattern }) => kind === 'ok' || now?.filepaths[String(artifact)]?.[String(pattern)] !== undefined || isLacking(now, kind),
  )

  function isLacking(current: Row | null, kind: Finding['kind']): boolean {
    return current !== null && options.toDeclared === true && kind === 'missing'
  }

  function look(store: Store, blob: Blob) {
    const { deep = true, signal } = options
    return context.memory.of(store.name, blob, () => conditionOf(store, blob, { deep, signal, onBytes: context.onBytes }))
  }
}

// As the class declares them, with their levels; else by their names.
function wrappersOf(row: Row, artifact: string, pattern: string, record: PatternRecord, context: ExamineContext): readonly Wrapper[] {
  const declared = context
    .declared(row)
    ?.get(artifact)
    ?.find(({ name }) => name === pattern)
  if (declared !== undefined) return layersOf(declared.serializer).wrappers
  return record.wrappers.flatMap((name) => knownWrapper(name) ?? [])
}

// Records come from a row, and anybody who can write rows may have made them up.
function faultOf(record: PatternRecord | undefined): string | null {
  const isBlob = (blob: Partial<Blob> | null): boolean => isDigest(blob?.digest) && isSize(blob?.size)
  const fits = makesSense(record) && (record.chunks === undefined || isBlob(record.chunks))
  return fits
    ? null
    : new PersistablesError('ARTIFACT_CORRUPT', 'The row’s record of it makes no sense.', { fix: 'Restore the row from a backup.' }).message
}
