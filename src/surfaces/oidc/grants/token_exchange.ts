import type Provider from 'oidc-provider'
import { type AccessToken, errors, type ResourceServerInstance } from 'oidc-provider'
import { type Clock, epochSeconds } from '../../../core/clock.ts'
import { grantHelpers } from '../internals.ts'
import type { Actor } from '../own_tokens.ts'
import {
  asksForConnectionToken,
  type ConnectionTokenDeps,
  giveConnectionToken,
} from './connection_token.ts'
import {
  actorsOf,
  assertAudienceAllowed,
  assertHoldsKey,
  exchangePolicyOf,
  presentableBy,
} from './exchange_policy.ts'
import { answerWith, askedScopes, bindToken, type GrantContext, targetOf } from './issue_token.ts'
import { type PresentedToken, readPresented, TOKEN_TYPE } from './presented_token.ts'
import { setTokenClaims } from './token_claims.ts'

/**
 * Token exchange (RFC 8693): a token for one API becomes a narrower, shorter one for another, for the
 * same person, and says who acts for them. It hangs on the grant of the token it came from, and ends
 * with it.
 */

export type ExchangeDeps = ConnectionTokenDeps & { clock: Clock }

export const EXCHANGE_PARAMETERS = [
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
  'requested_token_type',
  'audience',
  'resource',
  'scope',
  'connection',
]

export function createTokenExchange(provider: Provider, deps: ExchangeDeps) {
  const helpers = grantHelpers(provider)
  return async (ctx: GrantContext): Promise<void> => {
    if (asksForConnectionToken(ctx)) return await giveConnectionToken(deps, ctx, subjectOf(ctx))
    nameAudienceAsResource(ctx)
    const target = await targetOf(helpers, ctx)
    assertAudienceAllowed(exchangePolicyOf(ctx.oidc.client), target.identifier())
    const issuedType = issuedTypeOf(ctx, target)
    const parties = await partiesOf(deps, ctx)
    const token = tokenFor(provider, deps.clock, ctx, { ...parties, target })
    await bindToken(helpers, ctx, token)
    for (const bound of [parties.subject, parties.actor]) assertHoldsKey(bound, token)
    await answerWith(helpers, ctx, token, issuedType)
  }
}

type Parties = {
  subject: PresentedToken
  account: NonNullable<PresentedToken['account']>
  /** The token that was presented for who acts. */
  actor: PresentedToken | undefined
  /** Who acts, with everybody through whom it came to that. */
  act: Actor | undefined
}

async function partiesOf(deps: ExchangeDeps, ctx: GrantContext): Promise<Parties> {
  const { client } = ctx.oidc
  const [given, givenActor] = [subjectOf(ctx), presentedAs(ctx, 'actor_token')]
  const subject = await readPresented(deps, ctx, 'subject_token', given)
  const account = presentableBy(client, subject)
  const actor = givenActor && (await readPresented(deps, ctx, 'actor_token', givenActor))
  return { subject, account, actor, act: actorsOf(client, subject, actor) }
}

function tokenFor(
  provider: Provider,
  clock: Clock,
  ctx: GrantContext,
  { subject, account, actor, act, target }: Parties & { target: ResourceServerInstance },
): AccessToken {
  const token = new provider.AccessToken({
    accountId: account.id,
    client: ctx.oidc.client,
    gty: 'token_exchange',
    resourceServer: target,
    scope: scopeOf(ctx, subject, target),
  } as ConstructorParameters<typeof AccessToken>[0])
  const leftS = Math.min(subject.exp, actor?.exp ?? subject.exp) - epochSeconds(clock)
  Object.assign(token, { expiresIn: Math.max(1, Math.min(token.expiration, leftS)) })
  setTokenClaims(token, {
    ...subject.signIn,
    gid: account.grantHash.toString('base64url'),
    ...(act ? { act } : {}),
    ...(subject.mayAct ? { may_act: subject.mayAct } : {}),
  })
  return token
}

function subjectOf(ctx: GrantContext): Given {
  const given = presentedAs(ctx, 'subject_token')
  if (!given) throw new errors.InvalidRequest('missing required parameter(s): subject_token')
  return given
}

type Given = { value: string; type: string }

/** RFC 8693 §2.1: the type comes with the token, and never without it. */
function presentedAs(ctx: GrantContext, name: 'subject_token' | 'actor_token'): Given | undefined {
  const [value, type] = [ctx.oidc.params[name], ctx.oidc.params[`${name}_type`]]
  if (!value && !type) return undefined
  if (!value || !type) {
    throw new errors.InvalidRequest(`${name} and ${name}_type must be given together`)
  }
  return { value: String(value), type: String(type) }
}

/** Our APIs have one name: what `audience` and `resource` say is one list. */
function nameAudienceAsResource({ oidc: { params } }: GrantContext): void {
  const named = [params['resource'] ?? [], params['audience'] ?? []].flat()
  if (named.length > 0) params['resource'] = [...new Set(named)]
}

function issuedTypeOf(ctx: GrantContext, target: ResourceServerInstance): string {
  const asked = ctx.oidc.params['requested_token_type'] ?? TOKEN_TYPE.accessToken
  if (asked === TOKEN_TYPE.accessToken) return TOKEN_TYPE.accessToken
  if (asked === TOKEN_TYPE.jwt && target.accessTokenFormat === 'jwt') return TOKEN_TYPE.jwt
  throw new errors.InvalidRequest('requested_token_type is not one that can be issued')
}

/**
 * At the API that the token is for already, at most what it had. At another what is assigned to the
 * client, of which it gets what it asks for.
 */
function scopeOf(
  ctx: GrantContext,
  subject: PresentedToken,
  target: ResourceServerInstance,
): string | undefined {
  const same = subject.audience === target.audience
  const allowed = new Set([...target.scopes].filter((scope) => !same || subject.scopes.has(scope)))
  const scopes = askedScopes(ctx, allowed) ?? (same ? [...allowed] : [])
  return scopes.join(' ') || undefined
}
