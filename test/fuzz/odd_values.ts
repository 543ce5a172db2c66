import type { Random } from './random.ts'

/** What has broken somebody's parser, database, log or page, and what is only large. */

/** Begins every planted secret, so that one look finds any of them. */
export const CANARY = 'zqXcanaryXqz'

export function canary(random: Random): string {
  return `${CANARY}${random.word(20)}`
}

const TEXTS = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\r\nX-Injected: 1',
  '\r\nSet-Cookie: x=y',
  '\u202e\u200b\ufeff',
  '\ud800',
  'a\udfff\ud800b',
  '\uffff\ufffe',
  'ﷺ'.repeat(50),
  '👍🏽'.repeat(50),
  'ß\u0130ı',
  '%',
  '%00',
  '%zz',
  '%25%30%30',
  "' OR '1'='1' --",
  '"><script>alert(1)</script>',
  'javascript:alert(1)',
  '{{7*7}}<%= 7*7 %>#{7*7}',
  '../../../../etc/passwd',
  '..\\..\\windows',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'null',
  'undefined',
  'NaN',
  '-1',
  '0',
  '-0',
  '1e400',
  '1.5',
  '0x10',
  '99999999999999999999',
  '2147483648',
  '9223372036854775808',
  '[object Object]',
  '[]',
  '{}',
  '{"a":{"b":1}}',
  '{"__proto__":{"polluted":1}}',
  'true',
  'https://evil.example/',
  '//evil.example/',
  'https://rp.example.test@evil.example/callback',
  'http://[::1]:1/',
  'http://169.254.169.254/latest',
  'file:///etc/passwd',
  'urn:x',
  'data:text/html,x',
  'http://',
  'https://rp.example.test/callback#fragment',
  'a@b',
  'ada@example.test, eve@example.test',
  '"a b"@example.test',
  '+4915112345678',
  'openid openid openid',
  'code id_token token',
  'eyJhbGciOiJub25lIn0.e30.',
  'eyJhbGciOiJub25lIn0..',
  '....',
  'a.b.c.d.e',
  '(&(a=b)(|(c=*)))',
  '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
  '2026-13-45T99:99:99Z',
  'a'.repeat(300),
  'x'.repeat(5_000),
  'a '.repeat(3_000),
] as const

/** Sent as they are, not percent-encoded: what no encoder would write. */
const RAW = [
  '%',
  '%ff',
  '%fe%ff',
  '%ed%a0%80',
  '%c0%80',
  '%00',
  '%0d%0aX-Injected:1',
  '%u0041',
  '+',
  '&',
  '=',
  '&&=&',
  ';',
  '%25',
  '%E0%80',
] as const

export type OddValue = { value: string; raw?: boolean }

export function oddValue(random: Random): OddValue {
  if (random.chance(0.15)) return { value: random.pick(RAW), raw: true }
  if (random.chance(0.05)) return { value: random.word(40).repeat(random.pick([20, 200, 1_700])) }
  return { value: random.pick(TEXTS) }
}

export function oddText(random: Random): string {
  return random.pick(TEXTS)
}

/** Deep, wide, or of the wrong type. */
export function oddJson(random: Random): unknown {
  const makers: (() => unknown)[] = [
    () => null,
    () => random.pick([true, 0, -1, 1e308, 1.5, 2 ** 53]),
    () => oddText(random),
    () => [],
    () => ({}),
    () => Array.from({ length: 300 }, () => oddText(random)),
    () => [[oddText(random)]],
    () => JSON.parse('{"__proto__": {"polluted": 1}}'),
    () => ({ [oddText(random)]: oddText(random) }),
    () => nested(random.pick([10, 200, 3_000])),
  ]
  return random.pick(makers)()
}

function nested(depth: number): unknown {
  return JSON.parse(`${'['.repeat(depth)}1${']'.repeat(depth)}`)
}

/** Names of parameters that somebody reads, and of some that nobody may. */
export const PARAMETERS = [
  ...['client_id', 'client_secret', 'redirect_uri', 'response_type', 'response_mode', 'scope'],
  ...['state', 'nonce', 'prompt', 'max_age', 'ui_locales', 'claims_locales', 'id_token_hint'],
  ...['login_hint', 'acr_values', 'claims', 'resource', 'audience', 'code_challenge'],
  ...['code_challenge_method', 'request', 'request_uri', 'registration', 'dpop_jkt', 'display'],
  ...['authorization_details', 'connection', 'idp_hint', 'grant_type', 'code', 'code_verifier'],
  ...['refresh_token', 'device_code', 'user_code', 'token', 'token_type_hint', 'client_assertion'],
  ...['client_assertion_type', 'assertion', 'subject_token', 'subject_token_type'],
  ...['actor_token', 'actor_token_type', 'requested_token_type', 'auth_req_id', 'binding_message'],
  ...['requested_expiry', 'client_notification_token', 'post_logout_redirect_uri', 'logout_hint'],
  ...['login', 'password', 'new_password', 'email', 'phone', 'username', 'xsrf', 'csrf', 'logout'],
  ...['SAMLResponse', 'SAMLRequest', 'RelayState', 'SigAlg', 'Signature', 'logout_token'],
  ...['error', 'error_description', 'iss', 'v', 'id', 'before', 'page', 'target', 'uid', 'account'],
  ...['__proto__', 'constructor', 'toString', 'a[b]', 'a[]', 'unheard_of', ''],
] as const

/** Of these nothing may ever be logged. */
export const SECRET_PARAMETERS = [
  ...['client_secret', 'code', 'code_verifier', 'refresh_token', 'access_token', 'token'],
  ...['device_code', 'user_code', 'client_assertion', 'assertion', 'subject_token', 'actor_token'],
  ...['id_token_hint', 'login_hint', 'password', 'new_password', 'current_password', 'csrf', 'otp'],
  ...['login', 'auth_req_id', 'SAMLResponse', 'logout_token', 'email', 'request'],
] as const

export const COOKIES = [
  ...['authcore_session', 'authcore_session.sig', 'authcore_interaction', 'authcore_resume'],
  ...['authcore_request', 'authcore_device', 'authcore_locale', 'authcore_invitation', 'x'],
] as const

/** Headers with what they may be made to say. */
export const HEADERS: readonly [string, readonly string[]][] = [
  [
    'Accept',
    [
      '*/*',
      'text/html',
      'application/json;q=0',
      'x',
      ';;;,,,',
      'text/html;q=abc',
      '*'.repeat(3_000),
    ],
  ],
  ['Accept-Language', ['de', 'xx-YY;q=2', '*', ',;,;', 'a-'.repeat(2_000), 'ar, he;q=0.9']],
  ['Origin', ['null', 'https://evil.example', 'x', 'file://', '']],
  ['Sec-Fetch-Site', ['cross-site', 'none', 'CROSS-SITE', 'x']],
  ['Sec-Purpose', ['prefetch', 'prefetch;prerender']],
  ['Content-Encoding', ['gzip', 'identity', 'br, gzip', 'x']],
  [
    'Content-Type',
    [
      '',
      'x',
      'text/plain',
      'application/json',
      'application/x-www-form-urlencoded; charset=utf-16',
      'application/x-www-form-urlencoded;charset=',
      'multipart/form-data',
      'multipart/form-data; boundary=x',
      'application/jwt',
      'text/xml',
      'application/x-www-form-urlencoded, application/json',
    ],
  ],
  ['Transfer-Encoding', ['chunked', 'gzip', 'identity', 'chunked, chunked']],
  ['Content-Length', ['0', '1', '-1', '99999999', '1e3', '5, 5', 'x']],
  ['Expect', ['100-continue', 'x']],
  ['Host', ['evil.example', 'a@b', '', 'localhost:99999', '[::1', 'xn--', 'a b', '127.0.0.1']],
  ['X-Forwarded-For', ['1.2.3.4', '::1', '1.2.3.4, unknown', 'x', ',', '1.2.3.4,'.repeat(500)]],
  ['X-Forwarded-Host', ['evil.example']],
  ['X-Forwarded-Proto', ['https', 'x']],
  ['Forwarded', ['for=1.2.3.4;host=evil.example;proto=https']],
  ['X-Original-URL', ['/metrics']],
  ['X-HTTP-Method-Override', ['DELETE', 'POST']],
  ['If-None-Match', ['*', '"x"', 'W/"']],
  ['Range', ['bytes=0-1', 'bytes=-', 'x']],
  ['Upgrade', ['websocket', 'h2c']],
  ['Cookie', ['', '=', ';;;', 'a=b; a=c', 'authcore_session="', 'x'.repeat(6_000)]],
  [
    'User-Agent',
    ['', 'x'.repeat(8_000), '\u00e4\u00f6', '() { :;}; x', '<script>alert(1)</script>'],
  ],
  ['DPoP', ['x', 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.', '']],
  ['Signature', ['x']],
  ['X-Request-Id', ['x', '"}{"level":"error"}', '\u0001']],
  ['X-Big', ['x'.repeat(20_000)]],
]

export const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'BREW',
  'get',
  'CONNECT',
  'PROPFIND',
] as const
