import type { Context, Middleware } from 'koa'
import { DomainError } from '../../core/errors.ts'
import { ipKeys } from '../../domain/security/ip_key.ts'
import type { LimitName } from '../../domain/security/limits.ts'
import type { RateLimits } from '../../domain/security/rate_limit.ts'
import { requestRefused } from '../../platform/events/catalogue.ts'
import type { EventRecorder } from '../../platform/events/recorder.ts'
import { originOf } from '../../web/origin.ts'
import { CLIENT_PATHS, PATHS } from './paths.ts'

/**
 * Limits on the protocol endpoints. Where clients prove who they are only failures count, so that an
 * honest client pays nothing for being watched; where a person types a code every attempt counts.
 */

export function createThrottle({
  limits,
  recorder,
}: {
  limits: RateLimits
  recorder: EventRecorder
}): Middleware {
  return async (ctx, next) => {
    try {
      await throttle(limits, ctx, next)
      if (ctx.status === 429) note(ctx)
    } catch (error) {
      if (error instanceof DomainError && error.code === 'rate_limited') note(ctx)
      throw error
    }
  }

  function note(ctx: Context): void {
    recorder.record(requestRefused({ reason: 'rate limit', path: ctx.path, ...originOf(ctx) }))
  }
}

async function throttle(limits: RateLimits, ctx: Context, next: Next): Promise<void> {
  if (CLIENT_PATHS.has(ctx.path)) return await throttleClients(limits, ctx, next)
  if (ctx.path === PATHS.authorization) return await throttleRequests(limits, ctx, next)
  if (ctx.path === PATHS.code_verification && ctx.method === 'POST') {
    await countUserCode(limits, ctx)
  }
  await next()
}

type Next = () => Promise<unknown>

async function throttleClients(limits: RateLimits, ctx: Context, next: Next): Promise<void> {
  const { narrow } = ipKeys(ctx.state.clientIp)
  const blockedS = limits.peekBlocked('client_auth_ip', narrow)
  if (blockedS > 0) return refuseClient(ctx, blockedS)
  await next()
  if (errorOf(ctx) !== 'invalid_client') return
  await limits.consume('client_auth_ip', narrow)
  const clientId: string | undefined = ctx.oidc?.client?.clientId
  if (clientId === undefined) return
  const verdict = await limits.consume('client_auth_client', `${clientId} ${narrow}`)
  if (!verdict.allowed) refuseClient(ctx, verdict.retryAfterS)
}

/** Only requests that were refused count: an office behind one address signs in as often as it likes. */
async function throttleRequests(limits: RateLimits, ctx: Context, next: Next): Promise<void> {
  const { narrow } = ipKeys(ctx.state.clientIp)
  const blockedS = limits.peekBlocked('authorization_ip', narrow)
  if (blockedS > 0) throw tooMany(blockedS)
  await next()
  if (ctx.status >= 400) await limits.consume('authorization_ip', narrow)
}

async function countUserCode(limits: RateLimits, ctx: Context): Promise<void> {
  const { narrow } = ipKeys(ctx.state.clientIp)
  await countOrRefuse(limits, 'user_code_ip', narrow)
  await countOrRefuse(limits, 'user_code_global', 'all')
}

/** @throws DomainError `rate_limited` */
export async function countOrRefuse(
  limits: RateLimits,
  limit: LimitName,
  key: string,
): Promise<void> {
  const verdict = await limits.consume(limit, key)
  if (!verdict.allowed) throw tooMany(verdict.retryAfterS)
}

function tooMany(retryAfterS: number): DomainError {
  return new DomainError('rate_limited', 'There were too many attempts. Please wait a little.', {
    retryAfterS,
  })
}

/** RFC 6749 has no word for it; OAuth clients understand the status and Retry-After. */
function refuseClient(ctx: Context, retryAfterS: number): void {
  ctx.status = 429
  ctx.set('Retry-After', String(Math.ceil(retryAfterS)))
  ctx.body = {
    error: 'temporarily_unavailable',
    error_description: 'too many failed attempts to authenticate from this address',
  }
}

function errorOf(ctx: Context): unknown {
  return (ctx.body as { error?: unknown } | undefined)?.error
}
