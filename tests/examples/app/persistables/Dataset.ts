import { DatasetBase } from '../generated/persistables/Dataset'

/** What was measured, row by row. */
export class Dataset extends DatasetBase {}
