import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { diskStore } from '../../src'
import { type Provider, rawOf } from '../../src/client'
import type { Bench } from './figure'
import { open } from './registry'
import { blobPath, Dump, digestOf } from './source-file'

const CHUNK = 10_000

// All of one length, since the row that is copied says it.
const contentOf = (i: number): string => `artifact ${String(i).padStart(7, '0')}`

/**
 * A registry of so many versions, each with an artifact of its own in a disk store: one is saved, the others are copies of its row and blob with other digests.
 * Nothing is fsynced, which is why it is fast.
 */
export const fillArtifacts = async (provider: Provider, bench: Bench, count: number): Promise<{ readonly url: string; readonly files: string }> => {
  const files = await bench.folder()
  const { repo, url } = await open(provider, bench, { types: [Dump], stores: [diskStore(files)] })
  const first = await repo.save(new Dump({ name: 'dump', artifacts: { data: contentOf(0) } }))
  const digest = digestOf(first)
  const db = rawOf(repo.client)
  const sqlite = provider === 'sqlite'
  const list = sqlite
    ? `(SELECT "key" AS "i", "value" AS "digest" FROM json_each(?)) j`
    : `(SELECT "i", "digest" FROM json_array_elements_text($1::json) WITH ORDINALITY AS e("digest", "i")) j`
  const bound = (at: number): string => (sqlite ? '?' : `$${at}`)
  for (let from = 1; from < count; from += CHUNK) {
    const digests = Array.from({ length: Math.min(CHUNK, count - from) }, (_, i) => {
      const content = contentOf(from + i)
      const made = createHash('sha256').update(content).digest('hex')
      const path = blobPath(files, made)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, content)
      return made
    })
    const json = JSON.stringify(digests)
    const id = sqlite
      ? `printf('%08x-0000-4000-8000-%012x', j."i" + ${from}, 0)`
      : `lpad(to_hex(j."i" + ${from}), 8, '0') || '-0000-4000-8000-000000000000'`
    const filepaths = sqlite ? `replace(p."filepaths", '${digest}', j."digest")` : `replace(p."filepaths"::text, '${digest}', j."digest")::jsonb`
    await db.$executeRawUnsafe(
      `INSERT INTO "persistables" ("id", "type", "registered_name", "project", "name", "author", "version", "version_description", "hash", "has_external_files",
          "filepaths", "metadata", "row_version", "created_at", "modified_at")
        SELECT ${id}, p."type", p."registered_name", p."project", p."name", p."author", j."i" + ${from + 1}, '', p."hash", p."has_external_files",
          ${filepaths}, p."metadata", 1, p."created_at", p."modified_at" FROM "persistables" p, ${list} WHERE p."id" = ${bound(2)}`,
      json,
      first.id,
    )
    await db.$executeRawUnsafe(
      `INSERT INTO "persistable_blobs" ("store", "digest", "size", "state", "born") SELECT 'disk', j."digest", 16, 'live', 0 FROM ${list}`,
      json,
    )
  }
  await db.$executeRawUnsafe('ANALYZE')
  return { url, files }
}
