/**
 * Every limit of the house. The names appear in metrics and logs; the numbers follow one thought: a
 * guesser gets nowhere, and nobody can lock somebody else out.
 */

/** So many points in a window that begins with the first one. */
export type FixedLimit = {
  kind: 'fixed'
  points: number
  windowS: number
  /**
   * `attempts`: a point is taken before the attempt and given back when it succeeds. `failures`: a
   * point is taken after a failure; before, `peekBlocked` is asked, which costs nothing.
   */
  counts: 'attempts' | 'failures'
}

/**
 * So many attempts at once, then one per delay, doubling up to the longest; after `total` attempts
 * without a success none until the window ends or somebody resets it. Counted in PostgreSQL, also
 * where there is Redis: a Redis that is flushed gives nobody more guesses.
 */
export type BackoffLimit = {
  kind: 'backoff'
  free: number
  firstDelayS: number
  maxDelayS: number
  total: number
  windowS: number
}

const minute = 60
const day = 86_400

export const LIMITS = {
  /**
   * Passwords tried on one account from browsers that never signed in to it. NIST SP 800-63B §3.2.2:
   * at most 100 consecutive failures. Browsers with a device cookie do not come here.
   */
  sign_in_account_untrusted: {
    kind: 'backoff',
    free: 10,
    firstDelayS: 30,
    maxDelayS: 15 * minute,
    total: 100,
    windowS: 30 * day,
  },
  /** The same from browsers with a device cookie of the account: strangers cannot use this up. */
  sign_in_account_trusted: fixed('attempts', 10, 15 * minute),
  /** One IPv4 address or IPv6 /64, whatever accounts it tries. */
  sign_in_ip: fixed('attempts', 100, 15 * minute),
  /** One IPv6 /48. */
  sign_in_ip_wide: fixed('attempts', 400, 15 * minute),

  /**
   * Codes and links asked for by mail: for one address, whoever asks (each opens five tries of eight
   * digits), and by one IPv4 address or IPv6 /64. Beyond the first nothing is sent, in silence.
   */
  code_recipient: fixed('attempts', 5, 60 * minute),
  code_ip: fixed('attempts', 60, 60 * minute),
  /** Codes and links that one IPv4 address or IPv6 /64 brings back: each refused one is a line in the trail. */
  code_try_ip: fixed('attempts', 120, 15 * minute),
  /** Passkeys that one address presents: nobody guesses one, but each refused one is a line in the trail. */
  passkey_ip: fixed('attempts', 120, 15 * minute),

  /**
   * Client authentication at the token, introspection, revocation, pushed authorization and device
   * authorization endpoints. Secrets carry 256 bits; this limits noise, so the numbers are generous.
   * The key of the first should join client id and address: the id alone is public.
   */
  client_auth_client: fixed('failures', 30, minute),
  client_auth_ip: fixed('failures', 100, minute),

  /** RFC 8628 §5.1: user codes are short, so guessing them is what these three are about. */
  user_code_session: fixed('attempts', 10, 10 * minute),
  user_code_ip: fixed('attempts', 30, 10 * minute),
  user_code_global: fixed('attempts', 1_000, 10 * minute),

  /**
   * Requests for approval that one application, or all together, may send to one person (CIBA): a
   * person who is asked again and again gives in. What was approved is given back.
   */
  ciba_account_client: fixed('attempts', 5, 10 * minute),
  ciba_account: fixed('attempts', 20, 10 * minute),
  /** Hints of one application that name nobody. */
  ciba_unknown_client: fixed('failures', 30, 10 * minute),

  /** Clients that register themselves (RFC 7591): of one address, and where anybody may, of all. */
  registration_ip: fixed('attempts', 300, 10 * minute),
  registration_global: fixed('attempts', 3_000, 60 * minute),
  /** Wrong initial and registration access tokens from one address. */
  registration_token_ip: fixed('failures', 30, minute),
  /** Client ID metadata documents that are fetched: of one host, and of all of them. */
  client_document_host: fixed('attempts', 20, minute),
  client_document_global: fixed('attempts', 600, minute),

  /** Authorization requests from one IPv4 address or IPv6 /64; an office shares one. */
  authorization_ip: fixed('failures', 1_200, minute),
  /**
   * What sources send, or somebody in their name, from one IPv4 address or IPv6 /64: signatures cost
   * work. Only what is refused counts; an office shares an address, and a provider's server has one.
   */
  federation_ip: fixed('failures', 300, minute),
  /** Requests that we had to fetch for one IPv4 address or IPv6 /64. */
  request_uri_ip: fixed('attempts', 120, minute),
} as const satisfies Record<string, FixedLimit | BackoffLimit>

export type LimitName = keyof typeof LIMITS

function fixed(counts: FixedLimit['counts'], points: number, windowS: number): FixedLimit {
  return { kind: 'fixed', points, windowS, counts }
}
