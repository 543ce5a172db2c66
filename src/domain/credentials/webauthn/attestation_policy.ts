import { X509Certificate } from 'node:crypto'
import type { Clock } from '../../../core/clock.ts'
import { leadsToAnchor } from '../../../platform/certificates/chain.ts'
import type { AuthenticatorMetadata, Metadata } from './metadata_blob.ts'
import type { WebAuthnCredential } from './webauthn.ts'

/**
 * Which authenticators may make passkeys: those whose maker vouches for them in the metadata, and that
 * the deployment lists where it lists any. Absent where any may.
 */
export type AttestationPolicy = {
  judge(attestation: Attestation): Verdict
  /** Whether a key may be said to be in hardware now: a model may fall from grace after it was enrolled. */
  isInHardware(
    key: Pick<WebAuthnCredential, 'aaguid' | 'hardwareAttested' | 'backupEligible'>,
  ): boolean
}

/** What an authenticator sent, with a signature that the library has found right. */
export type Attestation = {
  /** WebAuthn L3 §8. */
  format: string
  aaguid: string
  /** DER of the certificates, the authenticator's own first; undefined where there are none. */
  certificates: readonly Uint8Array[] | undefined
}

export type Verdict =
  | { kind: 'allowed'; description: string; inHardware: boolean }
  | { kind: 'refused'; reason: AttestationFault }

export type AttestationFault =
  /** The browser or its owner kept it back, or there is none. */
  | 'no_attestation'
  /** Signed by the new key alone: nobody vouches for it. */
  | 'self_attestation'
  | 'unsupported_format'
  | 'not_listed'
  | 'unknown_authenticator'
  | 'compromised_authenticator'
  | 'untrusted_chain'

/** Those that name the model and carry a chain; `fido-u2f` names none, SafetyNet is gone. */
const FORMATS = new Set(['packed', 'tpm', 'android-key', 'apple'])

/** MDS 3.0 §3.1.4; each says that a key of this model may be somebody else's. */
const COMPROMISED = new Set([
  'REVOKED',
  'USER_KEY_PHYSICAL_COMPROMISE',
  'USER_KEY_REMOTE_COMPROMISE',
  'ATTESTATION_KEY_COMPROMISE',
  'USER_VERIFICATION_BYPASS',
])

/** FIDO Registry §3.2. A trusted execution environment is hardware apart from what an owner installs. */
const IN_HARDWARE = ['hardware', 'secure_element', 'tee']
const BY_CHAIN = ['basic_full', 'attca', 'anonca']

export function createAttestationPolicy({
  metadata,
  listed,
  clock,
}: {
  metadata(): Metadata
  /** AAGUIDs in lower case; empty for all that the metadata knows. */
  listed: readonly string[]
  clock: Clock
}): AttestationPolicy {
  const modelOf = (aaguid: string) => {
    if (listed.length > 0 && !listed.includes(aaguid)) return 'not_listed'
    const model = metadata().authenticators.get(aaguid)
    if (!model) return 'unknown_authenticator'
    if (model.statuses.some((status) => COMPROMISED.has(status))) return 'compromised_authenticator'
    return model
  }
  return {
    judge(attestation) {
      const { aaguid, certificates, format } = attestation
      const refused = (reason: AttestationFault): Verdict => ({ kind: 'refused', reason })
      if (format === 'none') return refused('no_attestation')
      if (!FORMATS.has(format)) return refused('unsupported_format')
      if (!certificates || certificates.length === 0) return refused('self_attestation')
      const model = modelOf(aaguid)
      if (typeof model === 'string') return refused(model)
      if (!isVouchedFor(model, certificates, clock.now())) return refused('untrusted_chain')
      return { kind: 'allowed', description: model.description, inHardware: protects(model) }
    },
    isInHardware({ aaguid, hardwareAttested, backupEligible }) {
      if (!hardwareAttested || backupEligible) return false
      const model = modelOf(aaguid)
      return typeof model !== 'string' && protects(model)
    },
  }
}

function protects({ keyProtection }: AuthenticatorMetadata): boolean {
  return (
    IN_HARDWARE.some((kind) => keyProtection.includes(kind)) && !keyProtection.includes('software')
  )
}

function isVouchedFor(
  { roots, attestationTypes }: AuthenticatorMetadata,
  certificates: readonly Uint8Array[],
  now: Date,
): boolean {
  if (!BY_CHAIN.some((type) => attestationTypes.includes(type))) return false
  try {
    const chain = certificates.map((der) => new X509Certificate(der))
    const anchors = roots.map((der) => new X509Certificate(Buffer.from(der, 'base64')))
    return leadsToAnchor(chain, anchors, now)
  } catch {
    // What is no certificate vouches for nothing.
    return false
  }
}
