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
  /** whether another claimer may still write over it */
  readonly claiming: boolean
  readonly etag: string | undefined
}

/** The {@link S3Marker} of a bucket and prefix. It is made by the first claim. */
export function s3Marker({ name: store, bucket, prefix, making, customer }: S3Settings, { call }: S3Connection): S3Marker {
  const Key = `${prefix}${MARKER}`
  const place = `s3://${bucket}/${Key}`
  let usable: Promise<void> | undefined
  let claiming: Promise<unknown> = Promise.resolve()

  /** `null` when there is none; its `marker` is `null` when it makes no sense */
  const read = async (): Promise<(Omit<Seen, 'marker'> & { readonly marker: Marker | null }) | null> => {
    try {
      const { Body, ETag } = await call('GetObject', { Key, Range: `bytes=0-${LIMIT - 1}`, ...customer }, { doing: 'read' })
      const text = (await Body?.transformToString()) ?? ''
      return { marker: parseMarker(text), claiming: text.includes('"claiming":true'), etag: ETag }
    } catch (error) {
      const { status, error: code } = refusal(error)
      // an empty object has no range at all
      if (status === 416) return { marker: null, claiming: false, etag: undefined }
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
    if (seen.marker !== null) return { ...seen, marker: known(seen.marker) }
    throw new PersistablesError('STORE_FAILED', `The marker of the store "${store}", ${place}, is damaged.`, {
      fix: `Write {"layout":${LAYOUT},"owner":null} into it; the next repository that saves to the store claims it.`,
      details: { store, place },
    })
  }

  /** `false` when somebody else was there first */
  const write = async (
    marker: Marker & { readonly claiming?: true },
    condition: { IfNoneMatch?: string; IfMatch?: string } = {},
  ): Promise<boolean> => {
    const Body = Buffer.from(`${JSON.stringify(marker)}\n`)
    const input = { Key, Body, ContentLength: Body.length, ContentType: 'application/json', ...making, ...customer, ...condition }
    try {
      await call('PutObject', input, { doing: 'claim' })
      return true
    } catch (error) {
      if ([404, 409, 412].includes(refusal(error).status ?? 0)) return false
      throw error
    }
  }

  const settle = (owner: string): Promise<boolean> => write({ layout: LAYOUT, owner })

  /** Whether the claim was written where nothing had changed since `seen`, for good or as one of several that were. */
  const claimOver = async (owner: string, seen: Seen | null): Promise<'won' | 'lost' | 'written'> => {
    const claim = { layout: LAYOUT, owner, claiming: true } as const
    const condition = seen === null ? { IfNoneMatch: '*' } : { ...(seen.etag !== undefined && { IfMatch: seen.etag }) }
    try {
      if (!(await write(claim, condition))) return 'lost'
      // a server that lets the same condition pass twice does not look at it
      if (Object.keys(condition).length > 0 && !(await write(claim, condition))) return 'won'
    } catch (error) {
      if (!isUnsupported(error)) throw error
      await write(claim)
    }
    await wait(SETTLE)
    return 'written'
  }

  // Where the server knows conditions, the first to write has it. Elsewhere the last of those who saw no owner has it, as in Fischer's algorithm for mutual
  // exclusion by timed reads and writes (Lamport 1987): a claim counts when it has stood for longer than any other may have been on its way.
  const claimed = async (claim: string): Promise<string> => {
    let stood: string | undefined
    for (let turn = 1; turn <= TURNS; turn++) {
      const seen = await sound()
      const owner = seen?.marker.owner ?? null
      if (owner !== null) {
        if (seen?.claiming !== true) return owner
        if (owner === stood) {
          if (owner === claim) await settle(claim)
          return owner
        }
        stood = owner
        await wait(SETTLE)
        continue
      }
      const outcome = await claimOver(claim, seen)
      if (outcome === 'won') await settle(claim)
      if (outcome === 'lost') await wait(Math.random() * 10 * 2 ** Math.min(turn, 6))
      stood = outcome === 'written' ? claim : undefined
    }
    throw new PersistablesError('STORE_FAILED', `The store "${store}" cannot be claimed: ${place} does not keep what is written to it.`, {
      fix: 'See whether something removes objects there, then try again.',
      details: { store, place },
    })
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
