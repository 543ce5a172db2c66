import type { Context, Middleware } from 'koa'
import type { Client, KoaContextWithOIDC } from 'oidc-provider'
import { tokenRevoked } from '../../platform/events/catalogue.ts'
import type { EventRecorder } from '../../platform/events/recorder.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import type { Db } from '../../platform/persistence/db.ts'
import { originOf } from '../../web/origin.ts'
import { findJwtStanding, insertRevokedToken, type JwtStanding } from './adapters/replay_store.ts'
import { mayIntrospect } from './introspection_policy.ts'
import type { AccessTokenClaims, OwnTokens } from './own_tokens.ts'
import { subjectFor } from './pairwise.ts'

/**
 * Introspection (RFC 7662) and revocation (RFC 7009) of JWT access tokens. The engine authenticates
 * the client and then refuses structured tokens; we take over from there. A JWT is active while its
 * signature and time hold, it is not on the list of the revoked, its grant stands and its subject is
 * active: one statement tells.
 */

export type StructuredTokenDeps = {
  db: Db
  keyring: Keyring
  issuer: string
  ownTokens: OwnTokens
  recorder: EventRecorder
}

const INACTIVE = { active: false } as const

/** RFC 9701 §5, for clients that are registered with an algorithm for it. */
export const SIGNED_INTROSPECTION = 'application/token-introspection+jwt'

export function handleStructuredTokens(deps: StructuredTokenDeps): Middleware {
  const { verifyAccessToken: verify } = deps.ownTokens
  return async (context, next) => {
    await next()
    const ctx = context as unknown as KoaContextWithOIDC
    if (!wasRefusedAsStructured(context.body) || !ctx.oidc?.client) return
    const claims = await verify(String(ctx.oidc.params!['token']))
    if (ctx.oidc.route === 'introspection') {
      context.status = 200
      context.body = claims ? await introspect(deps, ctx, claims) : INACTIVE
      if (context.accepts('json', SIGNED_INTROSPECTION) === SIGNED_INTROSPECTION) {
        await sign(ctx, context)
      }
    } else if (ctx.oidc.route === 'revocation') {
      if (claims) await revoke(deps, ctx, claims)
      context.status = 200
      context.body = ''
    }
  }
}

function wasRefusedAsStructured(body: unknown): boolean {
  return (body as { error?: string } | undefined)?.error === 'unsupported_token_type'
}

/** As the engine does it for tokens that are stored. */
async function sign(ctx: KoaContextWithOIDC, context: Context): Promise<void> {
  if (!ctx.oidc.client?.['introspectionSignedResponseAlg']) return
  const { IdToken } = ctx.oidc.provider as unknown as { IdToken: IntrospectionToken }
  const token = new IdToken({}, { ctx })
  token.extra = { token_introspection: context.body }
  context.body = await token.issue({ use: 'introspection' })
  context.type = `${SIGNED_INTROSPECTION}; charset=utf-8`
}

type IntrospectionToken = new (
  claims: object,
  options: { ctx: KoaContextWithOIDC },
) => { extra: object; issue(options: { use: string }): Promise<string> }

async function introspect(
  { db, keyring, issuer }: StructuredTokenDeps,
  ctx: KoaContextWithOIDC,
  claims: AccessTokenClaims,
): Promise<Record<string, unknown>> {
  if (!mayIntrospect(ctx.oidc.client!, claims.client_id)) return INACTIVE
  const standing = await findJwtStanding(db, {
    jtiHash: keyring.hash('jwt_jti', claims.jti ?? ''),
    grantHash: grantHashOf(claims),
  })
  const client = await ctx.oidc.provider.Client.find(claims.client_id ?? '')
  if (standing.revoked || !client) return INACTIVE
  if (claims.gid !== undefined && !standsFor(keyring, standing, client, claims.sub)) return INACTIVE
  const { sub, client_id, scope, exp, iat, jti, aud, cnf, acr, amr, auth_time, act } = claims
  const { authorization_details } = claims
  return {
    active: true,
    iss: issuer,
    ...defined({ sub, client_id, scope, exp, iat, jti, aud, cnf, acr, amr, auth_time, act }),
    ...defined({ authorization_details }),
    token_type: cnf?.['jkt'] === undefined ? 'Bearer' : 'DPoP',
  }
}

/** Its grant stands, for an account that is active and that the client knows by this `sub`. */
function standsFor(
  keyring: Keyring,
  { grantAlive, accountId, accountStatus }: JwtStanding,
  client: Client,
  sub: string | undefined,
): boolean {
  if (!grantAlive || accountId === null || accountStatus !== 'active') return false
  return sub === subjectFor(keyring, client, accountId)
}

async function revoke(
  { db, keyring, recorder }: StructuredTokenDeps,
  ctx: KoaContextWithOIDC,
  claims: AccessTokenClaims,
): Promise<void> {
  const { clientId } = ctx.oidc.client!
  // RFC 7009 §2.1: a token of another client is not touched, and the answer does not say so.
  if (claims.client_id !== clientId || !claims.jti || !claims.exp) return
  const { accountId } = await insertRevokedToken(db, {
    jtiHash: keyring.hash('jwt_jti', claims.jti),
    grantHash: grantHashOf(claims),
    expiresAt: new Date(claims.exp * 1000),
  })
  recorder.record(tokenRevoked({ clientId, accountId, kind: 'AccessToken', ...originOf(ctx) }))
}

/** The way to the account: `sub` is what the client knows of it, and may be pairwise. */
function grantHashOf({ gid }: AccessTokenClaims): Buffer | undefined {
  return gid === undefined ? undefined : Buffer.from(gid, 'base64url')
}

function defined(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
