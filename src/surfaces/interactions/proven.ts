import type { Context } from 'koa'
import type { Client as EngineClient } from 'oidc-provider'
import { methodsOfAmr } from '../../domain/authentication/assurance.ts'
import type { Attempt } from '../../domain/authentication/attempt_store.ts'
import { isFactorOfferPostponed } from '../../domain/authentication/offer_factor.ts'
import type { Proven } from '../../domain/authentication/record_proof.ts'
import {
  type FactorState,
  type MfaPolicy,
  needsHardware,
} from '../../domain/authentication/second_factor.ts'
import { listSecondFactors, type SecondFactor } from '../../domain/credentials/factor_store.ts'
import { listWebAuthnCredentials } from '../../domain/credentials/webauthn/webauthn_store.ts'
import { isTrustedDevice } from '../../domain/sessions/trusted_device.ts'
import type { EngineInteraction } from './interaction.ts'
import type { InteractionDeps } from './mount.ts'
import { trustedDeviceTokens } from './trusted_device_cookie.ts'

/**
 * What was proven in this interaction; or, where the sign-in before it is too weak and nothing else
 * is the matter with it, in that one. Where a new sign-in is asked for (`prompt`, `max_age`) an older
 * one proves nothing.
 */
export async function provenBefore(
  deps: InteractionDeps,
  { prompt, session }: EngineInteraction,
  attempt: Attempt | undefined,
): Promise<Proven | undefined> {
  if (attempt) return attempt
  const stepUp = prompt.name === 'login' && prompt.reasons.every((reason) => reason === 'step_up')
  if (!stepUp || !session?.uid) return undefined
  const before = await deps.provider().Session.findByUid(session.uid)
  if (!before?.accountId || before.accountId !== session.accountId) return undefined
  const methods = methodsOfAmr(before.amr ?? [])
  if (methods.length === 0 || before.loginTs === undefined) return undefined
  return {
    accountId: before.accountId,
    methods,
    remember: !before.transient,
    // RFC 9470 §4 looks at the time too: the factor that is added does not renew the first one.
    authenticatedAt: new Date(before.loginTs * 1000),
  }
}

export async function factorState(
  deps: InteractionDeps,
  ctx: Context,
  input: {
    proven: Proven
    /** What is known already of the factors of whoever proved it. */
    known: SecondFactor[] | undefined
    details: EngineInteraction
    client: EngineClient
  },
): Promise<FactorState> {
  const { accountId, methods, risk } = input.proven
  const enrolled = input.known ?? (await listSecondFactors(deps, accountId))
  const neededAcr = deps.neededAcr(input.details.params, input.client)
  const policy = (input.client['mfa_policy'] as MfaPolicy | undefined) ?? deps.mfa
  const tokens = policy === 'never' ? [] : trustedDeviceTokens(ctx)
  return {
    methods,
    neededAcr,
    hardwarePasskey: needsHardware({ neededAcr }) && (await hasHardwarePasskey(deps, accountId)),
    policy,
    enrolled,
    passkeys: deps.relyingParty !== undefined,
    riskAsks: risk?.asks === 'factor',
    offerPostponed:
      policy === 'optional' &&
      enrolled.length === 0 &&
      (await isFactorOfferPostponed(deps, accountId)),
    deviceTrusted: enrolled.length > 0 && (await isTrustedDevice(deps, { accountId, tokens })),
  }
}

async function hasHardwarePasskey(
  { db, passkeyAttestation }: InteractionDeps,
  accountId: string,
): Promise<boolean> {
  const keys = await listWebAuthnCredentials(db, accountId)
  return keys.some((key) => passkeyAttestation?.isInHardware(key))
}
