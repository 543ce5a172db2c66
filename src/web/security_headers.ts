import type { ServerResponse } from 'node:http'
import type { Middleware } from 'koa'

/** The headers every response carries. */
export function securityHeaders(issuer: string): Record<string, string> {
  const headers: Record<string, string> = {
    'Content-Security-Policy': contentSecurityPolicy(),
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy': PERMISSIONS,
    'Cache-Control': 'no-store',
  }
  if (issuer.startsWith('https:')) {
    headers['Strict-Transport-Security'] = 'max-age=63072000; includeSubDomains'
  }
  return headers
}

/** What other origins may load. */
export const CROSS_ORIGIN = { 'Cross-Origin-Resource-Policy': 'cross-origin' } as const

/** Sets them before anything downstream runs, so that a surface can only loosen one it names. */
export function setSecurityHeaders({
  issuer,
  crossOriginPaths = new Set(),
}: {
  issuer: string
  /** Exact paths that other origins may load: key set and discovery documents. */
  crossOriginPaths?: ReadonlySet<string>
}): Middleware {
  const entries = Object.entries(securityHeaders(issuer))
  const looser = Object.entries(CROSS_ORIGIN)
  return (ctx, next) => {
    for (const [name, value] of entries) ctx.res.setHeader(name, value)
    if (crossOriginPaths.has(ctx.path)) {
      for (const [name, value] of looser) ctx.res.setHeader(name, value)
    }
    return next()
  }
}

export type PolicyChanges = {
  /** Source expressions for scripts besides those whose hash is added later, such as `'self'`. */
  scriptSrc?: readonly string[]
  /** Targets of forms besides our own origin; `anywhere` leaves the directive out. */
  formAction?: readonly string[] | 'anywhere'
  connectSrc?: readonly string[]
  frameSrc?: readonly string[]
}

/**
 * The policy of a page. Scripts are off: `'report-sample'` allows nothing by itself, and unlike
 * `'none'`, which CSP3 §2.3.1 knows only as the sole member of a list, it may stand beside the hash
 * that the provider appends for the one script of its form_post page.
 */
export function contentSecurityPolicy(changes: PolicyChanges = {}): string {
  const { scriptSrc = [], formAction = [], connectSrc = [], frameSrc = [] } = changes
  return [
    "default-src 'none'",
    `script-src ${scriptSrc.length > 0 ? scriptSrc.join(' ') : "'report-sample'"}`,
    "style-src 'self'",
    "img-src 'self' data: https:",
    ...(connectSrc.length > 0 ? [`connect-src ${connectSrc.join(' ')}`] : []),
    ...(frameSrc.length > 0 ? [`frame-src ${frameSrc.join(' ')}`] : []),
    ...(formAction === 'anywhere' ? [] : [`form-action ${["'self'", ...formAction].join(' ')}`]),
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

/**
 * Lets the forms of this one response go to `target` too, keeping every hash already in the policy:
 * for the page that posts an authorization response to the client (form_post). Browsers apply
 * form-action to each redirect after a post, so nothing else should need it.
 *
 * @param target a URL; its origin is allowed, or its scheme where it has no origin
 */
export function allowFormTarget(res: ServerResponse, target: string): void {
  const url = new URL(target)
  const source = url.origin === 'null' ? url.protocol : url.origin
  const policy = String(res.getHeader('Content-Security-Policy') ?? contentSecurityPolicy())
  res.setHeader('Content-Security-Policy', policy.replace(/form-action [^;]*/, `$& ${source}`))
}

/** Lets this one response load script files of our own. */
export function allowOwnScripts(res: ServerResponse): void {
  const policy = String(res.getHeader('Content-Security-Policy') ?? contentSecurityPolicy())
  res.setHeader('Content-Security-Policy', policy.replace(/script-src [^;]*/, "script-src 'self'"))
}

/**
 * Applications open the sign-in in a window beside their page and wait there for its end. Under any
 * other policy, also of a redirect on the way, the two windows lose each other.
 */
export function allowOpener(res: ServerResponse): void {
  res.setHeader('Cross-Origin-Opener-Policy', 'unsafe-none')
}

/**
 * The address of a native application, with a scheme of its own (RFC 8252 §7.1). Browsers open it for
 * somebody who has just pressed a button, so it has to be the end of the form's own redirects.
 */
export function isPrivateUseUri(uri: unknown): uri is string {
  return typeof uri === 'string' && URL.parse(uri)?.origin === 'null'
}

/** Lets the forms of this response end at a native application, where that is who asks. */
export function allowNativeTarget(res: ServerResponse, target: unknown): void {
  if (isPrivateUseUri(target)) allowFormTarget(res, target)
}

const DENIED = [
  'accelerometer',
  'autoplay',
  'camera',
  'display-capture',
  'encrypted-media',
  'fullscreen',
  'geolocation',
  'gyroscope',
  'hid',
  'idle-detection',
  'magnetometer',
  'microphone',
  'midi',
  'payment',
  'serial',
  'usb',
  'xr-spatial-tracking',
]
const PERMISSIONS = [
  ...DENIED.map((feature) => `${feature}=()`),
  'publickey-credentials-create=(self)',
  'publickey-credentials-get=(self)',
].join(', ')
