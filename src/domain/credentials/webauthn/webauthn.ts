import { isIP } from 'node:net'
import { z } from 'zod'

/**
 * Passkeys and security keys (Web Authentication Level 3): key pairs that sign for this very site and
 * no other, so that there is nothing to type into a page that looks like it. This folder owns the key,
 * its enrolment and its check; what a signature is worth is decided in `authentication`.
 */
export type WebAuthnCredential = {
  id: string
  accountId: string
  /** As the authenticator calls it: up to 1023 bytes. */
  credentialId: Buffer
  /** What the authenticator tells us about whose it is: 32 bytes that name nobody. */
  userHandle: Buffer
  /** COSE_Key. */
  publicKey: Buffer
  signCount: number
  /** As the person called it. */
  name: string
  /** It may be copied to other devices of its owner; otherwise it is bound to the one. Never changes. */
  backupEligible: boolean
  /** It has been copied. */
  backedUp: boolean
  /** Its owner has proven to the authenticator who they are (PIN, finger, face): `uvInitialized`. */
  userVerified: boolean
  transports: string[]
  /** The model of its authenticator, as that says. */
  aaguid: string
  /** The maker vouched, when it was enrolled, that the key is in hardware. */
  hardwareAttested: boolean
  createdAt: Date
  lastUsedAt?: Date | undefined
}

/**
 * Whether it is copied between devices, stays on one, is in hardware that its maker vouched for, or
 * only stands beside a password.
 */
export function passkeySortOf({
  backupEligible,
  hardwareAttested,
  userVerified,
}: Pick<WebAuthnCredential, 'backupEligible' | 'hardwareAttested' | 'userVerified'>): PasskeySort {
  if (!userVerified) return 'key'
  if (backupEligible) return 'synced'
  return hardwareAttested ? 'hardware' : 'device'
}

export type PasskeySort = 'synced' | 'device' | 'hardware' | 'key'

/** Whose signatures we ask for. */
export type RelyingParty = { id: string; origin: string }

/** Undefined where the issuer has an address instead of a name: browsers make no keys for those. */
export function relyingPartyOf(issuer: string): RelyingParty | undefined {
  const { hostname, origin } = new URL(issuer)
  return isIP(hostname.replace(/^\[|\]$/g, '')) === 0 ? { id: hostname, origin } : undefined
}

/** Ed25519, ECDSA on P-256 and RSASSA-PKCS1-v1_5, each with SHA-2; the order is ours. */
export const ALGORITHMS: readonly number[] = [-8, -7, -257]

/** How long a page may wait for the authenticator, and its challenge for an answer. */
export const CHALLENGE_TTL_S = 900

/** WebAuthn L3 §7.1 step 25. */
const CREDENTIAL_ID_MAX_BYTES = 1023
export const NAME_MAX = 60
/** What browsers send is some hundred bytes, with an attestation some thousand. */
export const CREDENTIAL_JSON_MAX = 50_000

const base64url = (maxBytes: number) =>
  z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/)
    .max(Math.ceil((maxBytes * 4) / 3))

const credentialId = base64url(CREDENTIAL_ID_MAX_BYTES)

/** `AuthenticationResponseJSON`, of which nothing else is read. */
const assertionSchema = z.object({
  id: credentialId,
  rawId: credentialId,
  type: z.literal('public-key'),
  response: z.object({
    clientDataJSON: base64url(4096),
    authenticatorData: base64url(4096),
    signature: base64url(2048),
    userHandle: base64url(64).nullish(),
  }),
})

/** `RegistrationResponseJSON`, of which nothing else is read. */
const attestationSchema = z.object({
  id: credentialId,
  rawId: credentialId,
  type: z.literal('public-key'),
  response: z.object({
    clientDataJSON: base64url(4096),
    attestationObject: base64url(32_768),
    transports: z.array(z.string().max(20)).max(10).default([]),
  }),
})

export type AssertionJson = z.infer<typeof assertionSchema>
export type AttestationJson = z.infer<typeof attestationSchema>

/** What the browser sent, as text; undefined where it is not one. */
export function parseAssertion(text: string): AssertionJson | undefined {
  return parseWith(assertionSchema, text)
}

export function parseAttestation(text: string): AttestationJson | undefined {
  return parseWith(attestationSchema, text)
}

function parseWith<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

/**
 * Whether the browser made it in a page of another site, in which ours was only a frame. None of our
 * pages lets itself be framed (WebAuthn L3 §7.1 step 10, §7.2 step 14).
 */
export function isCrossOrigin({ response }: AssertionJson | AttestationJson): boolean {
  try {
    const data = JSON.parse(Buffer.from(response.clientDataJSON, 'base64url').toString('utf8'))
    return data?.crossOrigin === true || data?.topOrigin !== undefined
  } catch {
    return true
  }
}
