import * as oidc from 'openid-client'
import { z } from 'zod'
import { epochSeconds } from '../../../core/clock.ts'
import { randomToken } from '../../../core/secrets.ts'
import { textOf } from '../../../core/unknown.ts'
import type {
  Connector,
  ConnectorDeps,
  Departure,
  RedirectConnector,
  RedirectResult,
  RedirectStart,
  UpstreamAuthentication,
} from '../connector.ts'
import { weaknessOf } from './asked_for.ts'
import { type LogoutToken, verifyLogoutToken } from './backchannel_logout.ts'
import { endSessionUri, type UpstreamLogout } from './end_session.ts'
import { faultOfIdToken, verifySignature } from './id_token.ts'
import type { Claims, OidcProfile } from './oidc_profile.ts'
import { type Failure, outcomeOfError, refused } from './outcome_of_error.ts'
import { personOf } from './person.ts'
import { probeProvider } from './probe.ts'
import { createProvider, type Discovered } from './provider.ts'
import { createProviderFetch } from './provider_fetch.ts'
import { type Refreshed, refreshTokens, tokensOf } from './upstream_tokens.ts'

/**
 * A provider by OpenID Connect: the code flow with PKCE, `state`, `nonce` and the `iss` of RFC 9207.
 * openid-client makes the requests and checks the answers; the signature, what we asked for, and what
 * the libraries leave open are checked here.
 */

/** What a connection by OpenID Connect can do besides; the surfaces for it find it by `isOidcConnector`. */
export type OidcConnector = Connector & {
  redirect: RedirectConnector
  oidc: {
    /** @returns undefined where the provider has no end_session_endpoint. @throws as discovery does */
    endSessionUri(input: UpstreamLogout): Promise<string | undefined>
    verifyLogoutToken(token: string): Promise<LogoutToken>
    /** @param subject of the identity that the tokens are kept for */
    refreshTokens(input: { refreshToken: string; subject: string }): Promise<Refreshed>
  }
}

export function isOidcConnector(connector: Connector): connector is OidcConnector {
  return 'oidc' in connector
}

/** Sealed by the caller between the two halves. */
const keptSchema = z.strictObject({
  connection: z.string(),
  nonce: z.string(),
  codeVerifier: z.string(),
  startedAtS: z.number(),
})

type Kept = z.output<typeof keptSchema>

function acrValuesOf(profile: OidcProfile, start: RedirectStart): readonly string[] {
  // A request knows better than the connection what it needs.
  return start.acrValues.length > 0 ? start.acrValues : profile.acrValues
}

/** What a request for a sign-in that is not too old adds. `max_age=0` makes `auth_time` come back (§2). */
function freshness(profile: OidcProfile, { forceAuthn, maxAgeS }: RedirectStart) {
  const maxAge = forceAuthn ? 0 : maxAgeS
  return {
    ...(maxAge === undefined ? {} : { max_age: String(maxAge) }),
    ...(forceAuthn && profile.freshPrompt ? { prompt: profile.freshPrompt } : {}),
  }
}

async function authorizationParameters(profile: OidcProfile, start: RedirectStart, kept: Kept) {
  const acrValues = acrValuesOf(profile, start)
  return {
    ...profile.authorizationParameters,
    redirect_uri: start.callbackUri,
    scope: profile.scopes.join(' '),
    state: start.state,
    ...(profile.nonce ? { nonce: kept.nonce } : {}),
    ...(profile.pkce
      ? {
          code_challenge: await oidc.calculatePKCECodeChallenge(kept.codeVerifier),
          code_challenge_method: 'S256',
        }
      : {}),
    ...(profile.responseMode === 'form_post' ? { response_mode: 'form_post' } : {}),
    ...(start.loginHint ? { login_hint: start.loginHint } : {}),
    ...(start.uiLocales ? { ui_locales: start.uiLocales } : {}),
    ...(acrValues.length > 0 ? { acr_values: acrValues.join(' ') } : {}),
    ...freshness(profile, start),
  }
}

/** Where answers come back to: what is registered at the provider. */
export function callbackUriOf({ issuer }: Pick<ConnectorDeps, 'issuer'>, name: string): string {
  return `${issuer}/federation/${name}/callback`
}

/** The answer as openid-client reads one: the address that the browser came to. */
export function answerUrl(start: RedirectStart, params: Readonly<Record<string, string>>): URL {
  const url = new URL(start.callbackUri)
  url.search = new URLSearchParams(params).toString()
  return url
}

type Exchanged = { tokens: Awaited<ReturnType<typeof oidc.authorizationCodeGrant>>; claims: Claims }

async function exchange(
  profile: OidcProfile,
  { configuration }: Discovered,
  { start, params }: Parameters<RedirectConnector['finish']>[0],
  kept: Kept,
): Promise<Exchanged> {
  const tokens = await oidc.authorizationCodeGrant(configuration, answerUrl(start, params), {
    expectedState: start.state,
    idTokenExpected: true,
    ...(profile.nonce ? { expectedNonce: kept.nonce } : {}),
    ...(profile.pkce ? { pkceCodeVerifier: kept.codeVerifier } : {}),
  })
  return { tokens, claims: (tokens.claims() ?? {}) as Claims }
}

/** OpenID Connect Core §5.3.2: the `sub` of UserInfo has to be that of the ID token. */
async function userInfo(
  profile: OidcProfile,
  { configuration }: Discovered,
  { tokens, claims }: Exchanged,
): Promise<Claims[]> {
  if (!profile.userInfo) return []
  const subject = String(claims['sub'])
  return [await oidc.fetchUserInfo(configuration, tokens.access_token, subject)]
}

function authenticationOf(
  profile: OidcProfile,
  { tokens, claims }: Exchanged,
  deps: ConnectorDeps,
): UpstreamAuthentication {
  const { auth_time: at, amr } = claims
  return {
    at: typeof at === 'number' ? new Date(at * 1000) : undefined,
    acr: textOf(claims['acr']),
    amr: Array.isArray(amr) ? amr.filter((method) => typeof method === 'string').slice(0, 20) : [],
    sessionId: textOf(claims['sid']),
    logoutHint: tokens.id_token,
    tokens: profile.keepTokens ? tokensOf(tokens, deps.clock) : undefined,
  }
}

/** @throws what `outcomeOfError` reads */
async function finishSignIn(
  profile: OidcProfile,
  discovered: Discovered,
  input: Parameters<RedirectConnector['finish']>[0],
  kept: Kept,
  deps: ConnectorDeps,
): Promise<RedirectResult> {
  const exchanged = await exchange(profile, discovered, input, kept)
  const { tokens, claims } = exchanged
  await verifySignature(tokens.id_token ?? '', profile, discovered, deps)
  const fault = faultOfIdToken(claims, profile, deps.clock)
  if (fault) return refused('invalid', fault)
  const acrValues = acrValuesOf(profile, input.start)
  const { startedAtS } = kept
  const weakness = weaknessOf(claims, { start: input.start, acrValues, startedAtS })
  if (weakness) return refused('too_weak', weakness)
  const told = [claims, ...(await userInfo(profile, discovered, exchanged))]
  const besides = profile.besides ? [profile.besides(input.params)] : []
  const person = personOf([...told, ...besides], profile.mapping, profile.emailVerified)
  if (!person) return refused('invalid', 'the provider names no subject')
  const authentication = authenticationOf(profile, exchanged, deps)
  return { kind: 'proven', person, authentication }
}

export function createOidcConnector(
  name: string,
  profile: OidcProfile,
  deps: ConnectorDeps,
): OidcConnector {
  const fetch = createProviderFetch(deps, profile.tokenError)
  const provider = createProvider(profile, deps, fetch)

  const redirect: RedirectConnector = {
    async begin(start) {
      const kept: Kept = {
        connection: name,
        nonce: randomToken(),
        codeVerifier: randomToken(),
        startedAtS: epochSeconds(deps.clock),
      }
      try {
        const { configuration } = await provider.discovered()
        const parameters = await authorizationParameters(profile, start, kept)
        const uri = oidc.buildAuthorizationUrl(configuration, parameters).href
        const departure: Departure = { method: 'GET', uri }
        return { kind: 'departs', departure, keep: kept }
      } catch (error) {
        return asUnavailable(outcomeOfError(error))
      }
    },
    async finish(input) {
      const kept = keptSchema.safeParse(input.keep)
      // Another connection's request, answered here: the mix-up of RFC 9700 §4.4.
      if (!kept.success || kept.data.connection !== name) {
        return refused('invalid', 'the answer belongs to no request of this connection')
      }
      try {
        const discovered = await provider.discovered()
        return await finishSignIn(profile, discovered, input, kept.data, deps)
      } catch (error) {
        return outcomeOfError(error)
      }
    },
  }

  return {
    redirect,
    oidc: {
      endSessionUri: async (input) =>
        endSessionUri((await provider.discovered()).configuration, input),
      verifyLogoutToken: async (token) => verifyLogoutToken(token, profile, provider, deps),
      refreshTokens: async (input) => refreshTokens(input, profile, provider, deps),
    },
    probe: () =>
      probeProvider(provider, { callbackUri: callbackUriOf(deps, name), pkce: profile.pkce }),
    async close() {
      // Nothing is held open: the HTTP client belongs to the process.
    },
  }
}

/** Before anybody left, nobody can have refused. */
function asUnavailable(failure: Failure) {
  if (failure.kind === 'unavailable') return failure
  return { kind: 'unavailable' as const, reason: failure.detail }
}
