/** What a request asks for. */
export type Operation =
  | 'AbortMultipartUpload'
  | 'CompleteMultipartUpload'
  | 'CreateMultipartUpload'
  | 'DeleteObject'
  | 'GetObject'
  | 'HeadObject'
  | 'ListMultipartUploads'
  | 'ListObjectsV2'
  | 'ListParts'
  | 'PutObject'
  | 'UploadPart'

/** What goes wrong. Counts are bytes of bodies. */
export type Fault =
  /** an error answer, at once */
  | {
      readonly do: 'refuse'
      readonly status: number
      readonly code: string
      readonly message?: string
      readonly headers?: Record<string, string>
      readonly extra?: Record<string, string>
    }
  /** an answer that is no S3 answer */
  | { readonly do: 'babble'; readonly status: number; readonly body: string }
  /** the connection is reset when so much of the request has come */
  | { readonly do: 'reset request'; readonly at: number }
  /** the connection is reset when so much of the answer's body is out */
  | { readonly do: 'reset answer'; readonly at: number }
  /** it is done, and the connection reset in place of the answer */
  | { readonly do: 'lose answer' }
  /** the body ends early, and looks whole */
  | { readonly do: 'end early'; readonly at: number }
  /** the body goes on after its end */
  | { readonly do: 'go on' }
  /** a byte of the answer's body is another */
  | { readonly do: 'flip'; readonly at: number }
  /** a byte of the request's body is another when it arrives */
  | { readonly do: 'mangle' }
  /** silence, for ever: before the answer, or when so much of its body is out */
  | { readonly do: 'hang'; readonly at?: number }
  /** the range is ignored */
  | { readonly do: 'send all' }
  /** what is aborted comes back, as with a part that was still being written */
  | { readonly do: 'revive' }

/** A {@link Fault}, and the requests that it befalls. */
export type Rule = Fault & {
  readonly on: Operation
  /** only keys that contain it */
  readonly key?: string
  /** only that part */
  readonly part?: number
  /** how many requests. @defaultValue 1 */
  readonly times?: number
}
