import type { VerifiedAuthenticationResponse } from '@simplewebauthn/server'
import type { Transaction } from '../../../platform/persistence/db.ts'
import {
  type Challenge,
  type ChallengeUse,
  consumeChallenge,
  issueChallenge,
  readChallenge,
} from './challenge.ts'
import type { WebAuthnDeps } from './enrol_webauthn.ts'
import {
  type AssertionJson,
  CHALLENGE_TTL_S,
  isCrossOrigin,
  parseAssertion,
  type WebAuthnCredential,
} from './webauthn.ts'
import {
  findWebAuthnCredential,
  listWebAuthnCredentials,
  touchWebAuthnCredential,
} from './webauthn_store.ts'

/**
 * What is asked of the authenticator: a passkey of whomever, with its owner's finger, face or PIN; or
 * any key of an account that has proven something else already.
 */
export type AssertionUse = ChallengeUse & {
  /** Who has proven something else; undefined where the passkey says who it is. */
  accountId?: string | undefined
  /** Nothing less will do than a key in hardware, opened by its owner. */
  inHardware?: boolean
}

/** `PublicKeyCredentialRequestOptionsJSON`: what the page hands to the browser. */
export async function assertionOptions(
  deps: WebAuthnDeps,
  { accountId, inHardware = false, ...use }: AssertionUse,
): Promise<Record<string, unknown>> {
  const all = accountId ? await listWebAuthnCredentials(deps.db, accountId) : []
  const known = inHardware ? all.filter((key) => deps.passkeyAttestation?.isInHardware(key)) : all
  return {
    rpId: deps.relyingParty.id,
    challenge: issueChallenge(deps, use),
    timeout: CHALLENGE_TTL_S * 1000,
    userVerification: accountId && !inHardware ? 'preferred' : 'required',
    // Empty where nobody is known yet: a list would tell strangers who has which keys.
    allowCredentials: known.map(({ credentialId, transports }) => ({
      type: 'public-key',
      id: credentialId.toString('base64url'),
      transports,
    })),
  }
}

export type Assertion =
  | {
      kind: 'verified'
      credential: WebAuthnCredential
      /** Its owner has proven to the authenticator who they are, now and when it was made ours. */
      userVerified: boolean
      /** Its maker vouches for that, and is still believed. */
      inHardware: boolean
      /**
       * Uses up challenge and counter, in the transaction of what they allow. False where another
       * request was faster, or the counter stood still: a copy of the key is about.
       */
      consume(tx: Transaction): Promise<boolean>
    }
  | { kind: 'refused'; reason: AssertionFault; accountId?: string | undefined }

export type AssertionFault =
  | 'malformed'
  | 'unknown_passkey'
  | 'foreign_passkey'
  | 'invalid_signature'
  | 'user_not_verified'
  | 'backup_changed'
  | 'counter_regressed'

/**
 * Checks a signature (WebAuthn L3 §7.2), among it what the library leaves to us: that the challenge
 * was for this page and is used once, that the key belongs to whom it says, that it has not turned
 * from one bound to a device into one that is copied, and that its counter goes on.
 */
export async function verifyAssertion(
  deps: WebAuthnDeps,
  { accountId, inHardware: _, ...use }: AssertionUse,
  text: string,
): Promise<Assertion> {
  const json = parseAssertion(text)
  if (!json || isCrossOrigin(json)) return { kind: 'refused', reason: 'malformed', accountId }
  const credential = await findWebAuthnCredential(deps.db, Buffer.from(json.id, 'base64url'))
  if (!credential) return { kind: 'refused', reason: 'unknown_passkey', accountId }
  const owner = credential.accountId
  const refused = (reason: AssertionFault): Assertion => ({
    kind: 'refused',
    reason,
    accountId: owner,
  })
  if (!belongsTo(credential, accountId, json)) return refused('foreign_passkey')
  let challenge: Challenge | undefined
  const info = await verify(deps, { json, credential }, (said) => {
    challenge = readChallenge(deps, use, said)
    return challenge !== undefined
  })
  if (!info || !challenge) return refused('invalid_signature')
  const eligible = info.credentialDeviceType === 'multiDevice'
  if (eligible !== credential.backupEligible) return refused('backup_changed')
  const { newCounter: signCount, credentialBackedUp: backedUp } = info
  const counts = signCount > 0 || credential.signCount > 0
  if (counts && signCount <= credential.signCount) return refused('counter_regressed')
  // Beside another factor a key may begin to verify its owner; alone it has to have done so before.
  const userVerified = info.userVerified && (credential.userVerified || accountId !== undefined)
  if (!userVerified && accountId === undefined) return refused('user_not_verified')
  const used = challenge
  return {
    kind: 'verified',
    credential,
    userVerified,
    inHardware: deps.passkeyAttestation?.isInHardware(credential) ?? false,
    consume: async (tx) => {
      const touched = { id: credential.id, signCount, backedUp, userVerified }
      return (
        (await consumeChallenge(tx, used)) &&
        (await touchWebAuthnCredential(tx, { ...touched, now: deps.clock.now() }))
      )
    },
  }
}

/** WebAuthn L3 §7.2 step 6: it has to say whose it is where nobody is known yet, and never lie. */
function belongsTo(
  { accountId: owner, userHandle }: WebAuthnCredential,
  accountId: string | undefined,
  { response }: AssertionJson,
): boolean {
  if (accountId !== undefined && accountId !== owner) return false
  if (!response.userHandle) return accountId !== undefined
  return Buffer.from(response.userHandle, 'base64url').equals(userHandle)
}

/** Undefined where the library finds a fault: it throws for each. */
async function verify(
  { relyingParty }: WebAuthnDeps,
  { json, credential }: { json: AssertionJson; credential: WebAuthnCredential },
  expectedChallenge: (challenge: string) => boolean,
): Promise<VerifiedAuthenticationResponse['authenticationInfo'] | undefined> {
  const { verifyAuthenticationResponse } = await import('@simplewebauthn/server')
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: { ...json, clientExtensionResults: {} } as never,
      expectedChallenge,
      expectedOrigin: relyingParty.origin,
      expectedRPID: relyingParty.id,
      credential: {
        id: json.id,
        publicKey: Uint8Array.from(credential.publicKey),
        // Compared by us: a copied key is a fact for the trail, not one fault among others.
        counter: 0,
      },
      requireUserVerification: false,
    })
    return verified ? authenticationInfo : undefined
  } catch {
    return undefined
  }
}
