import { createECDH } from 'node:crypto'
import type { Keyring } from '../../../platform/keys/keyring.ts'

/**
 * The key pair by which push services know this deployment again (RFC 8292 §2), derived from the hash
 * key: every process has the same one and nothing is stored. With another hash key browsers have to
 * be asked anew, as everybody is signed out then.
 */
export type VapidKey = {
  /** P-256, uncompressed, base64url: what browsers subscribe for. */
  publicKey: string
  /** Base64url. */
  privateKey: string
}

export function deriveVapidKey(keyring: Pick<Keyring, 'derive'>): VapidKey {
  const ecdh = createECDH('prime256v1')
  // Of 2^32 derived numbers one is not below the order of the curve, and no private key.
  for (let attempt = 0; ; attempt += 1) {
    try {
      ecdh.setPrivateKey(keyring.derive(`vapid:${attempt}`))
      break
    } catch (error) {
      if (attempt > 3) throw error
    }
  }
  return {
    publicKey: ecdh.getPublicKey().toString('base64url'),
    privateKey: ecdh.getPrivateKey().toString('base64url'),
  }
}
