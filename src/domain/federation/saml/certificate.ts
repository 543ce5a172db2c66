import { X509Certificate } from 'node:crypto'
import { SamlFault } from './fault.ts'

/**
 * Certificates in SAML carry keys and nothing else: who issued them, and until when, says nothing
 * (Metadata Interoperability Profile §2.6.1). Their keys have to be good enough.
 */

const MIN_RSA_BITS = 2048

/**
 * @param text PEM, or the base64 of the DER as metadata has it
 * @throws SamlFault by `certificate`
 */
export function readCertificate(text: string): X509Certificate {
  const certificate = parse(text)
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey
  if (asymmetricKeyType !== 'rsa') {
    throw new SamlFault('certificate', `its key is ${asymmetricKeyType}, and only RSA is supported`)
  }
  if ((asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS) {
    throw new SamlFault('certificate', `its key has less than ${MIN_RSA_BITS} bits`)
  }
  return certificate
}

function parse(text: string): X509Certificate {
  try {
    const isPem = text.includes('-----BEGIN CERTIFICATE-----')
    return new X509Certificate(isPem ? text : Buffer.from(text.replace(/\s/g, ''), 'base64'))
  } catch {
    throw new SamlFault('certificate', 'it cannot be read as X.509 in PEM or base64')
  }
}
