import { ClassifierBase } from '../generated/persistables/Classifier'

/** How penguins are told apart. */
export class Classifier extends ClassifierBase {}
