import { createPublicKey, type JsonWebKey, X509Certificate } from 'node:crypto'
import { DomainError } from '../../core/errors.ts'
import { canonicalName } from '../../platform/certificates/distinguished_name.ts'
import { canonicalAltName } from '../../platform/certificates/subject_alt_names.ts'
import type { ClientMetadata } from './client_metadata.ts'
import { fault, type MetadataFault, type Rule } from './metadata_fault.ts'

/** The rules of mutual TLS (RFC 8705) between the members of client metadata. */

type SubjectMember = (typeof SUBJECT_MEMBERS)[number]

/** RFC 8705 §2.1.2 */
const SUBJECT_MEMBERS = [
  'tls_client_auth_subject_dn',
  'tls_client_auth_san_dns',
  'tls_client_auth_san_uri',
  'tls_client_auth_san_ip',
  'tls_client_auth_san_email',
] as const

export const MUTUAL_TLS_RULES: readonly Rule[] = [
  oneSubject,
  subjectIsReadable,
  selfSignedHasCertificates,
  x5cFitsKey,
  oneBinding,
]

function oneSubject(metadata: ClientMetadata): MetadataFault[] {
  const given = SUBJECT_MEMBERS.filter((member) => metadata[member] !== undefined)
  if (metadata.token_endpoint_auth_method !== 'tls_client_auth') {
    return given[0] ? fault(given[0], 'has a meaning with tls_client_auth only') : []
  }
  if (given.length === 1) return []
  return given[1]
    ? fault(given[1], `must not stand beside ${given[0]}`)
    : fault('tls_client_auth_subject_dn', 'or a tls_client_auth_san_* must be given')
}

const READABLE: Readonly<Record<SubjectMember, [(text: string) => unknown, string]>> = {
  tls_client_auth_subject_dn: [
    canonicalName,
    'must be a distinguished name (RFC 4514) such as CN=shop,O=Example,C=DE',
  ],
  tls_client_auth_san_dns: [(text) => canonicalAltName('dns', text), 'must be a host name'],
  tls_client_auth_san_uri: [(text) => canonicalAltName('uri', text), 'must be an absolute URI'],
  tls_client_auth_san_ip: [(text) => canonicalAltName('ip', text), 'must be an IP address'],
  tls_client_auth_san_email: [(text) => canonicalAltName('email', text), 'must be an address'],
}

function subjectIsReadable(metadata: ClientMetadata): MetadataFault[] {
  return SUBJECT_MEMBERS.flatMap((member) => {
    const text = metadata[member]
    const [read, message] = READABLE[member]
    return text === undefined || read(text) !== undefined ? [] : fault(member, message)
  })
}

/** RFC 8705 §2.2.2: the certificates are in the `x5c` of the keys. */
function selfSignedHasCertificates(metadata: ClientMetadata): MetadataFault[] {
  const { token_endpoint_auth_method: method, jwks, jwks_uri } = metadata
  if (method !== 'self_signed_tls_client_auth' || jwks_uri) return []
  if (!jwks) return fault('jwks', `or jwks_uri must be given for ${method}`)
  return jwks.keys.some((key) => key['x5c'] !== undefined)
    ? []
    : fault('jwks', `must hold a key with its certificate in x5c for ${method}`)
}

/** RFC 7517 §4.7: "The key in the first certificate MUST match the public key represented by" the JWK. */
function x5cFitsKey({ jwks }: ClientMetadata): MetadataFault[] {
  const at = jwks?.keys.findIndex((key) => key['x5c'] !== undefined && !isCertified(key)) ?? -1
  return at === -1
    ? []
    : [{ path: ['jwks', 'keys', at, 'x5c'], message: 'must begin with a certificate of the key' }]
}

function isCertified(key: Record<string, unknown>): boolean {
  const [first] = Array.isArray(key['x5c']) ? key['x5c'] : []
  if (typeof first !== 'string' || !/^[A-Za-z0-9+/]+={0,2}$/.test(first)) return false
  try {
    const { publicKey } = new X509Certificate(Buffer.from(first, 'base64'))
    return publicKey.equals(createPublicKey({ key: key as JsonWebKey, format: 'jwk' }))
  } catch {
    return false
  }
}

/** A token has one key that it is bound to. */
function oneBinding(metadata: ClientMetadata): MetadataFault[] {
  const member = 'tls_client_certificate_bound_access_tokens'
  if (!metadata[member]) return []
  if (metadata.dpop_bound_access_tokens) {
    return fault(member, 'must not stand beside dpop_bound_access_tokens')
  }
  // What the authorization endpoint hands out cannot be bound: the browser has no certificate.
  return metadata.response_types.some((type) => type.split(' ').includes('token'))
    ? fault(member, 'must not stand beside response_types with token')
    : []
}

/** @throws DomainError `forbidden` where the deployment takes no client certificates */
export function assertCertificatesTaken(
  metadata: Readonly<Record<string, unknown>>,
  { mutualTls }: { mutualTls: 'off' | 'listener' | 'proxy' },
): void {
  const needed =
    String(metadata['token_endpoint_auth_method']).endsWith('tls_client_auth') ||
    metadata['tls_client_certificate_bound_access_tokens'] === true
  if (!needed || mutualTls !== 'off') return
  throw new DomainError('forbidden', 'This deployment takes no client certificates.', {
    hint: 'Set AUTHCORE_MTLS to listener or proxy first.',
  })
}
