/** Which URIs a client may register. Each function returns what is wrong, or undefined. */

const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost'])
/** Schemes that browsers and systems run or read themselves; no application answers to them. */
const NEVER = new Set([
  'about:',
  'blob:',
  'chrome:',
  'content:',
  'data:',
  'file:',
  'filesystem:',
  'ftp:',
  'intent:',
  'javascript:',
  'jar:',
  'mailto:',
  'sms:',
  'tel:',
  'vbscript:',
  'view-source:',
  'ws:',
  'wss:',
])
const URI_MAX = 2_000

/**
 * RFC 9700 §2.1, RFC 8252 §7: exact, absolute, https, or loopback http at whatever port, or for
 * native applications a private-use scheme that is a reversed domain name.
 */
export function redirectUriFault(uri: string, native: boolean): string | undefined {
  const url = absolute(uri)
  if (typeof url === 'string') return url
  if (url.protocol === 'https:') {
    return native && LOOPBACK.has(url.hostname)
      ? 'must use http on loopback, where nobody has a certificate'
      : undefined
  }
  if (url.protocol === 'http:') return loopbackFault(url)
  if (NEVER.has(url.protocol)) return `must not use the ${url.protocol} scheme`
  if (!native) return 'must begin with https:// (or http:// on a loopback address)'
  return /^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+:$/.test(url.protocol)
    ? undefined
    : 'must use a private scheme that is a reversed domain name, such as com.example.app:/callback'
}

/** Pages of the client and addresses that we call: https, or http on loopback for development. */
export function clientUriFault(uri: string): string | undefined {
  const url = absolute(uri)
  if (typeof url === 'string') return url
  if (url.protocol === 'https:') return undefined
  return url.protocol === 'http:' ? loopbackFault(url) : 'must begin with https://'
}

/** An address of a request object, with or without the hash of the file as its fragment. */
export function requestUriFault(uri: string): string | undefined {
  const [address = '', hash] = uri.split(/#(.*)/s)
  if (hash !== undefined && !/^[\w-]{43}$/.test(hash)) {
    return 'must have the base64url SHA-256 of the file as its fragment, or none'
  }
  return clientUriFault(address)
}

function absolute(uri: string): URL | string {
  if (uri.length > URI_MAX) return `must not be longer than ${URI_MAX} characters`
  // What a URL parser drops or repairs in silence would not be compared as it is followed.
  if (!/^[\x21-\x7e]+$/.test(uri)) return 'must be printable ASCII without spaces'
  if (/["<>\\^`{|}]/.test(uri)) return 'must percent-encode characters that no URI has'
  const url = URL.parse(uri)
  if (!url) return 'must be an absolute URI'
  if (uri.includes('#')) return 'must not have a fragment'
  if (uri.includes('*')) return 'must not have a wildcard: it is compared byte for byte'
  if (url.username || url.password || /^[^/?]*\/\/[^/?]*@/.test(uri)) {
    return 'must not have a user name or password'
  }
  if (!isWrittenPlainly(uri, url))
    return 'must be written as it is followed: scheme, //, host, path'
  return url
}

/** The scheme in lower case, and for http(s) an authority that the parser did not have to repair. */
function isWrittenPlainly(uri: string, url: URL): boolean {
  if (!uri.startsWith(url.protocol)) return false
  if (!/^https?:$/.test(url.protocol)) return !/^[^/?]*:\/\/\/?$/.test(uri)
  const authority = /^https?:\/\/([^/?]+)/.exec(uri)?.[1]
  const written = authority?.replace(url.protocol === 'https:' ? /:443$/ : /:80$/, '')
  return written === url.host && !/\/\.{1,2}(?:\/|$)|%2e/i.test(uri.split('?')[0]!)
}

function loopbackFault(url: URL): string | undefined {
  return LOOPBACK.has(url.hostname)
    ? undefined
    : 'must begin with https:// (http is for loopback addresses only)'
}
