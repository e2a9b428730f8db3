import { setTimeout as wait } from 'node:timers/promises'
import { PersistablesError } from '../../errors'
import { LAYOUT, MARKER, type Marker, parseMarker } from './disk-marker'
import type { S3Connection } from './s3-connection'
import { isUnsupported, refusal } from './s3-failure'
import type { S3Settings } from './s3-settings'

/** Longer than a claim is on its way, in milliseconds: after that long no other claimer who saw no owner is still writing. */
const SETTLE = 1000
const TURNS = 20
const LIMIT = 1 << 16

/** The marker of an S3 store: the object `persistables-store.json` under its prefix, as in the root of a disk store. */
export interface S3Marker {
  /** throws `STORE_FAILED` when the layout is a newer release's, or when the bucket cannot be read; asks once */
  usable(): Promise<void>
  /** see `Store.owner` */
  owner(claim: string | undefined): Promise<string | null>
}

interface Seen {
  readonly marker: Marker
  readonly etag: string | undefined
}

/** The {@link S3Marker} of a bucket and prefix. It is made by the first claim. */
export function s3Marker({ name: store, bucket, prefix, making, customer }: S3Settings, { call }: S3Connection): S3Marker {
  const Key = `${prefix}${MARKER}`
  const place = `s3://${bucket}/${Key}`
  let usable: Promise<void> | undefined
  let claiming: Promise<unknown> = Promise.resolve()

  /** `null` when there is none, `undefined` for its marker when it makes no sense */
  const read = async (): Promise<{ readonly marker: Marker | null; readonly etag: string | undefined } | null> => {
    try {
      const { Body, ETag } = await call('GetObject', { Key, Range: `bytes=0-${LIMIT - 1}`, ...customer }, { doing: 'read' })
      return { marker: parseMarker((await Body?.transformToString()) ?? ''), etag: ETag }
    } catch (error) {
      const { status, error: code } = refusal(error)
      // an empty object has no range at all
      if (status === 416) return { marker: null, etag: undefined }
      if (status === 404 && code !== 'NoSuchBucket') return null
      throw error
    }
  }

  const known = (marker: Marker): Marker => {
    if (marker.layout <= LAYOUT) return marker
    throw new PersistablesError(
      'STORE_FAILED',
      `The store "${store}" at ${place} has layout ${marker.layout}; this release knows layouts up to ${LAYOUT}.`,
      {
        fix: 'Upgrade persistables to the release that wrote it, or give the store another prefix.',
        details: { store, place, layout: marker.layout },
      },
    )
  }

  const sound = async (): Promise<Seen | null> => {
    const seen = await read()
    if (seen === null) return null
    if (seen.marker !== null) return { marker: known(seen.marker), etag: seen.etag }
    throw new PersistablesError('STORE_FAILED', `The marker of the store "${store}", ${place}, is damaged.`, {
      fix: `Write {"layout":${LAYOUT},"owner":null} into it; the next repository that saves to the store claims it.`,
      details: { store, place },
    })
  }

  /** `false` when somebody else was there first */
  const write = async (claim: string, condition: { IfNoneMatch?: string; IfMatch?: string }): Promise<boolean> => {
    const Body = Buffer.from(`${JSON.stringify({ layout: LAYOUT, owner: claim })}\n`)
    try {
      await call(
        'PutObject',
        { Key, Body, ContentLength: Body.length, ContentType: 'application/json', ...making, ...customer, ...condition },
        { doing: 'claim' },
      )
      return true
    } catch (error) {
      if ([404, 409, 412].includes(refusal(error).status ?? 0)) return false
      throw error
    }
  }

  /**
   * Writes the claim on condition that nothing has changed since `seen`. A server that lets the same condition pass twice does not know conditions: then, as in
   * Fischer's algorithm for mutual exclusion by timed reads and writes (Lamport 1987), the last of those who wrote within a while has it.
   */
  const claimOver = async (claim: string, seen: Seen | null): Promise<void> => {
    const condition = seen === null ? { IfNoneMatch: '*' } : { ...(seen.etag !== undefined && { IfMatch: seen.etag }) }
    try {
      if (!(await write(claim, condition))) return
      if (Object.keys(condition).length > 0 && !(await write(claim, condition))) return
    } catch (error) {
      if (!isUnsupported(error)) throw error
      await write(claim, {})
    }
    await wait(SETTLE)
  }

  const claimed = async (claim: string): Promise<string> => {
    for (let turn = 1; ; turn++) {
      const seen = await sound()
      if (seen?.marker.owner) return seen.marker.owner
      if (turn === TURNS) {
        throw new PersistablesError('STORE_FAILED', `The store "${store}" cannot be claimed: ${place} does not keep what is written to it.`, {
          fix: 'See whether something removes objects there, then try again.',
          details: { store, place },
        })
      }
      if (turn > 1) await wait(Math.random() * 10 * 2 ** Math.min(turn, 6))
      await claimOver(claim, seen)
    }
  }

  return {
    usable() {
      usable ??= read().then(
        // a damaged marker is no reason not to read, because all that is read is verified
        (seen) => void (seen?.marker && known(seen.marker)),
        (error: unknown) => {
          usable = undefined
          throw error
        },
      )
      return usable
    },
    async owner(claim) {
      if (claim === undefined) return (await sound())?.marker.owner ?? null
      const mine = claiming.then(() => claimed(claim))
      claiming = mine.catch(() => undefined)
      return mine
    },
  }
}
