import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { z } from 'zod'

/** An address or a CIDR range, IPv4 or IPv6. A zone is of this machine only, and callers show none. */
export const cidr = z
  .string()
  .refine((text) => !text.includes('%') && (isIP(text) !== 0 || ipaddr.isValidCIDR(text)), {
    error: 'must be an IP address or a CIDR range such as 10.0.0.0/8',
  })

/**
 * An issuer: an http(s) origin without path, query or fragment, in the form in which it is compared
 * byte for byte (RFC 8414 §2, RFC 9207 §2.4).
 */
export const webOrigin = z.string().transform((text, ctx) => {
  const url = URL.parse(text)
  const fault = !url
    ? 'must be a URL such as https://login.example.com'
    : !/^https?:$/.test(url.protocol)
      ? 'must begin with https:// (or http:// in development)'
      : url.pathname !== '/' || url.search || url.hash || url.username || url.password
        ? 'must be an origin: no path, query, fragment or credentials'
        : undefined
  if (fault) {
    ctx.addIssue({ code: 'custom', message: fault })
    return z.NEVER
  }
  return url!.origin
})

/** `host:port`, the exact form in which the outbound client compares targets. */
export const hostPort = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}$/, { error: 'must be host:port' })

/** 32 bytes of base64 or base64url: what `openssl rand -base64 32` prints. */
export const key256 = z.string().transform((text, ctx) => {
  const bytes = Buffer.from(text.trim(), 'base64')
  if (bytes.length !== 32) {
    ctx.addIssue({
      code: 'custom',
      message: 'must be 32 bytes in base64: make one with `openssl rand -base64 32`',
    })
    return z.NEVER
  }
  if (new Set(bytes).size < 12) {
    ctx.addIssue({ code: 'custom', message: 'is too weak: its bytes repeat; make a random one' })
    return z.NEVER
  }
  return bytes
})

/** `id:key`, so that several keys can live side by side and old data stays readable. */
export const namedKey = z.string().transform((text, ctx) => {
  const colon = text.indexOf(':')
  const id = text.slice(0, colon)
  if (colon < 1 || !/^[a-z0-9_-]{1,16}$/.test(id)) {
    ctx.addIssue({
      code: 'custom',
      message: 'must be id:base64key, the id up to 16 of a-z, 0-9, - and _',
    })
    return z.NEVER
  }
  const key = key256.safeParse(text.slice(colon + 1))
  if (!key.success) {
    for (const issue of key.error.issues) ctx.addIssue({ code: 'custom', message: issue.message })
    return z.NEVER
  }
  return { id, key: key.data }
})

/** A CSS colour that cannot carry anything else: hex, rgb(), hsl() or oklch() of plain numbers. */
export const cssColor = z
  .string()
  .regex(/^(#[0-9a-fA-F]{3,8}|(rgb|hsl|oklch)\([0-9.,%/ deg]{1,60}\))$/, {
    error: 'must be a colour such as #3b5bdb or oklch(55% 0.2 265)',
  })

/** Where we call: an http(s) URL without credentials or fragment. */
export const webUrl = z.string().refine(
  (text) => {
    const url = URL.parse(text)
    return !!url && /^https?:$/.test(url.protocol) && !url.hash && !url.username && !url.password
  },
  { error: 'must be an http or https URL without credentials and fragment' },
)

/** A page that people are sent to: https, or http on this very machine, for trying things out. */
export const pageUrl = z.string().refine(
  (text) => {
    const url = URL.parse(text)
    if (!url || url.username || url.password) return false
    return url.protocol === 'https:' || (url.protocol === 'http:' && url.hostname === 'localhost')
  },
  { error: 'must be an https URL without credentials' },
)

/** Like the secrets of Standard Webhooks: 24 to 64 bytes. */
export const webhookSecret = z.string().refine(
  (text) => {
    const bytes = Buffer.from(text.replace(/^whsec_/, ''), 'base64')
    return text.startsWith('whsec_') && bytes.length >= 24 && bytes.length <= 64
  },
  { error: 'must be whsec_ and 24 to 64 bytes in base64: `openssl rand -base64 32` after whsec_' },
)
