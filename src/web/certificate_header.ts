import { X509Certificate } from 'node:crypto'

/**
 * A client certificate as a proxy hands it on: the DER in base64 between colons (RFC 9440 §2.2), or
 * the PEM percent-encoded, as nginx does. A header that came twice, or holds anything more, is none.
 */

const BYTE_SEQUENCE = /^:([A-Za-z0-9+/]*={0,2}):$/
const PEM = /^-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*$/

/**
 * @returns undefined where the proxy says that there was no certificate
 * @throws Error for what cannot be read
 */
export function certificateFromHeader(value: string): X509Certificate | undefined {
  if (value === '' || value === '::') return undefined
  const encoded = value.startsWith(':')
    ? BYTE_SEQUENCE.exec(value)?.[1]
    : PEM.exec(decodeURIComponent(value))?.[1]
  if (encoded === undefined) throw new Error('neither :base64: nor a percent-encoded PEM')
  const der = Buffer.from(encoded, 'base64')
  const certificate = new X509Certificate(der)
  // What follows the certificate would be somebody else's words.
  if (!certificate.raw.equals(der)) throw new Error('more than one certificate')
  return certificate
}
