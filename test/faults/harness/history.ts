/**
 * What was asked of the server and what it answered, call by call, while things break. Codes and
 * tokens are remembered by labels (`code 12`), so that a history can be read and printed.
 */

/** A thing that an answer brought and a later call shows again. */
export type Kind =
  | 'code'
  | 'request_uri'
  | 'refresh_token'
  | 'access_token'
  | 'service_token'
  | 'sign_in'
  | 'session'

export type Thing = {
  label: string
  kind: Kind
  /** What came of one sign-in, and falls together. */
  family: string
}

export type Answer =
  | { kind: 'ok' }
  /** The server says that it will not; `error` in its words. */
  | { kind: 'refused'; status: number; error: string }
  /** "Not now", as it has to be said: 503 with Retry-After. */
  | { kind: 'unavailable' }
  /** Nothing came, or not all of it: it may have been carried out or not. */
  | { kind: 'unanswered'; why: string }
  /** What no server of ours may ever say. */
  | { kind: 'wrong'; why: string }

export type Call = {
  /** Who asks: a probe, a person, a service. */
  actor: string
  /** `refresh`, `userinfo`, `login` … */
  op: string
  /** Milliseconds of one monotonic clock. */
  startedAt: number
  endedAt: number
  /** What was shown, by label. */
  shows: readonly string[]
  /** What the answer brought, by label. The first is what a single-use thing was exchanged for. */
  brings: readonly string[]
  /** An `ok` takes away what was shown: `all` of the family, or this `one`. */
  ends?: 'all' | 'one' | undefined
  answer: Answer
}

export type CallInput = Pick<Call, 'actor' | 'op'> & {
  shows?: readonly string[]
  ends?: Call['ends']
}
export type CallResult = { answer: Answer; brings?: readonly string[] }

export class History {
  readonly calls: Call[] = []
  readonly things = new Map<string, Thing>()
  readonly #labels = new Map<string, string>()

  /** The label of a value, always the same for the same one. */
  label(kind: Kind, value: string, family: string): string {
    const key = `${kind} ${value}`
    const known = this.#labels.get(key)
    if (known !== undefined) return known
    const label = `${kind} ${this.#labels.size + 1}`
    this.#labels.set(key, label)
    this.things.set(label, { label, kind, family })
    return label
  }

  /** Makes the call and writes it down, whatever comes of it. */
  async record<R extends CallResult>(input: CallInput, make: () => Promise<R>): Promise<R> {
    const startedAt = performance.now()
    const result = await make()
    this.calls.push({
      shows: [],
      ...input,
      startedAt,
      endedAt: performance.now(),
      brings: result.brings ?? [],
      answer: result.answer,
    })
    return result
  }
}
