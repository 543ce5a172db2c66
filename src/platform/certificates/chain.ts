import type { X509Certificate } from 'node:crypto'
import { isCurrent } from './trust.ts'

const LENGTH_MAX = 10

/**
 * Whether a chain leads to one of the anchors (RFC 5280 §6, without revocation lists and policies): the
 * first certificate is the one in question, each is issued by the one after it, all of them are current.
 * A certificate that is an anchor itself ends it. Nothing is asked of the network.
 */
export function leadsToAnchor(
  chain: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
  now: Date,
): boolean {
  if (chain.length > LENGTH_MAX) return false
  const current = anchors.filter((anchor) => isCurrent(anchor, now))
  for (const [at, certificate] of chain.entries()) {
    if (!isCurrent(certificate, now)) return false
    if (current.some((anchor) => anchor.raw.equals(certificate.raw))) return true
    if (current.some((anchor) => isIssuedBy(certificate, anchor))) return true
    const issuer = chain[at + 1]
    if (!issuer?.ca || !isIssuedBy(certificate, issuer)) return false
  }
  return false
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}
