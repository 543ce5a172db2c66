import type { Context } from 'koa'
import { LRUCache } from 'lru-cache'
import { errors } from 'oidc-provider'
import type { Codec } from '../adapters/codec.ts'

/**
 * How often a device may ask whether its person is done (RFC 8628 §3.5), and so for whoever waits for
 * an approval (OpenID Connect CIBA Core §7.3: five seconds where nothing is said). Who asks sooner is told to
 * slow down; the answer itself is never held back. Each process counts for itself and forgets
 * within seconds: a statement for every question would cost more than the question.
 */

/** The five seconds of RFC 8628 §3.2, less what clocks and networks may differ. */
const PACE_MS = 4_500
const DEVICES_WATCHED = 10_000

type Handler = (ctx: Context) => Promise<void>

/** @param parameter what names the question in the token request */
export function keepPace(codec: Codec, parameter: string, handler: Handler): Handler {
  const asked = new LRUCache<string, true>({ max: DEVICES_WATCHED, ttl: PACE_MS })
  return async (ctx) => {
    try {
      await handler(ctx)
    } catch (error) {
      if (!(error instanceof errors.AuthorizationPending)) throw error
      const device = codec.idHash(String(ctx.oidc.params[parameter])).toString('base64url')
      const tooSoon = asked.has(device)
      asked.set(device, true)
      throw tooSoon ? new errors.SlowDown() : error
    }
  }
}
