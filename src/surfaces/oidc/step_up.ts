import { type Client, errors, type KoaContextWithOIDC } from 'oidc-provider'
import { ACR_VALUES, meetsAcr } from '../../domain/authentication/assurance.ts'

/**
 * What a request wants of the sign-in, and whether the one at hand is enough. What is asked for is
 * done or refused: an `acr` that is lower than what was asked for is never given in silence (RFC 9470
 * §5, OpenID Connect Core §5.5.1.1).
 *
 * The engine compares essential claims only, and forgets them where `acr_values` are sent too.
 */

type Params = Readonly<Record<string, unknown>> | undefined
type Wanted = {
  values: readonly string[]
  /** Only one of these very values will do; otherwise a stronger one will as well. */
  exactly: boolean
}

/**
 * True where a sign-in would help. Another one would not where nothing that is asked for can be
 * reached, or this one was made for the request.
 *
 * @throws UnmetAuthenticationRequirements
 */
export function needsStepUp({ oidc }: KoaContextWithOIDC): boolean {
  const { params, client, session } = oidc
  if (isStrongEnough(params, client, session?.acr)) return false
  if (!canBeStrongEnough(params, client) || oidc.result?.login) {
    throw new errors.UnmetAuthenticationRequirements('none of the requested ACRs can be obtained')
  }
  return true
}

/** Whether a sign-in of this class is what the request and the registration of its client want. */
export function isStrongEnough(
  params: Params,
  client: Client | undefined,
  acr: string | undefined,
): boolean {
  return wantedBy(params, client).every((wanted) => isMet(wanted, acr))
}

/** Whether anybody's could be. */
export function canBeStrongEnough(params: Params, client: Client | undefined): boolean {
  return neededAcr(params, client) !== undefined
}

/** The weakest class with which the request and its client are content; undefined where none will do. */
export function neededAcr(params: Params, client: Client | undefined): string | undefined {
  return ACR_VALUES.find((acr) => isStrongEnough(params, client, acr))
}

function isMet({ values, exactly }: Wanted, acr: string | undefined): boolean {
  return exactly ? acr !== undefined && values.includes(acr) : meetsAcr(acr, values)
}

function wantedBy(params: Params, client: Client | undefined): Wanted[] {
  // The engine has filled in `default_acr_values` where the request names none.
  const asked = String(params?.['acr_values'] ?? '').split(' ')
  const minimum = client?.['minimum_acr'] as string | undefined
  return [
    { values: essentialAcr(params?.['claims']), exactly: true },
    { values: asked.filter(Boolean), exactly: false },
    { values: minimum === undefined ? [] : [minimum], exactly: false },
  ].filter(({ values }) => values.length > 0)
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
