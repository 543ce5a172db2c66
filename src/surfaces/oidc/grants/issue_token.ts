import {
  type AccessToken,
  type Client,
  errors,
  type KoaContextWithOIDC,
  type ResourceServerInstance,
} from 'oidc-provider'
import type { GrantHelpers } from '../internals.ts'

/** What the grants share at which a client gets a token for an account, and nobody is asked. */

export type GrantContext = KoaContextWithOIDC & {
  oidc: KoaContextWithOIDC['oidc'] & {
    readonly client: Client
    readonly params: Record<string, unknown>
  }
}

/** The one API that the token is for. The engine refuses what is not assigned to the client. */
export async function targetOf(
  helpers: GrantHelpers,
  ctx: GrantContext,
): Promise<ResourceServerInstance> {
  const [target, ...others] = await helpers.resolveRequestedResources(ctx)
  if (!target || others.length > 0) {
    throw new errors.InvalidTarget('the request must name exactly one resource')
  }
  return target
}

/** Undefined where no scope is asked for. @throws InvalidScope naming the first that is too much */
export function askedScopes(ctx: GrantContext, allowed: ReadonlySet<string>): string[] | undefined {
  const asked = [...ctx.oidc.requestParamScopes]
  const foreign = asked.find((scope) => !allowed.has(scope))
  if (foreign !== undefined) {
    throw new errors.InvalidScope('requested scope is more than may be given', foreign)
  }
  return asked.length > 0 ? asked : undefined
}

/** Binds the token to the key of the request: RFC 9449 §5, RFC 8705 §3. */
export async function bindToken(
  helpers: GrantHelpers,
  ctx: GrantContext,
  token: AccessToken,
): Promise<void> {
  const proof = await helpers.validateDpop(ctx)
  const certificate = helpers.checkMtlsCert(ctx)
  helpers.checkDpopRequired(ctx, proof)
  if (certificate) token.setThumbprint('x5t', certificate)
  if (!proof) return
  await helpers.checkDpopReplay(ctx, proof, ctx.oidc.client.clientId)
  token.setThumbprint('jkt', proof.thumbprint)
}

/** Saves the token and answers with it. */
export async function answerWith(
  helpers: GrantHelpers,
  ctx: GrantContext,
  token: AccessToken,
  issuedTokenType?: string,
): Promise<void> {
  ctx.oidc.entity('AccessToken', token)
  ctx.body = helpers.buildTokenResponse({
    accessToken: await token.save(),
    expiresIn: token.expiration,
    scope: token.scope,
    tokenType: token.tokenType,
    issuedTokenType,
  })
}
