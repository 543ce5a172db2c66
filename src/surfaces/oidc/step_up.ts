import { type Client, errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider'
import {
  acrValues,
  MULTI_FACTOR_ACR,
  meetsAcr,
  PHISHING_RESISTANT_ACR,
} from '../../domain/authentication/assurance.ts'
import type { MfaPolicy } from '../../domain/authentication/second_factor.ts'
import { relyingPartyOf } from '../../domain/credentials/webauthn/webauthn.ts'
import type { Config } from '../../platform/config/schema.ts'
import { effectiveConfiguration } from './internals.ts'

/**
 * What a request wants of the sign-in, and whether the one at hand is enough. What is asked for is
 * done or refused: an `acr` that is lower than what was asked for is never given in silence (RFC 9470
 * §5, OpenID Connect Core §5.5.1.1).
 *
 * The engine compares essential claims only, and forgets them where `acr_values` are sent too.
 */

type Params = Readonly<Record<string, unknown>> | undefined

/**
 * True where a sign-in would help. Another one would not where nothing that is asked for can be
 * reached, or this one was made for the request.
 *
 * @throws UnmetAuthenticationRequirements
 */
export function needsStepUp({ oidc }: KoaContextWithOIDC): boolean {
  const { params, client, session, provider } = oidc
  if (isStrongEnough(params, client, session?.acr)) return false
  if (!canBeStrongEnough(params, client, provider) || oidc.result?.login) {
    throw new errors.UnmetAuthenticationRequirements('none of the requested ACRs can be obtained')
  }
  return true
}

/**
 * Whoever asks for a class as an essential claim gets one of those that it named (OpenID Connect Core
 * §5.5.1.1), also of somebody whose sign-in was stronger: the strongest of them that it reaches.
 */
export function reportRequestedAcr({ oidc }: KoaContextWithOIDC): void {
  const acr = oidc.session?.acr
  const values = essentialAcr(oidc.params?.['claims'])
  if (acr === undefined || values.length === 0 || values.includes(acr)) return
  const reached = values.filter((value) => meetsAcr(acr, [value]))
  const value = reached.find((each) => reached.every((other) => meetsAcr(each, [other])))
  // The engine reads it here, for the ID token and for what later ones are made of.
  if (value !== undefined) Object.defineProperty(oidc, 'acr', { value, configurable: true })
}

/** Whether a sign-in of this class is what the request and the registration of its client want. */
export function isStrongEnough(
  params: Params,
  client: Client | undefined,
  acr: string | undefined,
): boolean {
  return wantedBy(params, client).every((values) => meetsAcr(acr, values))
}

/** Whether anybody's could be, here. */
export function canBeStrongEnough(
  params: Params,
  client: Client | undefined,
  provider: Provider,
): boolean {
  return neededAcr(params, client, provider) !== undefined
}

/** The weakest class with which the request and its client are content; undefined where none will do. */
export function neededAcr(
  params: Params,
  client: Client | undefined,
  provider: Provider,
): string | undefined {
  const reachable = effectiveConfiguration(provider)['acrValues'] as Iterable<string>
  return [...reachable].find((acr) => isStrongEnough(params, client, acr))
}

/** What can be reached in this deployment, the weakest first. */
export function reachableAcrValues({ server, passkeys }: Config): string[] {
  return acrValues({
    passkeys: relyingPartyOf(server.issuer) !== undefined,
    attestation: passkeys.attestation === 'direct',
  })
}

/** Each list is met by one of its classes, or a stronger one. */
function wantedBy(params: Params, client: Client | undefined): string[][] {
  // The engine has filled in `default_acr_values` where the request names none.
  const asked = String(params?.['acr_values'] ?? '').split(' ')
  const minimum = client?.['minimum_acr'] as string | undefined
  const policy = client?.['mfa_policy'] as MfaPolicy | undefined
  return [
    essentialAcr(params?.['claims']),
    asked.filter(Boolean),
    minimum === undefined ? [] : [minimum],
    policy === undefined ? [] : ACR_OF_POLICY[policy],
  ]
}

/** What a client requires is asked of a session that stands as well. */
const ACR_OF_POLICY: Readonly<Record<MfaPolicy, string[]>> = {
  never: [],
  when_enrolled: [],
  optional: [],
  required: [MULTI_FACTOR_ACR],
  phishing_resistant: [PHISHING_RESISTANT_ACR],
}

type AcrRequest = { essential?: boolean; value?: string; values?: unknown } | null

/** Of the `claims` parameter, which the engine has found to be JSON of the right shape. */
function essentialAcr(claims: unknown): string[] {
  if (typeof claims !== 'string') return []
  const { id_token } = JSON.parse(claims) as { id_token?: { acr?: AcrRequest } | null }
  const acr = id_token?.acr
  if (!acr?.essential) return []
  if (acr.values !== undefined && !Array.isArray(acr.values)) {
    throw new errors.InvalidRequest('invalid claims.id_token.acr.values type')
  }
  return [acr.value ?? acr.values ?? []].flat().map(String)
}
