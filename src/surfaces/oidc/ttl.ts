import type { Client } from 'oidc-provider'
import { type Clock, epochSeconds } from '../../core/clock.ts'
import type { Config } from '../../platform/config/schema.ts'
import { lifetimesOf } from './presets.ts'

/** How long everything lives. The engine wants whole positive seconds from each function. */

/** As long as a person can be expected to look for the message. */
const BACKCHANNEL_REQUEST_MAX_S = 600

type Wish = { requested_expiry?: unknown }
type SignedIn = { transient?: boolean; loginTs?: number }
type Rotated = { iiat?: number; resourceServer?: { accessTokenTTL?: number } }

export function lifetimes(tokens: Config['tokens'], clock: Clock) {
  const accessTokenTtl = (_ctx: unknown, token: Rotated, client: Client) =>
    Math.min(
      token.resourceServer?.accessTokenTTL ?? tokens.accessTokenS,
      lifetimesOf(client).accessTokenS ?? Number.POSITIVE_INFINITY,
    )
  return {
    AccessToken: accessTokenTtl,
    ClientCredentials: accessTokenTtl,
    AuthorizationCode: (_ctx: unknown, _code: unknown, client: Client) =>
      Math.min(
        tokens.authorizationCodeS,
        lifetimesOf(client).authorizationCodeS ?? tokens.authorizationCodeS,
      ),
    // CIBA Core §7.1: `requested_expiry` is a wish.
    BackchannelAuthenticationRequest: (ctx: { oidc?: { params?: Wish } } | undefined) =>
      Math.min(
        BACKCHANNEL_REQUEST_MAX_S,
        Number(ctx?.oidc?.params?.requested_expiry ?? tokens.backchannelRequestS),
      ),
    DeviceCode: tokens.deviceCodeS,
    IdToken: tokens.idTokenS,
    Interaction: tokens.interactionS,
    PushedAuthorizationRequest: tokens.pushedRequestS,
    // From its last use, and counted from its sign-in an absolute end (NIST SP 800-63B-4 §5.2).
    Session: (_ctx: unknown, { transient, loginTs }: SignedIn) => {
      const now = epochSeconds(clock)
      const lifetimeS = transient ? tokens.sessionS : tokens.sessionRememberedS
      const leftS = (loginTs ?? now) + lifetimeS - now
      return Math.max(1, Math.min(transient ? tokens.sessionIdleS : lifetimeS, leftS))
    },
    // The chain of rotations has an absolute end, counted from its first token (`iiat`).
    RefreshToken: (_ctx: unknown, token: Rotated) => {
      const now = epochSeconds(clock)
      const leftS = (token.iiat ?? now) + tokens.refreshTokenAbsoluteS - now
      return Math.max(1, Math.min(tokens.refreshTokenIdleS, leftS))
    },
    // A grant is used for as long as the session that holds it goes on, and then carries refresh
    // tokens to their absolute end; refreshing does not extend it.
    Grant: Math.max(tokens.sessionS, tokens.sessionRememberedS) * 4 + tokens.refreshTokenAbsoluteS,
  }
}
