import type { VerifiedRegistrationResponse } from '@simplewebauthn/server'
import type { Clock } from '../../../core/clock.ts'
import { newId } from '../../../core/ids.ts'
import { shortened } from '../../../core/text.ts'
import { factorAdded, factorRefused, type Origin } from '../../../platform/events/catalogue.ts'
import { appendEvent } from '../../../platform/events/outbox.ts'
import type { Keyring } from '../../../platform/keys/keyring.ts'
import { type Db, inTransaction, type Transaction } from '../../../platform/persistence/db.ts'
import type { Account } from '../../accounts/account.ts'
import { lockActiveAccount } from '../../accounts/account_store.ts'
import { signInNameOf } from '../../accounts/account_view.ts'
import { resetFactorTries } from '../factor_store.ts'
import type { AttestationFault, AttestationPolicy } from './attestation_policy.ts'
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

export type WebAuthnDeps = {
  db: Db
  clock: Clock
  keyring: Keyring
  relyingParty: RelyingParty
  /** Absent where any authenticator may be enrolled, and none is asked who made it. */
  passkeyAttestation?: AttestationPolicy | undefined
}

const MAX_PER_ACCOUNT = 20

/** `PublicKeyCredentialCreationOptionsJSON`: what the page hands to the browser. */
export async function enrolmentOptions(
  deps: WebAuthnDeps,
  {
    account,
    context,
    name,
    inHardware = false,
  }: { account: Account; context: readonly string[]; name: string; inHardware?: boolean },
): Promise<Record<string, unknown>> {
  const known = await listWebAuthnCredentials(deps.db, account.id)
  const called = signInNameOf(account)
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
      userVerification: inHardware ? 'required' : 'preferred',
    },
    attestation: deps.passkeyAttestation ? 'direct' : 'none',
    extensions: { credProps: true },
  }
}

/** The same for ever, and no way back to the account for whoever reads it off a lost key. */
function userHandleOf(keyring: Keyring, accountId: string): Buffer {
  return keyring.hash('webauthn_user_handle', accountId)
}

export type WebAuthnEnrolment =
  | { kind: 'enrolled'; credential: WebAuthnCredential }
  | { kind: 'refused'; reason: 'invalid' | 'expired' | 'known' | 'too_many' | 'not_allowed' }

export type WebAuthnEnrolmentInput = {
  accountId: string
  /** What `enrolmentOptions` was made with. */
  context: readonly string[]
  /** As the browser sent it: JSON. */
  response: string
  /** What the person calls it; where that is nothing, what its maker does, as far as that is attested. */
  name?: string | undefined
  /** Nothing less will do than a key in hardware, opened by its owner. */
  inHardware?: boolean
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
  if (checked.kind === 'invalid') return { kind: 'refused', reason: 'invalid' }
  if (checked.kind === 'not_allowed') return await notAllowed(deps, input, checked)
  const { challenge, credential } = checked
  return await inTransaction<WebAuthnEnrolment>(db, async (tx) => {
    if (!(await lockActiveAccount(tx, accountId))) return { kind: 'refused', reason: 'expired' }
    if (!(await consumeChallenge(tx, challenge))) return { kind: 'refused', reason: 'expired' }
    const known = await listWebAuthnCredentials(tx, accountId)
    if (known.length >= MAX_PER_ACCOUNT) return { kind: 'refused', reason: 'too_many' }
    if (!(await insertWebAuthnCredential(tx, credential))) {
      return { kind: 'refused', reason: 'known' }
    }
    await resetFactorTries(tx, accountId, 'webauthn')
    const fact = { accountId, factor: 'passkey', factorId: credential.id, ...origin }
    await appendEvent(tx, factorAdded(fact))
    await and(tx, credential)
    return { kind: 'enrolled', credential }
  })
}

/** Told, and the challenge used up: a page leaves one such event at most. */
async function notAllowed(
  { db }: WebAuthnDeps,
  { accountId, origin }: WebAuthnEnrolmentInput,
  { challenge, reason, aaguid }: NotAllowed,
): Promise<WebAuthnEnrolment> {
  return await inTransaction<WebAuthnEnrolment>(db, async (tx) => {
    if (!(await consumeChallenge(tx, challenge))) return { kind: 'refused', reason: 'expired' }
    const fact = { accountId, factor: 'passkey', reason, ...(aaguid ? { aaguid } : {}), ...origin }
    await appendEvent(tx, factorRefused(fact))
    return { kind: 'refused', reason: 'not_allowed' }
  })
}

type NotAllowed = {
  kind: 'not_allowed'
  challenge: Challenge
  reason: AttestationFault | 'invalid_attestation' | 'not_in_hardware'
  aaguid?: string
}

type Checked =
  | { kind: 'good'; challenge: Challenge; credential: WebAuthnCredential }
  | { kind: 'invalid' }
  | NotAllowed

async function check(deps: WebAuthnDeps, input: WebAuthnEnrolmentInput): Promise<Checked> {
  const json = parseAttestation(input.response)
  if (!json || isCrossOrigin(json)) return { kind: 'invalid' }
  let challenge: Challenge | undefined
  const verified = await verify(deps, json, (text) => {
    challenge = readChallenge(deps, { purpose: 'enrol', context: input.context }, text)
    return challenge !== undefined
  })
  if (!challenge) return { kind: 'invalid' }
  if (!verified?.verified) {
    // Among what the library finds are faults of the attestation, which another try does not mend.
    return deps.passkeyAttestation
      ? { kind: 'not_allowed', challenge, reason: 'invalid_attestation' }
      : { kind: 'invalid' }
  }
  return await judged(deps, input, { challenge, json, info: verified.registrationInfo })
}

type RegistrationInfo = NonNullable<VerifiedRegistrationResponse['registrationInfo']>

async function judged(
  deps: WebAuthnDeps,
  input: WebAuthnEnrolmentInput,
  found: { challenge: Challenge; json: AttestationJson; info: RegistrationInfo },
): Promise<Checked> {
  const { challenge, json, info } = found
  const { aaguid } = info
  const verdict = deps.passkeyAttestation?.judge({
    format: info.fmt,
    aaguid,
    certificates: await certificatesIn(info.attestationObject),
  })
  if (verdict?.kind === 'refused') {
    return { kind: 'not_allowed', challenge, reason: verdict.reason, aaguid }
  }
  const synced = info.credentialDeviceType === 'multiDevice'
  const hardwareAttested = verdict?.inHardware === true && !synced
  if (input.inHardware && !(hardwareAttested && info.userVerified)) {
    return { kind: 'not_allowed', challenge, reason: 'not_in_hardware', aaguid }
  }
  const now = deps.clock.now()
  const credential: WebAuthnCredential = {
    id: newId(now.getTime()),
    accountId: input.accountId,
    credentialId: Buffer.from(info.credential.id, 'base64url'),
    userHandle: userHandleOf(deps.keyring, input.accountId),
    publicKey: Buffer.from(info.credential.publicKey),
    signCount: info.credential.counter,
    name: shortened(input.name ?? '', NAME_MAX) || shortened(verdict?.description ?? '', NAME_MAX),
    backupEligible: synced,
    backedUp: info.credentialBackedUp,
    userVerified: info.userVerified,
    transports: json.response.transports,
    aaguid,
    hardwareAttested,
    createdAt: now,
  }
  return { kind: 'good', challenge, credential }
}

/** `x5c` of the attestation statement (WebAuthn L3 §8.2); undefined where it has none. */
async function certificatesIn(attestation: Uint8Array): Promise<Uint8Array[] | undefined> {
  const { decodeAttestationObject } = await import('@simplewebauthn/server/helpers')
  return decodeAttestationObject(Uint8Array.from(attestation)).get('attStmt').get('x5c')
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
