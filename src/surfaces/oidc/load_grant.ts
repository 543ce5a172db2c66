import type { Grant, KoaContextWithOIDC } from 'oidc-provider'
import { type Consent, isNothing, type Requested } from '../../domain/clients/consent.ts'
import { findConsent } from '../../domain/clients/consent_store.ts'
import type { Db } from '../../platform/persistence/db.ts'

/**
 * Which grant an authorization request stands on. What a person allowed is remembered as consent,
 * durably and apart from the session; a grant is made from it for each session, so that revoking one
 * chain of tokens ends that one only. First-party clients are granted what they ask for.
 */
export function createLoadExistingGrant(db: Db) {
  return async (ctx: KoaContextWithOIDC): Promise<Grant | undefined> => {
    const { client, provider, session, account, result } = ctx.oidc
    const grantId = result?.consent?.grantId ?? session!.grantIdFor(client!.clientId)
    const known = grantId ? await provider.Grant.find(grantId) : undefined
    const own = known?.accountId === account!.accountId ? known : undefined
    const asked = requestedOf(ctx)
    if (own && covers(own, asked)) return own
    const allowed = isFirstParty(ctx)
      ? asked
      : consentedOf(await findConsent(db, account!.accountId, client!.clientId), asked)
    // With details alone (RFC 9396) there is nothing to grant but the request itself.
    if (!own && isNothing(allowed) && !(isFirstParty(ctx) && asksDetails(ctx))) return undefined
    const grant =
      own ?? new provider.Grant({ accountId: account!.accountId, clientId: client!.clientId })
    if (addTo(grant, allowed) || !grant.jti) await grant.save()
    return grant
  }
}

const NEVER_ASKED = new Set(['sub', 'sid', 'auth_time', 'acr', 'amr', 'iss'])

function requestedOf(ctx: KoaContextWithOIDC): Requested {
  const { oidc } = ctx
  const resources = Object.entries(oidc.resourceServers ?? {}).map(([identifier, server]) => [
    identifier,
    [...oidc.requestParamScopes].filter((scope) => server.scopes.has(scope)),
  ])
  return {
    openidScopes: [...oidc.requestParamOIDCScopes],
    openidClaims: [...oidc.requestParamClaims].filter((claim) => !NEVER_ASKED.has(claim)),
    resourceScopes: Object.fromEntries(resources),
  }
}

function asksDetails({ oidc }: KoaContextWithOIDC): boolean {
  return oidc.params?.['authorization_details'] !== undefined
}

function isFirstParty(ctx: KoaContextWithOIDC): boolean {
  return ctx.oidc.client?.['first_party'] === true
}

function covers(grant: Grant, asked: Requested): boolean {
  return !adds(grant, asked)
}

function adds(grant: Grant, asked: Requested): boolean {
  const scopes = new Set(grant.getOIDCScope().split(' '))
  const claims = new Set(grant.getOIDCClaims())
  return (
    asked.openidScopes.some((scope) => !scopes.has(scope)) ||
    asked.openidClaims.some((claim) => !claims.has(claim)) ||
    Object.entries(asked.resourceScopes).some(([identifier, wanted]) => {
      const granted = new Set(grant.getResourceScope(identifier).split(' '))
      return wanted.some((scope) => !granted.has(scope))
    })
  )
}

/** Adds what is not there yet; true where anything was. */
function addTo(grant: Grant, allowed: Requested): boolean {
  if (!adds(grant, allowed)) return false
  grantAll(grant, allowed)
  return true
}

export function grantAll(grant: Grant, allowed: Requested): void {
  if (allowed.openidScopes.length > 0) grant.addOIDCScope(allowed.openidScopes.join(' '))
  if (allowed.openidClaims.length > 0) grant.addOIDCClaims([...allowed.openidClaims])
  for (const [identifier, scopes] of Object.entries(allowed.resourceScopes)) {
    if (scopes.length > 0) grant.addResourceScope(identifier, scopes.join(' '))
  }
}

function consentedOf(consent: Consent | undefined, asked: Requested): Requested {
  const scopes = new Set(consent?.openidScopes)
  const claims = new Set(consent?.openidClaims)
  return {
    openidScopes: asked.openidScopes.filter((scope) => scopes.has(scope)),
    openidClaims: asked.openidClaims.filter((claim) => claims.has(claim)),
    resourceScopes: Object.fromEntries(
      Object.entries(asked.resourceScopes).map(([identifier, wanted]) => {
        const granted = new Set(consent?.resourceScopes[identifier])
        return [identifier, wanted.filter((scope) => granted.has(scope))]
      }),
    ),
  }
}
