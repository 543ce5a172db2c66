import type { Context } from 'koa'
import { DomainError } from '../../core/errors.ts'
import { ipKeys } from '../../domain/security/ip_key.ts'
import type { RateLimits } from '../../domain/security/rate_limit.ts'
import { requestRefused } from '../../platform/events/catalogue.ts'
import type { EventRecorder } from '../../platform/events/recorder.ts'
import { originOf } from '../../web/origin.ts'

/**
 * Anybody may send us messages of a source, and to find out that they are none costs work: an address
 * whose messages are refused again and again is not listened to for a while. What is taken costs it
 * nothing.
 *
 * @throws DomainError `rate_limited`, before anything is read
 */
export async function throttled(
  { limits, recorder }: { limits: RateLimits; recorder: EventRecorder },
  ctx: Context,
  work: () => Promise<void>,
): Promise<void> {
  const { narrow } = ipKeys(ctx.state.clientIp)
  const retryAfterS = limits.peekBlocked('federation_ip', narrow)
  if (retryAfterS > 0) {
    recorder.record(requestRefused({ reason: 'rate limit', path: ctx.path, ...originOf(ctx) }))
    throw new DomainError('rate_limited', 'There were too many attempts. Please wait a little.', {
      retryAfterS,
    })
  }
  let refused = true
  try {
    await work()
    refused = ctx.status >= 400 && ctx.status < 500
  } finally {
    if (refused) await limits.consume('federation_ip', narrow)
  }
}
