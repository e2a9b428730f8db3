export type { Content, Encoded, Pattern, PatternSerializer, Serializer } from './artifacts/serializer'
export type { ByteSource } from './artifacts/serializers/bytes'
export { bytes } from './artifacts/serializers/bytes'
export { serializer } from './artifacts/serializers/custom'
export { json } from './artifacts/serializers/json'
export { ndjson } from './artifacts/serializers/ndjson'
export { text } from './artifacts/serializers/text'
export type { Blob as StoreBlob, GetOptions, Spool, Store, TransferOptions } from './artifacts/store'
export { diskStore } from './artifacts/stores/disk'
export { memoryStore } from './artifacts/stores/memory'
export type { PersistableClient, PersistableTransaction, Provider } from './client'
export type { NumberFilter, TextFilter, TimeFilter, Where } from './conditions'
export type { ConfigInput, PersistablesConfig } from './config'
export { defineConfig } from './config'
export type {
  CreateOptions,
  Deleted,
  DeleteOptions,
  Found,
  LoadOptions,
  RefInput,
  Repository,
  RepositoryOptions,
  SaveOptions,
  TransactionRepository,
} from './contract'
export { artifact, source, typed } from './definition'
export type { ErrorCode } from './errors'
export { ERROR_CODES, isPersistablesError, PersistablesError } from './errors'
export { isPersistable } from './facts'
export { hashValue } from './hash'
export type { OpenOptions } from './open'
export { openRepository } from './open'
export type { OrderBy } from './order'
export { persistable } from './persistable'
export type { FindOptions } from './query'
export { createRepository } from './repository'
export type { AnyDraft, AnySaved, AnyType, Artifact, Draft, IdentityFacts, PersistableType, Saved, SavedFacts, Shape } from './shape'
export type { CopyOptions, CopyProgress, CopyReport, TableReport } from './transfer'
export { copyRegistry } from './transfer'
export type { ChunksRecord, DeepReadonly, Filepaths, Json, JsonObject, Logger, PatternRecord } from './types'
