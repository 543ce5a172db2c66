import type { Context } from 'koa'
import type Provider from 'oidc-provider'
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { Clock } from '../../../core/clock.ts'
import { tokenIssued } from '../../../platform/events/catalogue.ts'
import type { EventRecorder } from '../../../platform/events/recorder.ts'
import { originOf } from '../../../web/origin.ts'
import type { Codec } from '../adapters/codec.ts'
import { currentUnitOfWork } from '../adapters/unit_of_work.ts'
import { wrapGrantHandlers } from '../internals.ts'
import { keepPace } from './device_pace.ts'
import { judgeRefresh, mayRepeat, type RetryDeps, sealSuccessor } from './refresh_retry.ts'
import { noticeReuse } from './token_reuse.ts'
import { commitAfter } from './unit_of_work_grant.ts'

/**
 * What every token request has in common: one statement for all it writes, an event for what it
 * gave out; for refresh tokens the grace of `refresh_retry.ts`, for devices the pace of
 * `device_pace.ts`.
 */

export type TokenRequestDeps = {
  codec: Codec
  clock: Clock
  recorder: EventRecorder
  refreshRetryWindowS: number
  /** Counts an issued token in the metrics. */
  onIssued?: (grantType: string) => void
}

const repeated = new WeakSet<object>()

/** True while a refresh token is answered a second time: its successor must not rotate again. */
export function isRepeatedRefresh(ctx: KoaContextWithOIDC): boolean {
  return repeated.has(ctx)
}

export function installTokenRequests(provider: Provider, deps: TokenRequestDeps): void {
  wrapGrantHandlers(provider, (grantType, handler) =>
    commitAfter(noticeReuse(deps, grantType, ownWay(deps, grantType, handler)), (ctx) =>
      recordIssue(deps, ctx, grantType),
    ),
  )
}

/** What a grant has beyond all others. */
function ownWay(deps: TokenRequestDeps, grantType: string, handler: Handler): Handler {
  switch (grantType) {
    case 'refresh_token':
      return withRetry({ ...deps, windowS: deps.refreshRetryWindowS }, handler)
    case 'urn:ietf:params:oauth:grant-type:device_code':
      return keepPace(deps.codec, 'device_code', handler)
    case 'urn:openid:params:grant-type:ciba':
      return keepPace(deps.codec, 'auth_req_id', handler)
    default:
      return handler
  }
}

type Handler = (ctx: Context) => Promise<void>

function withRetry(deps: RetryDeps, handler: Handler): Handler {
  return async (ctx) => {
    const verdict = await judgeRefresh(deps, ctx)
    if (verdict.kind === 'refuse') throw new errors.InvalidGrant('refresh token was just used')
    if (verdict.kind === 'repeat') {
      repeated.add(ctx)
      ctx.oidc.params.refresh_token = verdict.successor
    }
    const presented: string = ctx.oidc.params.refresh_token
    await handler(ctx)
    const { RotatedRefreshToken } = ctx.oidc.entities
    if (RotatedRefreshToken && mayRepeat(ctx)) {
      const { refresh_token: successor } = ctx.body as { refresh_token: string }
      currentUnitOfWork()?.setSuccessor(sealSuccessor(presented, successor))
    }
  }
}

type TokenResponse = { refresh_token?: string; id_token?: string; scope?: string }

function recordIssue(deps: TokenRequestDeps, ctx: Context, grantType: string): void {
  const { client, entities } = ctx.oidc
  const body = ctx.body as TokenResponse
  const token = entities.AccessToken ?? entities.ClientCredentials
  const event = tokenIssued({
    clientId: client.clientId,
    accountId: token?.accountId,
    actor: token?.extra?.act?.sub,
    grantType,
    scope: body.scope,
    resource: token?.aud,
    issued: [
      'access_token',
      ...(body.refresh_token ? ['refresh_token'] : []),
      ...(body.id_token ? ['id_token'] : []),
    ],
    ...originOf(ctx),
  })
  deps.onIssued?.(grantType)
  const unit = currentUnitOfWork()
  // A token without a row of its own has no transaction that its event could join.
  if (unit?.writesRows) unit.record(event)
  else deps.recorder.record(event)
}
