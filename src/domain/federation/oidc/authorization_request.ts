import * as oidc from 'openid-client'
import { z } from 'zod'
import { type Clock, epochSeconds } from '../../../core/clock.ts'
import { randomToken } from '../../../core/secrets.ts'
import type { RedirectStart } from '../connector.ts'
import type { OidcProfile } from './oidc_profile.ts'

/** The request that the browser leaves with, and what has to be known of it when it comes back. */

/** Sealed by the caller between the two halves. */
export const keptSchema = z.strictObject({
  connection: z.string(),
  nonce: z.string(),
  codeVerifier: z.string(),
  startedAtS: z.number(),
})

export type Kept = z.output<typeof keptSchema>

export function newKept(connection: string, clock: Clock): Kept {
  return {
    connection,
    nonce: randomToken(),
    codeVerifier: randomToken(),
    startedAtS: epochSeconds(clock),
  }
}

/** Where answers come back to: what is registered at the provider. */
export function callbackUriOf(issuer: string, connection: string): string {
  return `${issuer}/federation/${connection}/callback`
}

/** A request knows better than the connection what it needs. */
export function acrValuesOf(profile: OidcProfile, { acrValues }: RedirectStart): readonly string[] {
  return acrValues.length > 0 ? acrValues : profile.acrValues
}

/** RFC 7636 §4.3. */
export async function challenge(codeVerifier: string): Promise<Record<string, string>> {
  return {
    code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
    code_challenge_method: 'S256',
  }
}

/** What a request for a sign-in that is not too old adds. `max_age=0` makes `auth_time` come back (§2). */
function freshness(
  { freshPrompt }: OidcProfile,
  { forceAuthn, maxAgeS }: RedirectStart,
): Record<string, string> {
  const maxAge = forceAuthn ? 0 : maxAgeS
  return {
    ...(maxAge === undefined ? {} : { max_age: String(maxAge) }),
    ...(forceAuthn && freshPrompt ? { prompt: freshPrompt } : {}),
  }
}

/** OpenID Connect Core §3.1.2.1. */
export async function authorizationParameters(
  profile: OidcProfile,
  start: RedirectStart,
  kept: Kept,
): Promise<Record<string, string>> {
  const acrValues = acrValuesOf(profile, start)
  return {
    ...profile.authorizationParameters,
    redirect_uri: start.callbackUri,
    scope: profile.scopes.join(' '),
    state: start.state,
    ...(profile.nonce ? { nonce: kept.nonce } : {}),
    ...(profile.pkce ? await challenge(kept.codeVerifier) : {}),
    ...(profile.responseMode === 'form_post' ? { response_mode: 'form_post' } : {}),
    ...(start.loginHint ? { login_hint: start.loginHint } : {}),
    ...(start.uiLocales ? { ui_locales: start.uiLocales } : {}),
    ...(acrValues.length > 0 ? { acr_values: acrValues.join(' ') } : {}),
    ...freshness(profile, start),
  }
}

/** The answer as openid-client reads one: the address that the browser came to. */
export function answerUrl(start: RedirectStart, params: Readonly<Record<string, string>>): URL {
  const url = new URL(start.callbackUri)
  url.search = new URLSearchParams(params).toString()
  return url
}
