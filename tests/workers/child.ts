/** Says something to the test, as one line, before anything else can happen to the process. */
export const say = (fact: object): void => {
  process.stdout.write(`${JSON.stringify(fact)}\n`)
}

/** Runs a worker's task: `ready` tells the test that everything is loaded and waits for its sign. An error that gets out is the answer's `failed`. */
export const work = <T>(run: (task: T, ready: () => Promise<void>) => Promise<object>): void => {
  const ready = async (): Promise<void> => {
    say({ ready: true })
    await new Promise<void>((resolve) => {
      process.stdin.on('end', resolve).resume()
    })
  }
  run(JSON.parse(process.argv[2] ?? '{}') as T, ready).then(
    (answer) => say({ answer }),
    // What is still open then would keep the process alive.
    (error: unknown) => process.stdout.write(`${JSON.stringify({ answer: { failed: describe(error) } })}\n`, () => process.exit(1)),
  )
}

/** An error as a test can print it. */
export const describe = (error: unknown): string => {
  const { code, message, cause } = error as { code?: string; message?: string; cause?: unknown }
  return `${code ?? (error as Error)?.name}: ${message ?? String(error)}${cause === undefined ? '' : ` <- ${describe(cause)}`}`
}
