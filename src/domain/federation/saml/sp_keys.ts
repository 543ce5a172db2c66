import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { SamlFault } from './fault.ts'
import type { SamlSettings } from './settings.ts'

/** Our key pair at this connection: one signs, both decrypt and are published. */
export type SpKeys = {
  /** PEM, PKCS #8. Never in a log or an error. */
  privateKey: string
  signing: KeyObject
  decryption: readonly KeyObject[]
  /** PEM, that of `privateKey` first. */
  certificates: readonly string[]
}

/** @throws SamlFault by `sp_key`, without any part of a key */
export function readSpKeys(
  settings: Pick<SamlSettings, 'sp_certificate' | 'sp_certificate_next'>,
  secrets: Readonly<Record<string, string>>,
): SpKeys {
  const current = pair('sp_private_key', secrets['sp_private_key'], settings.sp_certificate)
  const { sp_certificate_next: nextCertificate } = settings
  const nextKey = secrets['sp_private_key_next']
  if ((nextCertificate === undefined) !== (nextKey === undefined)) {
    throw new SamlFault('sp_key', 'sp_certificate_next and sp_private_key_next go together')
  }
  const next = nextCertificate ? [pair('sp_private_key_next', nextKey, nextCertificate)] : []
  return {
    privateKey: current.key.export({ type: 'pkcs8', format: 'pem' }) as string,
    signing: current.key,
    decryption: [current, ...next].map(({ key }) => key),
    certificates: [current, ...next].map(({ certificate }) => certificate),
  }
}

function pair(name: string, pem: string | undefined, certificate: string) {
  const key = privateKey(name, pem)
  if (!new X509Certificate(certificate).checkPrivateKey(key)) {
    throw new SamlFault('sp_key', `${name} is not the key of its certificate`)
  }
  return { key, certificate }
}

function privateKey(name: string, pem: string | undefined): KeyObject {
  if (pem === undefined) throw new SamlFault('sp_key', `${name} is missing`)
  try {
    return createPrivateKey(pem)
  } catch {
    throw new SamlFault('sp_key', `${name} cannot be read as a private key in PEM`)
  }
}
