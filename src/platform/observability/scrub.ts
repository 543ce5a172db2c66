/**
 * What keeps secrets out of the log: a field whose name says that it holds one is blacked out at any
 * depth, and so is text that looks like one under any name.
 */

const REDACTED = '[redacted]'
const MAX_DEPTH = 6
const MAX_ITEMS = 50

const SECRET_NAME =
  /passw|passphrase|secret|token|cookie|authorization|assertion|credential|apikey|privatekey|verifier|usercode|devicecode|recoverycode|loginhint/
const SECRET_NAMES = new Set([
  'code',
  'otp',
  'totp',
  'pin',
  'jwt',
  'dpop',
  'csrf',
  'xsrf',
  'sid',
  'body',
  'jwk',
  'jwks',
  'd',
])
/** Names that sound like a secret and say only what kind of thing is meant. */
const PLAIN_NAMES = new Set([
  'tokentype',
  'tokenendpoint',
  'tokenendpointauthmethod',
  'credentialtype',
])

export function scrubFields(fields: Record<string, unknown>): Record<string, unknown> {
  return scrubObject(fields, 0) as Record<string, unknown>
}

function scrubObject(object: object, depth: number): unknown {
  const clean: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(object)) {
    clean[name] = isSecretName(name) ? hide(value) : scrubValue(value, depth + 1)
  }
  return clean
}

function scrubValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return scrubText(value)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  if (value instanceof Error) return scrubError(value, depth)
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (depth >= MAX_DEPTH) return '[deep]'
  if (value instanceof Map || value instanceof Set) return `[${value.size} entries]`
  if (Array.isArray(value))
    return value.slice(0, MAX_ITEMS).map((item) => scrubValue(item, depth + 1))
  return scrubObject(value, depth)
}

/** That something was there may be said; numbers may be one-time codes. */
function hide(value: unknown): unknown {
  return value === undefined || value === null || typeof value === 'boolean' ? value : REDACTED
}

const verdicts = new Map<string, boolean>()

function isSecretName(name: string): boolean {
  let verdict = verdicts.get(name)
  if (verdict === undefined) {
    const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '')
    verdict = !PLAIN_NAMES.has(plain) && (SECRET_NAMES.has(plain) || SECRET_NAME.test(plain))
    // Names come from the program, but an object may carry keys from outside.
    if (verdicts.size < 2_000) verdicts.set(name, verdict)
  }
  return verdict
}

const JWT = /\beyJ[\w-]{8,}\.[\w-]+(\.[\w-]*)*/g
const SCHEME = /\b(Bearer|Basic|DPoP|Negotiate) +[\w~+/.=-]{6,}/gi
const URL_CREDENTIALS = /(:\/\/[^\s/:@]*:)[^\s/@]+@/g
const PARAMETER =
  /\b([\w-]*(?:token|password|passwd|secret|code|assertion|verifier|cookie|otp|jwt|request|login_hint|signature)=)[^&\s"'<>;]+/gi

/** Blacks out bearer tokens, JWTs, credentials in URLs and parameters with telling names. */
export function scrubText(text: string): string {
  if (text.length < 8) return text
  let clean = text
  if (clean.includes('eyJ')) clean = clean.replace(JWT, REDACTED)
  if (clean.includes('=')) clean = clean.replace(PARAMETER, `$1${REDACTED}`)
  if (clean.includes('://')) clean = clean.replace(URL_CREDENTIALS, `$1${REDACTED}@`)
  if (clean.includes(' ')) clean = clean.replace(SCHEME, `$1 ${REDACTED}`)
  return clean
}

/** An error as a plain object: its own words, its stack and its causes, nothing else it carries. */
function scrubError(error: unknown, depth: number): unknown {
  if (!(error instanceof Error)) return scrubValue(error, depth)
  const { code, debug } = error as { code?: unknown; debug?: unknown }
  return {
    type: error.name,
    message: scrubText(error.message),
    // ECONNREFUSED, 23505, rate_limited: a name, not a value.
    ...(typeof code === 'string' && /^\w{1,40}$/.test(code) ? { code } : {}),
    ...(typeof debug === 'string' ? { debug: scrubText(debug) } : {}),
    ...(error.stack ? { stack: scrubText(error.stack) } : {}),
    ...(error.cause !== undefined && depth < MAX_DEPTH
      ? { cause: scrubError(error.cause, depth + 1) }
      : {}),
  }
}
