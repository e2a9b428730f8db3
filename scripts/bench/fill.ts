import type { Repository } from '../../src'
import { type Provider, rawOf } from '../../src/client'

/** Rows of a type, so many versions of so many names, made inside the database. */
export const fillRows = async (repo: Repository, provider: Provider, type: string, names: number, versions: number): Promise<void> => {
  const numbers =
    provider === 'sqlite'
      ? `WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i + 1 < ${names * versions}) SELECT i FROM s`
      : `SELECT i FROM generate_series(0, ${names * versions - 1}) AS s(i)`
  const [id, hash, json, time] =
    provider === 'sqlite'
      ? [
          `printf('%08x-0000-4000-8000-%012x', i, i)`,
          `'oh1:' || printf('%064x', i)`,
          '',
          `strftime('%Y-%m-%dT%H:%M:%fZ', 1700000000 + i, 'unixepoch')`,
        ]
      : [
          `lpad(to_hex(i), 8, '0') || '-0000-4000-8000-' || lpad(to_hex(i), 12, '0')`,
          `'oh1:' || lpad(to_hex(i), 64, '0')`,
          '::jsonb',
          `to_timestamp(1700000000 + i)::timestamp(3)`,
        ]
  await rawOf(repo.client).$executeRawUnsafe(
    `INSERT INTO "persistables" ("id", "type", "registered_name", "project", "name", "author", "version", "version_description", "hash", "has_external_files",
        "filepaths", "metadata", "row_version", "created_at", "modified_at")
      SELECT ${id}, '${type}', '${type}', 'default', 'name-' || (i % ${names}), 'tester', i / ${names} + 1, '', ${hash}, ${provider === 'sqlite' ? '0' : 'false'},
        '{}'${json}, '{"config":{"i":1},"state":{"save_patterns":{}}}'${json}, 1, ${time}, ${time} FROM (${numbers}) AS n`,
  )
  await rawOf(repo.client).$executeRawUnsafe(`INSERT INTO "persistable_tags" SELECT "id", 'stage', 'ok' FROM "persistables" WHERE "version" % 50 = 1`)
  await rawOf(repo.client).$executeRawUnsafe('ANALYZE')
}
