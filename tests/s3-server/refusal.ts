/** An error answer of S3. */
export class Refusal extends Error {
  readonly status: number
  readonly code: string
  readonly headers: Readonly<Record<string, string>>
  /** more elements of the answer's XML */
  readonly extra: Readonly<Record<string, string>>

  constructor(
    status: number,
    code: string,
    more: {
      message?: string | undefined
      headers?: Readonly<Record<string, string>> | undefined
      extra?: Readonly<Record<string, string>> | undefined
    } = {},
  ) {
    super(more.message ?? `The test server says ${code}.`)
    this.status = status
    this.code = code
    this.headers = more.headers ?? {}
    this.extra = more.extra ?? {}
  }
}
