import { type Origin, signInFailed } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { inTransaction } from '../../platform/persistence/db.ts'
import { lockActiveAccount } from '../accounts/account_store.ts'
import type { WebAuthnDeps } from '../credentials/webauthn/enrol_webauthn.ts'
import { type AssertionUse, verifyAssertion } from '../credentials/webauthn/verify_webauthn.ts'
import { webAuthnMethod } from './assurance.ts'
import { type ProofDeps, recordProof } from './record_proof.ts'

export type PasskeySignInInput = {
  /** As the browser sent it: JSON. */
  response: string
  interactionUid: string
  clientId: string
  remember: boolean
  /** The accounts that this browser has signed in to before. */
  deviceKnownFor?: readonly string[]
  origin: Origin
}

export type PasskeySignInResult = { kind: 'signed_in'; accountId: string } | { kind: 'refused' }

/** What a passkey is asked to sign where it says who signs in. */
export function passkeyUse(interactionUid: string): AssertionUse {
  return { purpose: 'sign_in', context: [interactionUid] }
}

/**
 * One try to sign in with a passkey alone. It cannot be guessed, so nothing is counted against the
 * account: whoever keeps trying with keys of their own locks nobody out. The same answer whatever was
 * wrong; the trail alone knows which it was.
 */
export async function signInWithPasskey(
  deps: WebAuthnDeps & ProofDeps,
  { response, interactionUid, clientId, remember, deviceKnownFor, origin }: PasskeySignInInput,
): Promise<PasskeySignInResult> {
  const { db, clock } = deps
  const result = await verifyAssertion(deps, passkeyUse(interactionUid), response)
  const refuse = async (reason: string, accountId?: string): Promise<PasskeySignInResult> => {
    await appendEvent(db, signInFailed({ accountId, clientId, reason, ...origin }))
    return { kind: 'refused' }
  }
  if (result.kind === 'refused') return await refuse(result.reason, result.accountId)
  const { credential, userVerified, inHardware, consume } = result
  const { accountId, backupEligible } = credential
  const signedIn = await inTransaction(db, async (tx) => {
    if (!(await lockActiveAccount(tx, accountId)) || !(await consume(tx))) return false
    const base = { accountId, methods: [], remember, authenticatedAt: clock.now() }
    const method = webAuthnMethod({ backupEligible, userVerified, inHardware })
    await recordProof(deps, tx, {
      interactionUid,
      clientId,
      base,
      method,
      deviceKnownFor,
      origin,
    })
    return true
  })
  return signedIn ? { kind: 'signed_in', accountId } : await refuse('passkey_not_usable', accountId)
}
