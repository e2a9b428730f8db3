import { MetricBase } from '../generated/persistables/Metric'

/** How well a classifier does on a dataset. */
export class Metric extends MetricBase {}
