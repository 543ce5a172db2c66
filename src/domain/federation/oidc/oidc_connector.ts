import * as oidc from 'openid-client'
import type {
  Connector,
  ConnectorDeps,
  RedirectConnector,
  RedirectResult,
  RedirectStart,
  Unavailable,
  UpstreamAuthentication,
} from '../connector.ts'
import { weaknessOf } from './asked_for.ts'
import {
  acrValuesOf,
  answerUrl,
  authorizationParameters,
  callbackUriOf,
  type Kept,
  keptSchema,
  newKept,
} from './authorization_request.ts'
import { type LogoutToken, verifyLogoutToken } from './backchannel_logout.ts'
import { endSessionUri, type UpstreamLogout } from './end_session.ts'
import { faultOfIdToken, verifySignature } from './id_token.ts'
import { oidcLogout } from './logout.ts'
import type { Claims, OidcProfile } from './oidc_profile.ts'
import { outcomeOfError, refused } from './outcome_of_error.ts'
import { personOf, shortText } from './person.ts'
import { probeProvider } from './probe.ts'
import { createProvider, type Discovered, type Provider } from './provider.ts'
import { createProviderFetch } from './provider_fetch.ts'
import { refreshTokens, tokensOf } from './upstream_tokens.ts'

/**
 * A provider by OpenID Connect: the code flow with PKCE, `state`, `nonce` and the `iss` of RFC 9207.
 * openid-client makes the requests and checks the answers; the signature, what we asked for, and what
 * the libraries leave open are checked here.
 */

/** What a connection by OpenID Connect can do besides; whoever needs it asks `isOidcConnector`. */
export type OidcConnector = Connector &
  Required<Pick<Connector, 'refreshTokens'>> & {
    redirect: RedirectConnector
    oidc: {
      /** @returns undefined where the provider has no end_session_endpoint. @throws as discovery does */
      endSessionUri(input: UpstreamLogout): Promise<string | undefined>
      verifyLogoutToken(token: string): Promise<LogoutToken>
    }
  }

export function isOidcConnector(connector: Connector): connector is OidcConnector {
  return 'oidc' in connector
}

type Opened = { name: string; profile: OidcProfile; provider: Provider; deps: ConnectorDeps }
type Finishing = Parameters<RedirectConnector['finish']>[0]
type Exchanged = {
  tokens: Awaited<ReturnType<typeof oidc.authorizationCodeGrant>>
  claims: Claims
}

function isTemplate({ publishedIssuer }: OidcProfile): boolean {
  return publishedIssuer.includes('{tenantid}')
}

/** The `iss` of an answer cannot be a template: it is compared with the token's, once that is there. */
function comparableNow(profile: OidcProfile, params: Finishing['params']): Finishing['params'] {
  if (!isTemplate(profile)) return params
  const { iss: _later, ...rest } = params
  return rest
}

async function exchange(
  profile: OidcProfile,
  { configuration }: Discovered,
  { start, params }: Finishing,
  kept: Kept,
): Promise<Exchanged> {
  const answer = answerUrl(start, comparableNow(profile, params))
  const tokens = await oidc.authorizationCodeGrant(configuration, answer, {
    expectedState: start.state,
    idTokenExpected: true,
    ...(profile.nonce ? { expectedNonce: kept.nonce } : {}),
    ...(profile.pkce ? { pkceCodeVerifier: kept.codeVerifier } : {}),
  })
  return { tokens, claims: (tokens.claims() ?? {}) as Claims }
}

/** What is wrong with a token whose signature holds. */
function faultOf({ profile, deps }: Opened, { params }: Finishing, { claims }: Exchanged) {
  if (params['iss'] !== undefined && isTemplate(profile) && params['iss'] !== claims['iss']) {
    return 'the answer names another issuer than its ID token'
  }
  return faultOfIdToken(claims, profile, deps.clock)
}

/** OpenID Connect Core §5.3.2: the `sub` of UserInfo has to be that of the ID token. */
async function userInfo(
  { userInfo: isAsked }: OidcProfile,
  { configuration }: Discovered,
  { tokens, claims }: Exchanged,
): Promise<Claims[]> {
  if (!isAsked) return []
  return [await oidc.fetchUserInfo(configuration, tokens.access_token, String(claims['sub']))]
}

function authenticationOf(
  { profile, deps }: Opened,
  { tokens, claims }: Exchanged,
): UpstreamAuthentication {
  const { auth_time: at, amr } = claims
  return {
    at: typeof at === 'number' ? new Date(at * 1000) : undefined,
    acr: shortText(claims['acr']),
    amr: Array.isArray(amr) ? amr.filter((method) => shortText(method, 100)).slice(0, 20) : [],
    sessionId: shortText(claims['sid']),
    logoutHint: tokens.id_token,
    tokens: profile.keepTokens ? tokensOf(tokens, deps.clock) : undefined,
  }
}

/** @throws what `outcomeOfError` reads */
async function finishSignIn(
  opened: Opened,
  finishing: Finishing,
  kept: Kept,
): Promise<RedirectResult> {
  const { profile, provider, deps } = opened
  const discovered = await provider.discovered()
  const exchanged = await exchange(profile, discovered, finishing, kept)
  const { tokens, claims } = exchanged
  await verifySignature(tokens.id_token ?? '', profile, discovered, deps)
  const fault = faultOf(opened, finishing, exchanged)
  if (fault) return refused('invalid', fault)
  const { start, params } = finishing
  const asked = { start, acrValues: acrValuesOf(profile, start), startedAtS: kept.startedAtS }
  const weakness = weaknessOf(claims, asked)
  if (weakness) return refused('too_weak', weakness)
  const told = [claims, ...(await userInfo(profile, discovered, exchanged))]
  const besides = profile.besides ? [profile.besides(params)] : []
  const person = personOf([...told, ...besides], profile.mapping, profile.emailVerified)
  if (!person) return refused('invalid', 'the provider names no subject')
  return { kind: 'proven', person, authentication: authenticationOf(opened, exchanged) }
}

/** Before anybody left, nobody can have refused. */
function asUnavailable(error: unknown): Unavailable {
  const failure = outcomeOfError(error)
  return failure.kind === 'unavailable' ? failure : { kind: 'unavailable', reason: failure.detail }
}

async function begin(
  { name, profile, provider, deps }: Opened,
  start: RedirectStart,
): ReturnType<RedirectConnector['begin']> {
  const keep = newKept(name, deps.clock)
  try {
    const { configuration } = await provider.discovered()
    const parameters = await authorizationParameters(profile, start, keep)
    const uri = oidc.buildAuthorizationUrl(configuration, parameters).href
    return { kind: 'departs', departure: { method: 'GET', uri }, keep }
  } catch (error) {
    return asUnavailable(error)
  }
}

async function finish(opened: Opened, finishing: Finishing): Promise<RedirectResult> {
  const kept = keptSchema.safeParse(finishing.keep)
  // Another connection's request, answered here: the mix-up of RFC 9700 §4.4.
  if (!kept.success || kept.data.connection !== opened.name) {
    return refused('invalid', 'the answer belongs to no request of this connection')
  }
  try {
    return await finishSignIn(opened, finishing, kept.data)
  } catch (error) {
    return outcomeOfError(error)
  }
}

export function createOidcConnector(
  name: string,
  profile: OidcProfile,
  deps: ConnectorDeps,
): OidcConnector {
  const fetch = createProviderFetch(deps, profile.tokenError)
  const provider = createProvider(profile, deps, fetch)
  const opened = { name, profile, provider, deps }
  const callbackUri = callbackUriOf(deps.issuer, name)
  const logout: OidcConnector['oidc'] = {
    endSessionUri: async (input) =>
      endSessionUri((await provider.discovered()).configuration, input),
    verifyLogoutToken: (token) => verifyLogoutToken(token, profile, provider, deps),
  }
  return {
    redirect: {
      begin: (start) => begin(opened, start),
      finish: (finishing) => finish(opened, finishing),
    },
    oidc: logout,
    logout: oidcLogout(logout),
    refreshTokens: (input) => refreshTokens(input, profile, provider, deps),
    probe: () => probeProvider(provider, { callbackUri, pkce: profile.pkce }),
    async close() {
      // Nothing is held open: the HTTP client belongs to the process.
    },
  }
}
