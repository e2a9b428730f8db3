import type { Connection } from '../../connect'
import { serverVersion, sqliteFacts } from '../../connect/facts'
import { migrationStatus } from '../../migrate'
import { refusal } from '../../migrate/explain'
import { type Check, type Checks, fail, failed, ok, warn } from './check'
import { checkRoom } from './environment'

const FULL = 2

/** A database that was reached: what it is, whether it can be written, its schema. Ends with whether the schema can be worked on. */
export async function* checkDatabase(connection: Connection): AsyncGenerator<Check, boolean, undefined> {
  const { provider, url, readOnly, file } = connection
  try {
    const server = provider === 'postgresql' ? `, PostgreSQL ${await serverVersion(connection.client)}` : ''
    yield readOnly
      ? warn('database', `${url} can be read and not written.`, 'Give the process write access to the file and its folder, if it is to save.')
      : ok('database', `${url}${server}`)
    // The schema first: of a file that is another application's nothing more is asked.
    const refused = refusal(await migrationStatus(connection), connection, false)
    yield refused === undefined ? ok('schema', 'up to date') : failed('schema', refused)
    if (refused !== undefined) return false
    if (provider === 'sqlite') yield* checkSqlite(connection)
  } catch (error) {
    yield failed('database', error)
    return false
  }
  if (file !== null) yield await checkRoom('disk', file)
  return true
}

async function* checkSqlite({ client, url, readOnly }: Connection): Checks {
  const { journalMode, synchronous, damage } = await sqliteFacts(client)
  if (damage.length > 0)
    yield fail(
      'integrity',
      `SQLite finds ${url} damaged: ${damage.join('; ')}.`,
      'Keep a copy of it, then restore it from a backup; migrate keeps backups beside the file, <file>.before-….bak.',
    )
  else yield ok('integrity', 'SQLite finds the file sound')
  // A copy of a file that cannot be opened in its folder has no WAL.
  if (readOnly) return
  if (journalMode === 'wal') yield ok('journal', 'WAL')
  else
    yield warn(
      'journal',
      `The journal mode is ${journalMode}, not WAL: readers and writers wait for each other.`,
      'Open it once with openRepository, which sets WAL. It needs a local file system.',
    )
  if (synchronous >= FULL) yield ok('synchronous', 'FULL')
  else
    yield fail(
      'synchronous',
      `synchronous is ${synchronous}, not 2 (FULL): a power cut can undo what was saved.`,
      'Open it with this package’s own driver.',
    )
}
