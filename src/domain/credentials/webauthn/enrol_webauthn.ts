import type { VerifiedRegistrationResponse } from '@simplewebauthn/server'
import type { Clock } from '../../../core/clock.ts'
import { newId } from '../../../core/ids.ts'
import { shortened } from '../../../core/text.ts'
import { factorAdded, type Origin } from '../../../platform/events/catalogue.ts'
import { appendEvent } from '../../../platform/events/outbox.ts'
import type { Keyring } from '../../../platform/keys/keyring.ts'
import { type Db, inTransaction, type Transaction } from '../../../platform/persistence/db.ts'
import type { Account } from '../../accounts/account.ts'
import { lockActiveAccount } from '../../accounts/account_store.ts'
import { type Challenge, consumeChallenge, issueChallenge, readChallenge } from './challenge.ts'
import {
  ALGORITHMS,
  type AttestationJson,
  CHALLENGE_TTL_S,
  isCrossOrigin,
  NAME_MAX,
  parseAttestation,
  type RelyingParty,
  type WebAuthnCredential,
} from './webauthn.ts'
import { insertWebAuthnCredential, listWebAuthnCredentials } from './webauthn_store.ts'

export type WebAuthnDeps = { db: Db; clock: Clock; keyring: Keyring; relyingParty: RelyingParty }

const MAX_PER_ACCOUNT = 20

/** `PublicKeyCredentialCreationOptionsJSON`: what the page hands to the browser. */
export async function enrolmentOptions(
  deps: WebAuthnDeps,
  { account, context, name }: { account: Account; context: readonly string[]; name: string },
): Promise<Record<string, unknown>> {
  const known = await listWebAuthnCredentials(deps.db, account.id)
  const called = account.email ?? account.username ?? account.id
  return {
    rp: { id: deps.relyingParty.id, name },
    user: {
      id: userHandleOf(deps.keyring, account.id).toString('base64url'),
      name: called,
      displayName: account.claims['name'] ?? called,
    },
    challenge: issueChallenge(deps, { purpose: 'enrol', context }),
    pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: 'public-key', alg })),
    timeout: CHALLENGE_TTL_S * 1000,
    // An authenticator that holds one of this account already says so instead of making another.
    excludeCredentials: known.map(({ credentialId, transports }) => ({
      type: 'public-key',
      id: credentialId.toString('base64url'),
      transports,
    })),
    authenticatorSelection: {
      residentKey: 'preferred',
      requireResidentKey: false,
      userVerification: 'preferred',
    },
    attestation: 'none',
    extensions: { credProps: true },
  }
}

/** The same for ever, and no way back to the account for whoever reads it off a lost key. */
function userHandleOf(keyring: Keyring, accountId: string): Buffer {
  return keyring.hash('webauthn_user_handle', accountId)
}

export type WebAuthnEnrolment =
  | { kind: 'enrolled'; credential: WebAuthnCredential }
  | { kind: 'refused'; reason: 'invalid' | 'expired' | 'known' | 'too_many' }

export type WebAuthnEnrolmentInput = {
  accountId: string
  /** What `enrolmentOptions` was made with. */
  context: readonly string[]
  /** As the browser sent it: JSON. */
  response: string
  /** What the person calls it; may be empty. */
  name?: string | undefined
  origin: Origin
}

/**
 * Checks what the authenticator made (WebAuthn L3 §7.1) and keeps it.
 *
 * @param and is done in the transaction that keeps it
 */
export async function enrolWebAuthn(
  deps: WebAuthnDeps,
  input: WebAuthnEnrolmentInput,
  and: (tx: Transaction, made: WebAuthnCredential) => Promise<void> = async () => {},
): Promise<WebAuthnEnrolment> {
  const { db } = deps
  const { accountId, origin } = input
  const checked = await check(deps, input)
  if (!checked) return { kind: 'refused', reason: 'invalid' }
  const { challenge, credential } = checked
  return await inTransaction<WebAuthnEnrolment>(db, async (tx) => {
    if (!(await lockActiveAccount(tx, accountId))) return { kind: 'refused', reason: 'expired' }
    if (!(await consumeChallenge(tx, challenge))) return { kind: 'refused', reason: 'expired' }
    const known = await listWebAuthnCredentials(tx, accountId)
    if (known.length >= MAX_PER_ACCOUNT) return { kind: 'refused', reason: 'too_many' }
    if (!(await insertWebAuthnCredential(tx, credential))) {
      return { kind: 'refused', reason: 'known' }
    }
    const fact = { accountId, factor: 'passkey', factorId: credential.id, ...origin }
    await appendEvent(tx, factorAdded(fact))
    await and(tx, credential)
    return { kind: 'enrolled', credential }
  })
}

async function check(
  deps: WebAuthnDeps,
  { accountId, context, response, name }: WebAuthnEnrolmentInput,
): Promise<{ challenge: Challenge; credential: WebAuthnCredential } | undefined> {
  const json = parseAttestation(response)
  if (!json || isCrossOrigin(json)) return undefined
  let challenge: Challenge | undefined
  const verified = await verify(deps, json, (text) => {
    challenge = readChallenge(deps, { purpose: 'enrol', context }, text)
    return challenge !== undefined
  })
  if (!verified?.verified || !challenge) return undefined
  const { credential, aaguid, userVerified, credentialDeviceType, credentialBackedUp } =
    verified.registrationInfo
  const now = deps.clock.now()
  return {
    challenge,
    credential: {
      id: newId(now.getTime()),
      accountId,
      credentialId: Buffer.from(credential.id, 'base64url'),
      userHandle: userHandleOf(deps.keyring, accountId),
      publicKey: Buffer.from(credential.publicKey),
      signCount: credential.counter,
      name: shortened(name ?? '', NAME_MAX),
      backupEligible: credentialDeviceType === 'multiDevice',
      backedUp: credentialBackedUp,
      userVerified,
      transports: json.response.transports,
      aaguid,
      createdAt: now,
    },
  }
}

/** Undefined where the library finds a fault: it throws for each. */
async function verify(
  { relyingParty }: WebAuthnDeps,
  response: AttestationJson,
  expectedChallenge: (challenge: string) => boolean,
): Promise<VerifiedRegistrationResponse | undefined> {
  // Twenty-seven megabytes, loaded where the first passkey is made or used.
  const { verifyRegistrationResponse } = await import('@simplewebauthn/server')
  try {
    return await verifyRegistrationResponse({
      response: { ...response, clientExtensionResults: {} } as never,
      expectedChallenge,
      expectedOrigin: relyingParty.origin,
      expectedRPID: relyingParty.id,
      requireUserVerification: false,
      supportedAlgorithmIDs: [...ALGORITHMS],
    })
  } catch {
    return undefined
  }
}
