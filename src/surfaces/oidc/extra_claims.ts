import type { KoaContextWithOIDC } from 'oidc-provider'
import type { Codec } from './adapters/codec.ts'
import { tokenClaimsOf } from './grants/token_claims.ts'

type TokenLike = { kind?: string; grantId?: string; aud?: unknown }
type Source = { acr?: string; amr?: string[]; authTime?: number }

/**
 * Claims of access tokens besides the engine's: how and when the person signed in (RFC 9068 §2.2.1,
 * RFC 9470 §6.1), and `gid`, the keyed hash of the grant, by which a JWT that is stored nowhere can
 * be found inactive once its grant is gone.
 */
export function createExtraTokenClaims(codec: Codec) {
  return async (ctx: KoaContextWithOIDC, token: unknown) => {
    const { kind, grantId, aud } = token as TokenLike
    if (kind !== 'AccessToken') return undefined
    const own = tokenClaimsOf(token as object)
    if (own) return own
    const { AuthorizationCode, RefreshToken, DeviceCode, BackchannelAuthenticationRequest } =
      ctx.oidc.entities
    const source = (RefreshToken ??
      AuthorizationCode ??
      DeviceCode ??
      BackchannelAuthenticationRequest) as Source | undefined
    return {
      ...(source?.acr ? { acr: source.acr } : {}),
      ...(source?.amr ? { amr: source.amr } : {}),
      ...(source?.authTime ? { auth_time: source.authTime } : {}),
      ...(aud !== undefined && grantId ? { gid: codec.idHash(grantId).toString('base64url') } : {}),
    }
  }
}
