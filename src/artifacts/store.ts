import type { PersistableTransaction } from '../client'
import type { Dialect } from '../dialect'

/** Names bytes by their content: everything a store is asked for. Both facts come from the registry's row, validated. */
export interface Blob {
  /** sha256 of the bytes, 64 lower-case hex digits; the only thing a key is derived from */
  readonly digest: string
  /** number of bytes */
  readonly size: number
}

/** Options of reads and writes. */
export interface TransferOptions {
  /** cancels the transfer; the store then leaves nothing visible and throws the signal's reason */
  readonly signal?: AbortSignal | undefined
}

/** Options of {@link Store.get}. */
export interface GetOptions extends TransferOptions {
  /** first byte wanted. @defaultValue 0 */
  readonly start?: number
  /** whether each chunk is needed only until the next one is asked for: a store may then use its memory again. @defaultValue false */
  readonly reuse?: boolean
}

/** Options of {@link Store.spool}. */
export interface SpoolOptions extends TransferOptions {
  /** sees the bytes in order while they are written; each chunk is valid only during the call */
  readonly onChunk?: ((chunk: Uint8Array) => void) | undefined
}

/**
 * Bytes of a one-shot stream, on their way into a store: written once, hashed on the way, not yet visible to anybody.
 * Exactly one of {@link Spool.commit} and {@link Spool.discard} is called.
 */
export interface Spool extends Blob {
  /** makes the bytes visible under their digest, durably; a blob of equal digest and size that is there already is kept */
  commit(): Promise<void>
  /** removes them; never throws */
  discard(): Promise<void>
  /** the bytes, any number of times, before commit or discard */
  read(): AsyncIterable<Uint8Array>
}

/** The database of the repository that a store is used in. */
export interface StoreDatabase {
  readonly client: PersistableTransaction
  readonly dialect: Dialect
  /** whether `client` is a caller's transaction: then statements run on it one by one, for a batch would escape it */
  readonly transaction: boolean
}

/**
 * A place for bytes, addressed by their content. Everything else (which artifact, which version, verification of digests on read,
 * fallback) is the registry's business; a store moves bytes and never returns others than it was given, as far as it can know.
 *
 * A store's methods may be called concurrently, from several processes, on the same blob.
 *
 * @example
 * class MyStore implements Store { … }
 * const repo = await openRepository({ stores: [new MyStore({ name: 'mine' })] })
 */
export interface Store {
  /** what patterns call it: `[a-z][a-z0-9-]*` */
  readonly name: string
  /** what it is, e.g. `disk`; for people */
  readonly kind: string

  /**
   * Writes a blob. When it resolves, the bytes are durable and readable under `blob.digest`. An intact-looking blob (right size) that is there
   * already is kept and `source` need not be read; one of another size is replaced. Until it resolves nothing is visible under the digest.
   * Throws `STORE_FAILED`, and leaves nothing visible, when `source` yields other than `blob.size` bytes, throws, or the place refuses.
   */
  put(blob: Blob, source: () => AsyncIterable<Uint8Array>, options?: TransferOptions): Promise<void>

  /** Bytes from `start` on, in chunks that belong to the reader. Throws `ARTIFACT_MISSING` when there is no such blob, `STORE_FAILED` when it cannot be read. The bytes are not verified here. */
  get(blob: Blob, options?: GetOptions): AsyncIterable<Uint8Array>

  /** The size of what lies under the digest, or `null` when there is nothing. */
  size(digest: string): Promise<number | null>

  /** Removes a blob; `false` when there was none. */
  delete(digest: string): Promise<boolean>

  /** Every blob there is, in any order, as a stream. Temporary and foreign files are not listed. */
  list(): AsyncIterable<Blob>

  /** Where a blob is, for people: a path or a URL without credentials. */
  locate(digest: string): string

  /**
   * Which registry owns this place. `claim` writes the owner where there is none and returns the owner in force afterwards; without `claim` it only reads.
   * `null` when there is none. A store that cannot carry a marker leaves this out; gc then refuses it unless forced.
   */
  owner?(options?: { claim?: string }): Promise<string | null>

  /** Optional power: takes a one-shot stream into the place itself, so that its bytes are written once. */
  spool?(source: AsyncIterable<Uint8Array>, options?: SpoolOptions): Promise<Spool>

  /**
   * Optional power: a {@link Spool} that is a clone (reflink) of a file of this machine, hashed after it was cloned; never a hard link. `null` where the place cannot
   * clone it without moving its bytes; then it is read as any other.
   */
  spoolFile?(path: string, options?: SpoolOptions): Promise<Spool | null>

  /** Optional power: replaces a blob whose bytes are known to be damaged, whatever its size; as durable as `put`. */
  replace?(blob: Blob, source: () => AsyncIterable<Uint8Array>, options?: TransferOptions): Promise<void>

  /**
   * Optional power: keeps what lies under the digest for people to look at, in a place of its own that `list` leaves out. The blob stays where it is. Gives
   * the place, or `null` where there was nothing. `verify` calls it before it replaces damaged bytes.
   */
  quarantine?(digest: string): Promise<string | null>

  /**
   * Optional power: the same store in the database of a repository, which calls this once, and once more for each caller's transaction. For stores that keep
   * their bytes in it. Throws `SCHEMA_MISSING` when the client lacks the models that the store needs.
   */
  bind?(database: StoreDatabase): Store

  /**
   * Optional power: removes temporary files that crashes left behind, last written more than `olderThan` milliseconds ago (default: 24 hours) by no
   * writer that is known to live. Gives their number.
   */
  sweep?(options?: { olderThan?: number }): Promise<number>

  /** Frees what the store holds open. The repository calls it for stores that it made itself. */
  close?(): Promise<void>
}

const DIGEST = /^[0-9a-f]{64}$/

/** Whether `digest` is 64 lower-case hex digits: checked before it becomes part of any key or path. */
export function isDigest(digest: unknown): digest is string {
  return typeof digest === 'string' && DIGEST.test(digest)
}
