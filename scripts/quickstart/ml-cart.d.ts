// The part of ml-cart that the quickstart uses; the package has no types of its own.
declare module 'ml-cart' {
  export class DecisionTreeClassifier {
    constructor(options: { maxDepth: number })
    train(features: readonly (readonly number[])[], labels: readonly number[]): void
    predict(features: readonly (readonly number[])[]): number[]
    static load(json: unknown): DecisionTreeClassifier
  }
}
