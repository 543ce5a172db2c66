import { X509Certificate } from 'node:crypto'

/**
 * Whether a certificate of a client is to be believed, where the handshake was somebody else's. One
 * step is checked: the authorities are named by the operator, those in the middle too, and what one
 * of them issued is good while it lasts. There are no revocation lists.
 */

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
const CLIENT_AUTHENTICATION = '1.3.6.1.5.5.7.3.2'

/** Every certificate in a PEM text. @throws Error where there is none, or one that cannot be read */
export function readCertificates(pem: string): X509Certificate[] {
  const certificates = (pem.match(BLOCK) ?? []).map((block) => new X509Certificate(block))
  if (certificates.length === 0) throw new Error('holds no certificate in PEM')
  return certificates
}

export function isIssuedByOneOf(
  certificate: X509Certificate,
  authorities: readonly X509Certificate[],
  now: Date,
): boolean {
  return (
    isCurrent(certificate, now) &&
    isForClients(certificate) &&
    authorities.some(
      (authority) =>
        authority.ca &&
        isCurrent(authority, now) &&
        certificate.checkIssued(authority) &&
        certificate.verify(authority.publicKey),
    )
  )
}

export function isCurrent({ validFromDate, validToDate }: X509Certificate, now: Date): boolean {
  return validFromDate <= now && now <= validToDate
}

/** RFC 5280 §4.2.1.12: a certificate that names purposes is good for these only. */
function isForClients({ keyUsage }: X509Certificate): boolean {
  return keyUsage === undefined || keyUsage.includes(CLIENT_AUTHENTICATION)
}
