import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PersistablesError } from '../../errors'
import { codeOf, type DiskFiles } from './disk-files'
import type { DiskFolders } from './disk-folders'

/** The layout of the disk store that this release writes and reads. */
export const LAYOUT = 1
/** The file in a disk store's root that says what the folder is and whose. */
export const MARKER = 'persistables-store.json'
const CLAIM = 'persistables-store.claim'

/** What a marker says: the layout, and the id of the registry that owns the place. */
export interface Marker {
  readonly layout: number
  readonly owner: string | null
}

/** The marker of a disk store's root. */
export interface DiskMarker {
  /** throws `STORE_FAILED` when the layout is a newer release's; a damaged marker is no reason not to read, because all that is read is verified */
  readable(): Promise<void>
  /** makes the marker where there is none; throws `STORE_FAILED` when it is a newer release's or damaged */
  writable(): Promise<void>
  /** see `Store.owner` */
  owner(claim: string | undefined): Promise<string | null>
  /** forgets what is known, because somebody removed the root */
  forget(): void
}

/** The marker of the root folder `root`, whose temporary files go to `tmp`. */
export function diskMarker(store: string, root: string, tmp: string, files: DiskFiles, folders: DiskFolders): DiskMarker {
  const path = join(root, MARKER)
  const claimPath = join(root, CLAIM)
  let seen = false
  let made: Promise<void> | undefined
  // Whoever owns a marker is asked for with every save; an owner that is on the medium changes only when the file does.
  let known: { readonly owner: string; readonly stamp: string } | undefined

  const broken = (file: string, cause?: unknown): PersistablesError =>
    new PersistablesError('STORE_FAILED', `The marker of the store "${store}", ${file}, is damaged.`, {
      fix: `Write {"layout":${LAYOUT},"owner":null} into it; the next repository that opens the store claims it.`,
      details: { store, path: file },
      cause,
    })

  const read = async (file: string): Promise<Marker | null> => {
    // where links do not exist a marker is copied into place, and may be met half written
    for (let turn = 1; ; turn++) {
      const text = await readText(files, file)
      if (text === null) return null
      const marker = parseMarker(text)
      if (marker !== null) return newer(marker, file)
      if (turn === 5) throw broken(file)
      await sleep(20)
    }
  }

  const newer = (marker: Marker, file: string): Marker => {
    if (marker.layout <= LAYOUT) return marker
    throw new PersistablesError(
      'STORE_FAILED',
      `The store "${store}" at ${root} has layout ${marker.layout}; this release knows layouts up to ${LAYOUT}.`,
      {
        fix: 'Upgrade persistables to the release that wrote it, or give the store another folder.',
        details: { store, path: file, layout: marker.layout },
      },
    )
  }

  /** a synced temporary file with the marker, handed to `place` */
  const written = async <T>(owner: string | null, place: (temp: string) => Promise<T>): Promise<T> => {
    await folders.ensure(tmp)
    const temp = join(tmp, `marker-${randomUUID()}`)
    try {
      const file = await files.create(temp)
      try {
        await file.write(Buffer.from(`${JSON.stringify({ layout: LAYOUT, owner })}\n`), 0)
        await file.sync()
      } finally {
        await file.close()
      }
      const result = await place(temp)
      await files.syncDir(root)
      return result
    } finally {
      await files.unlink(temp).catch(() => false)
    }
  }

  const ensure = async (): Promise<void> => {
    if ((await read(path)) === null) await written(null, (temp) => files.link(temp, path))
    // made by somebody else perhaps, and not yet on the medium
    else await files.syncDir(root)
    await read(path)
    seen = true
  }

  // Race-free also against processes that stop halfway: an unowned marker is replaced only by the owner named in the claim file, which the
  // first claimer creates exclusively and which is removed only after the marker names it. Whoever reads a claim re-reads the marker before
  // acting on it, so a claim file made late, by somebody who saw the marker while it was still unowned, changes nothing.
  const owner = async (claim: string | undefined): Promise<string | null> => {
    for (;;) {
      // Before it is read: what is changed in between is seen the next time.
      const file = await files.stat(path)
      // Not for gc, which only asks, and removes what others keep when it is told wrong.
      if (claim !== undefined && known !== undefined && file?.stamp === known.stamp) return known.owner
      const marker = await read(path)
      if (claim === undefined) return marker?.owner ?? null
      if (marker !== null && marker.owner !== null) {
        await files.syncDir(root)
        if (file !== null) known = { owner: marker.owner, stamp: file.stamp }
        return marker.owner
      }
      if (marker === null) {
        if (await written(claim, (temp) => files.link(temp, path))) return claim
        continue
      }
      await written(claim, (temp) => files.link(temp, claimPath))
      const first = await read(claimPath)
      if (first === null) continue
      const now = await read(path)
      if (now !== null && now.owner === null) await written(first.owner, (temp) => files.rename(temp, path))
      await files.unlink(claimPath)
    }
  }

  return {
    async readable() {
      if (seen) return
      const text = await readText(files, path)
      const marker = text === null ? null : parseMarker(text)
      if (marker === null) return
      newer(marker, path)
      seen = true
    },
    writable() {
      const before = made
      if (before !== undefined) return before
      const now = ensure()
      made = now
      now.catch(() => {
        if (made === now) made = undefined
      })
      return now
    },
    owner,
    forget() {
      seen = false
      made = undefined
      known = undefined
    },
  }
}

/** The marker in `text`, or `null` when it is none. Of a newer layout only the layout is told. */
export function parseMarker(text: string): Marker | null {
  try {
    const { layout, owner } = JSON.parse(text) as { layout?: unknown; owner?: unknown }
    const layoutFits = typeof layout === 'number' && Number.isSafeInteger(layout) && layout > 0
    // a newer layout may spell its owner differently
    if (layoutFits && layout > LAYOUT) return { layout, owner: null }
    return layoutFits && (owner === null || (typeof owner === 'string' && owner !== '')) ? { layout, owner } : null
  } catch {
    return null
  }
}

async function readText(files: DiskFiles, path: string): Promise<string | null> {
  try {
    const file = await files.open(path)
    try {
      const bytes = new Uint8Array(Math.min(await file.size(), 1 << 16))
      return Buffer.from(bytes.subarray(0, await file.read(bytes, 0))).toString('utf8')
    } finally {
      await file.close()
    }
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return null
    throw error
  }
}
