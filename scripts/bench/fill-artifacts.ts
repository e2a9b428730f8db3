import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { diskStore } from '../../src'
import { rawOf } from '../../src/client'
import type { Bench } from './figure'
import { open } from './registry'
import { blobPath, Dump, digestOf } from './source-file'

const CHUNK = 10_000

// All of one length, since the row that is copied says it.
const contentOf = (i: number): string => `artifact ${String(i).padStart(7, '0')}`

/**
 * A SQLite registry of so many versions, each with an artifact of its own in a disk store: one is saved, the others are copies of its row and blob with other
 * digests. Nothing is fsynced, which is why it is fast.
 */
export const fillArtifacts = async (bench: Bench, count: number): Promise<{ readonly url: string; readonly files: string }> => {
  const files = await bench.folder()
  const { repo, url } = await open('sqlite', bench, { types: [Dump], stores: [diskStore(files)] })
  const first = await repo.save(new Dump({ name: 'dump', artifacts: { data: contentOf(0) } }))
  const db = rawOf(repo.client)
  for (let from = 1; from < count; from += CHUNK) {
    const digests = Array.from({ length: Math.min(CHUNK, count - from) }, (_, i) => keep(files, contentOf(from + i)))
    await db.$executeRawUnsafe(
      `INSERT INTO "persistables" ("id", "type", "registered_name", "project", "name", "author", "version", "version_description", "hash", "has_external_files",
          "filepaths", "metadata", "row_version", "created_at", "modified_at")
        SELECT printf('%08x-0000-4000-8000-000000000000', j."key" + ${from}), p."type", p."registered_name", p."project", p."name", p."author", j."key" + ${from + 1}, '',
          p."hash", p."has_external_files", replace(p."filepaths", '${digestOf(first)}', j."value"), p."metadata", 1, p."created_at", p."modified_at"
        FROM "persistables" p, json_each(?) j WHERE p."id" = ?`,
      JSON.stringify(digests),
      first.id,
    )
    await db.$executeRawUnsafe(
      `INSERT INTO "persistable_blobs" ("store", "digest", "size", "state", "born") SELECT 'disk', j."value", ${contentOf(0).length}, 'live', 0 FROM json_each(?) j`,
      JSON.stringify(digests),
    )
  }
  await db.$executeRawUnsafe('ANALYZE')
  return { url, files }
}

const keep = (files: string, content: string): string => {
  const digest = createHash('sha256').update(content).digest('hex')
  const path = blobPath(files, digest)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
  return digest
}
