import { createHash, randomUUID } from 'node:crypto'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Disk } from 'flydrive'
import { FSDriver } from 'flydrive/drivers/fs'
import objectHash from 'object-hash'
import type { PrismaClient } from '../../generated/sqlite/client'

/** What the glued code saves. */
export interface Entry {
  readonly name: string
  readonly config: object
  readonly tags: Readonly<Record<string, string>>
  readonly content: Uint8Array
}

/** What it gives back. */
export interface Kept {
  readonly version: number
  readonly tags: Readonly<Record<string, string>>
  readonly content: Uint8Array
}

/**
 * The registry as a competent user would glue it together from Prisma, flydrive and object-hash: files by their digest, a hash of what a version is made from, the
 * next version by trying until nobody was first, files checked when they are read.
 *
 * @param options.durable - fsyncs the files and their folders, as the registry does: flydrive does not. Without it a power cut leaves rows without files.
 */
export const glued = (prisma: PrismaClient, location: string, { durable }: { readonly durable: boolean }) => {
  const disk = new Disk(new FSDriver({ location, visibility: 'private' }))

  const save = async ({ name, config, tags, content }: Entry): Promise<number> => {
    const digest = sha256(content)
    const key = `${digest.slice(0, 2)}/${digest}`
    if (!(await disk.exists(key))) {
      await disk.put(key, content)
      if (durable) for (const path of [join(location, key), dirname(join(location, key)), location]) await fsync(path)
    }
    const data = {
      type: 'Dump',
      registeredName: 'Dump',
      name,
      author: 'glued',
      hash: objectHash({ config, digest }, { algorithm: 'sha256' }),
      hasExternalFiles: true,
      filepaths: { data: { key, digest, size: content.byteLength } },
      metadata: { config },
      tags: { create: Object.entries(tags).map(([tag, value]) => ({ key: tag, value })) },
    }
    for (let attempt = 1; ; attempt++) {
      const newest = await prisma.persistable.findFirst({
        where: { project: 'default', type: 'Dump', name },
        orderBy: { version: 'desc' },
        select: { version: true },
      })
      const version = (newest?.version ?? 0) + 1
      try {
        await prisma.persistable.create({ data: { ...data, id: randomUUID(), version }, select: { id: true } })
        return version
      } catch (error) {
        const { code } = error as { code?: string }
        if ((code !== 'P2002' && code !== 'P1008') || attempt === 100) throw error
      }
      await wait(Math.random() * 10)
    }
  }

  const latest = async (name: string): Promise<Kept> => {
    const row = await prisma.persistable.findFirstOrThrow({
      where: { project: 'default', type: 'Dump', name },
      orderBy: { version: 'desc' },
      include: { tags: true },
    })
    const { key, digest } = (row.filepaths as { data: { key: string; digest: string } }).data
    const content = await disk.getBytes(key)
    if (sha256(content) !== digest) throw new Error(`${key} is damaged`)
    return { version: row.version, tags: Object.fromEntries(row.tags.map(({ key: tag, value }) => [tag, value])), content }
  }

  return { save, latest }
}

const fsync = async (path: string): Promise<void> => {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const sha256 = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex')
