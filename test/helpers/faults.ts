/** What may go wrong between client and server. Offsets count bytes of the answer's body. */
export type Fault =
  /** The proxy answers by itself, the server sees nothing. */
  | { kind: 'status'; status: number; code?: string; retryAfter?: number }
  /** The connection is torn (RST) after so many bytes; 0: before the head of the answer. */
  | { kind: 'reset'; after: number }
  /** The server does what was asked, its answer never arrives. */
  | { kind: 'lost' }
  /** So many bytes, then silence on an open connection. */
  | { kind: 'stall'; after: number }
  /** So many bytes, then the connection ends as if that were all. */
  | { kind: 'truncate'; to: number }
  /** The head promises so many bytes, and just these come: nothing looks wrong. */
  | { kind: 'length'; length: number }
  /** The body comes in chunks, without a length. */
  | { kind: 'chunked' }
  /** One bit of that byte is another one. */
  | { kind: 'flip'; at: number }
  /** The same, on the way to the server. */
  | { kind: 'flip-request'; at: number }
  /** The connection is torn (RST) after so many bytes of the request's body. */
  | { kind: 'reset-request'; after: number }
  /** The request's body gets to the server a few bytes every so many milliseconds. */
  | { kind: 'drip-request'; bytes: number; every: number }
  /** A few bytes every so many milliseconds. */
  | { kind: 'drip'; bytes: number; every: number }
  /** The answer's body is another text. */
  | { kind: 'rewrite'; text: (body: string) => string }
  /** The last answer with a listing, once more. */
  | { kind: 'repeat-listing' }
  /** Something happens before the request gets to the server. */
  | { kind: 'before'; run: () => Promise<unknown> }

export interface Match {
  method?: string
  /** On the decoded key, without the bucket. */
  key?: RegExp
  /** On the decoded query string. */
  query?: RegExp
  /** On the header `range`. */
  range?: RegExp
  /** With a body of at least so many bytes. */
  sends?: number
  /** Which of the requests that match otherwise, counted from 1; all of them if absent. `from`: that one and all later ones. */
  nth?: number | number[] | { from: number }
}

export interface Rule {
  match: Match
  fault: Fault
}

/** What went through, for assertions. */
export interface Exchange {
  method: string
  key: string
  query: string
  range: string | undefined
  fault: Fault['kind'] | undefined
  /** What the client was answered; undefined: nothing. */
  status?: number
}

const isMeant = (nth: Match['nth'], seen: number): boolean => {
  if (nth === undefined) return true
  return typeof nth === 'object' && 'from' in nth ? seen >= nth.from : [nth].flat().includes(seen)
}

/** What a rule is matched with. `sends`: bytes of the body. */
interface Seen {
  method: string
  key: string
  query: string
  range?: string | undefined
  sends: number
}

const fits = ({ method, key, query, range, sends }: Match, request: Seen): boolean =>
  (method === undefined || method === request.method) &&
  (key?.test(request.key) ?? true) &&
  (query?.test(request.query) ?? true) &&
  (range?.test(request.range ?? '') ?? true) &&
  request.sends >= (sends ?? 0)

/** Decides which fault a request meets: the first rule that fits. Counts per rule. */
export class Plan {
  #rules: { rule: Rule; seen: number }[] = []

  set(rules: Rule[]): void {
    this.#rules = rules.map((rule) => ({ rule, seen: 0 }))
  }

  next(request: Seen): Fault | undefined {
    let fault: Fault | undefined
    for (const entry of this.#rules) {
      if (!fits(entry.rule.match, request)) continue
      entry.seen++
      if (isMeant(entry.rule.match.nth, entry.seen)) fault ??= entry.rule.fault
    }
    return fault
  }
}
