/** Why an outgoing call came to nothing. A closed list, so that it can label a metric. */
export const OUTBOUND_REASONS = [
  'invalid_url',
  'userinfo',
  'blocked_scheme',
  'blocked_port',
  'blocked_address',
  'blocked_redirect',
  'dns',
  'connect',
  'timeout',
  'too_large',
  'protocol',
  'circuit_open',
] as const

export type OutboundReason = (typeof OUTBOUND_REASONS)[number]

const SENTENCES = {
  invalid_url: 'the URL cannot be read',
  userinfo: 'the URL carries a user name or a password',
  blocked_scheme: 'the scheme is not permitted',
  blocked_port: 'the port is not permitted',
  blocked_address: 'the address is not on the public internet',
  blocked_redirect: 'the redirect is not permitted',
  dns: 'the name could not be resolved',
  connect: 'the connection failed',
  timeout: 'the deadline passed',
  too_large: 'the response is too large',
  protocol: 'the exchange is not valid HTTP',
  circuit_open: 'the target has failed too often and is being left alone',
} as const satisfies Record<OutboundReason, string>

/**
 * The one error of this folder. Message and fields are safe to log: they hold the origin and the
 * path of the target, never its query, a header or a body, neither ours nor the target's. For that
 * reason the underlying error is not kept as `cause`, only its `code` (`ECONNREFUSED`, …).
 */
export class OutboundError extends Error {
  readonly reason: OutboundReason
  readonly code: string | undefined

  /** @param target the URL called, as `describeUrl` writes it */
  constructor(reason: OutboundReason, target: string, code?: string) {
    super(`outgoing call to ${target}: ${SENTENCES[reason]}${code ? ` (${code})` : ''}`)
    this.name = 'OutboundError'
    this.reason = reason
    this.code = code
  }
}

/** True where the guard refused the call by its rules: trying again cannot help. */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof OutboundError)) return false
  return error.reason.startsWith('blocked_') || ['invalid_url', 'userinfo'].includes(error.reason)
}

const SHOWN_PATH_LENGTH = 200

/** A URL as errors and logs may show it: origin and path, without user, query or fragment. */
export function describeUrl(url: URL): string {
  // An opaque URL (`data:`, `javascript:`) is all content; its scheme says enough.
  if (url.host === '') return url.protocol
  return `${url.protocol}//${url.host}${url.pathname.slice(0, SHOWN_PATH_LENGTH)}`
}

/** Reads `error.code` where it is a string, as Node and undici set it. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : undefined
}

const REASON_OF_NAME: Readonly<Record<string, OutboundReason>> = {
  TimeoutError: 'timeout',
  AbortError: 'timeout',
  HTTPParserError: 'protocol',
}

const REASON_OF_CODE: Readonly<Record<string, OutboundReason>> = {
  UND_ERR_HEADERS_OVERFLOW: 'too_large',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'too_large',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'protocol',
  UND_ERR_INVALID_ARG: 'protocol',
}

/** Translates what Node or undici threw while calling `target`; an `OutboundError` passes as it is. */
export function toOutboundError(error: unknown, target: string): OutboundError {
  if (error instanceof OutboundError) return error
  const code = codeOf(error)
  const name = (error as Error | null | undefined)?.name
  const reason = REASON_OF_NAME[name ?? ''] ?? REASON_OF_CODE[code ?? ''] ?? 'connect'
  return new OutboundError(reason, target, code)
}
