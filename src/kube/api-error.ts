/** metav1.Status, as far as it is used. */
export interface Status {
  code?: number
  reason?: string
  message?: string
  details?: {
    name?: string
    kind?: string
    retryAfterSeconds?: number
    causes?: { reason?: string; message?: string }[]
  }
}

/** An answer of the API server that is no success; `message` is the server's own sentence. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  /** The HTTP status, or the code of an ERROR event within a watch. */
  readonly code: number
  /** metav1 reason: `NotFound`, `AlreadyExists`, `Conflict`, `Expired`, `Forbidden`, `Invalid` … */
  readonly reason: string
  readonly status: Status
  /** Seconds that the server asks to wait, if it does. */
  readonly retryAfter: number | undefined

  constructor(code: number, status: Status, retryAfter?: number) {
    super(status.message ?? `the API server answered ${code}`)
    this.code = code
    this.reason = status.reason ?? reasons[code] ?? 'Unknown'
    this.status = status
    this.retryAfter = retryAfter ?? status.details?.retryAfterSeconds
  }

  get isNotFound(): boolean {
    return this.code === 404
  }
  get isAlreadyExists(): boolean {
    return this.code === 409 && this.reason === 'AlreadyExists'
  }
  /** Somebody else was faster: another resourceVersion or uid, or a failed `test` of a JSON patch. Look again. */
  get isConflict(): boolean {
    return (this.code === 409 && this.reason !== 'AlreadyExists') || this.isFailedPatch
  }
  /** A JSON patch did not fit what is there. The server says no more than that its answer is 422: a schema that is violated is named. */
  get isFailedPatch(): boolean {
    const { name, causes = [] } = this.status.details ?? {}
    return this.code === 422 && this.reason === 'Invalid' && name === undefined && causes.length === 0
  }
  /** The resourceVersion is too old: list again. */
  get isGone(): boolean {
    return this.code === 410
  }
  get isForbidden(): boolean {
    return this.code === 403
  }
  /** Nothing new can be made in a namespace that is being deleted. */
  get isNamespaceTerminating(): boolean {
    return (
      this.code === 403 && (this.status.details?.causes ?? []).some(({ reason }) => reason === 'NamespaceTerminating')
    )
  }
  get isInvalid(): boolean {
    return this.code === 422 && !this.isFailedPatch
  }
}

/** Whether `error` is an ApiError for which `test` holds: `is(error, (e) => e.isNotFound)`. */
export const isApiError = (error: unknown, test: (error: ApiError) => boolean = () => true): error is ApiError =>
  error instanceof ApiError && test(error)

const reasons: Record<number, string> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  422: 'Invalid',
  429: 'TooManyRequests',
  503: 'ServiceUnavailable',
}
