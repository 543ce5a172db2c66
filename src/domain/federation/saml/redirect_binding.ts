import { type KeyObject, sign, verify } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { quoted, SamlFault } from './fault.ts'
import { SIGNATURE_ALGORITHMS } from './names.ts'
import { MESSAGE_LIMITS } from './scan_xml.ts'

/**
 * HTTP-Redirect (bindings §3.4): a message deflated into the query, and a signature over the query as
 * it was written (§3.4.4.1), not as anybody would write it again.
 */

const DEFLATE = 'urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE'
const MAX_QUERY_CHARACTERS = 64 * 1024
const OURS = ['SAMLRequest', 'SAMLResponse', 'RelayState', 'SigAlg', 'Signature', 'SAMLEncoding']

export type RedirectMessage = {
  field: 'SAMLRequest' | 'SAMLResponse'
  /** Untrusted until `verifyRedirect`. */
  xml: string
  relayState: string | undefined
  /** Undefined where it is not signed. */
  signature: { algorithm: string; value: Buffer; over: string } | undefined
}

/**
 * @param query as it stands in the address, without the question mark
 * @throws SamlFault by `query`, `inflate` or `xml_size`
 */
export function readRedirect(query: string): RedirectMessage {
  const raw = rawParameters(query)
  const fields = (['SAMLRequest', 'SAMLResponse'] as const).filter((name) => raw.has(name))
  const [field] = fields
  if (!field || fields.length > 1) throw new SamlFault('query', 'not one message')
  const encoding = raw.get('SAMLEncoding')
  if (encoding !== undefined && decoded(encoding) !== DEFLATE) {
    throw new SamlFault('query', `SAMLEncoding is ${quoted(encoding)}`)
  }
  const relayState = raw.get('RelayState')
  return {
    field,
    xml: inflate(decoded(raw.get(field)!)),
    relayState: relayState === undefined ? undefined : decoded(relayState),
    signature: signatureIn(raw, field),
  }
}

/** By name, still encoded. Of two of one name, one reader would take the first and one the last. */
function rawParameters(query: string): Map<string, string> {
  if (query.length > MAX_QUERY_CHARACTERS) throw new SamlFault('query', 'it is too long')
  const raw = new Map<string, string>()
  for (const part of query.split('&')) {
    const at = part.indexOf('=')
    const name = decoded(at < 0 ? part : part.slice(0, at))
    if (!OURS.includes(name)) continue
    if (raw.has(name)) throw new SamlFault('query', `${name} comes twice`)
    raw.set(name, part.slice(at + 1))
  }
  return raw
}

function signatureIn(raw: Map<string, string>, field: string): RedirectMessage['signature'] {
  const signature = raw.get('Signature')
  if (signature === undefined) return undefined
  const over = [field, 'RelayState', 'SigAlg']
    .filter((name) => raw.has(name))
    .map((name) => `${name}=${raw.get(name)}`)
    .join('&')
  const value = Buffer.from(decoded(signature), 'base64')
  return { algorithm: decoded(raw.get('SigAlg') ?? ''), value, over }
}

/** @throws SamlFault where it is not signed, by SHA-1, or by none of the certificates */
export function verifyRedirect(
  { signature }: RedirectMessage,
  certificates: readonly string[],
): void {
  if (!signature) throw new SamlFault('message_signature', 'it is not signed (bindings §3.4.4.1)')
  const { algorithm, value, over } = signature
  const hash = Object.hasOwn(SIGNATURE_ALGORITHMS, algorithm) && SIGNATURE_ALGORITHMS[algorithm]
  if (!hash) throw new SamlFault('signature_algorithm', `SigAlg is ${quoted(algorithm)}`)
  if (!certificates.some((pem) => verify(hash, Buffer.from(over), pem, value))) {
    throw new SamlFault('signature', 'it is by none of the certificates')
  }
}

/** Bounded, because a kilobyte of it can become a megabyte. */
function inflate(base64: string): string {
  try {
    const options = { maxOutputLength: MESSAGE_LIMITS.maxBytes }
    const bytes = inflateRawSync(Buffer.from(base64, 'base64'), options)
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    const tooLarge = (error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE'
    if (tooLarge) throw new SamlFault('xml_size', `more than ${MESSAGE_LIMITS.maxBytes} bytes`)
    throw new SamlFault('inflate', 'it cannot be inflated')
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', '%20'))
  } catch {
    throw new SamlFault('query', 'it is not encoded as a query is')
  }
}

/** @returns the address to send the browser to, signed */
export function writeRedirect(
  location: string,
  message: { field: RedirectMessage['field']; xml: string; relayState?: string | undefined },
  signer: { algorithm: string; key: KeyObject },
): string {
  const value = deflateRawSync(Buffer.from(message.xml)).toString('base64')
  const pairs: [string, string][] = [[message.field, value]]
  if (message.relayState !== undefined) pairs.push(['RelayState', message.relayState])
  pairs.push(['SigAlg', signer.algorithm])
  const over = pairs.map(([name, text]) => `${name}=${encodeURIComponent(text)}`).join('&')
  const hash = SIGNATURE_ALGORITHMS[signer.algorithm]
  const signature = sign(hash, Buffer.from(over), signer.key).toString('base64')
  const separator = location.includes('?') ? '&' : '?'
  return `${location}${separator}${over}&Signature=${encodeURIComponent(signature)}`
}
