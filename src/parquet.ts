export type { ParquetOptions, ParquetRows } from './artifacts/serializers/parquet'
export { parquet } from './artifacts/serializers/parquet'
export type { ParquetType } from './artifacts/serializers/parquet-columns'
