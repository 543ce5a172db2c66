import type { Context } from 'koa'
import { tokenReuseDetected } from '../../../platform/events/catalogue.ts'
import type { EventRecorder } from '../../../platform/events/recorder.ts'
import { originOf } from '../../../web/origin.ts'
import type { Codec } from '../adapters/codec.ts'
import type { ModelName } from '../adapters/models.ts'
import { currentUnitOfWork } from '../adapters/unit_of_work.ts'

/**
 * A used code or refresh token that comes back says that somebody else has it too (RFC 9700 §4.14.2).
 * The engine revokes the grant; here it is written down whose it was. The loser of a race is not
 * meant: to it the engine never gets.
 */

/** What the engine says when it revokes. */
const REUSE =
  /^(authorization code|device code|backchannel authentication request) already consumed$|^refresh token already used$/

const PRESENTED: Readonly<Record<string, { parameter: string; model: ModelName }>> = {
  authorization_code: { parameter: 'code', model: 'AuthorizationCode' },
  refresh_token: { parameter: 'refresh_token', model: 'RefreshToken' },
  'urn:ietf:params:oauth:grant-type:device_code': {
    parameter: 'device_code',
    model: 'DeviceCode',
  },
  'urn:openid:params:grant-type:ciba': {
    parameter: 'auth_req_id',
    model: 'BackchannelAuthenticationRequest',
  },
}

export function isReuse(error: unknown): boolean {
  const { error_detail: detail } = error as { error_detail?: unknown }
  return typeof detail === 'string' && REUSE.test(detail)
}

type Handler = (ctx: Context) => Promise<void>

export function noticeReuse(
  deps: { codec: Codec; recorder: EventRecorder },
  grantType: string,
  handler: Handler,
): Handler {
  const presented = PRESENTED[grantType]
  if (!presented) return handler
  return async (ctx) => {
    try {
      await handler(ctx)
    } catch (error) {
      if (isReuse(error)) await recordReuse(deps, ctx, presented)
      throw error
    }
  }
}

async function recordReuse(
  { codec, recorder }: { codec: Codec; recorder: EventRecorder },
  ctx: Context,
  { parameter, model }: { parameter: string; model: ModelName },
): Promise<void> {
  const idHash = codec.idHash(String(ctx.oidc.params[parameter]))
  // Read before by this request: it costs nothing.
  const used = await currentUnitOfWork()?.find({ model, idHash })
  const { clientId } = ctx.oidc.client
  recorder.record(
    tokenReuseDetected({ clientId, accountId: used?.accountId, kind: model, ...originOf(ctx) }),
  )
}
