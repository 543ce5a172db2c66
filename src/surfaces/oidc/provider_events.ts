import Provider, { type KoaContextWithOIDC } from 'oidc-provider'
import {
  authorizationRefused,
  clientAuthenticationFailed,
  sessionEnded,
  tokenRefused,
  tokenRevoked,
} from '../../platform/events/catalogue.ts'
import type { AuthEvent } from '../../platform/events/event.ts'
import type { EventRecorder } from '../../platform/events/recorder.ts'
import type { Logger } from '../../platform/observability/logger.ts'
import { originOf } from '../../web/origin.ts'
import { oauthErrorOf } from './adapters/adapter_for_model.ts'
import { currentUnitOfWork } from './adapters/unit_of_work.ts'
import { asContext } from './as_context.ts'
import { isReuse } from './grants/token_reuse.ts'
import { logFailure, logLoss } from './log_failure.ts'

/**
 * The engine's events as entries of our trail and log. A listener that throws would turn an answer
 * that is already written into a 500, and a rejected one would end the process: all of them are
 * synchronous, wrapped, and only take notes.
 */

type EngineError = Error & {
  error?: string
  error_detail?: string
  error_description?: string
  statusCode?: number
}
type Listener = (ctx: KoaContextWithOIDC, ...rest: never[]) => void

const ENDPOINTS_WITH_REFUSALS = [
  'grant.error',
  'introspection.error',
  'revocation.error',
  'userinfo.error',
  'pushed_authorization_request.error',
  'device_authorization.error',
  'backchannel_authentication.error',
] as const

export function listenToProvider(
  provider: Provider,
  deps: { recorder: EventRecorder; log: Logger },
): void {
  const on = (name: string, listener: Listener) => {
    ;(provider as unknown as NodeJS.EventEmitter).on(name, (...args: unknown[]) => {
      try {
        ;(listener as (...args: unknown[]) => void)(...args)
      } catch (error) {
        deps.log.error({ err: error, event: name }, 'a provider event could not be recorded')
      }
    })
  }
  const record = (event: AuthEvent) => deps.recorder.record(event)
  const noteLoss = (ctx: KoaContextWithOIDC, error: EngineError) => {
    if (error.statusCode === 503) logLoss(deps.log, asContext(ctx), error)
  }

  for (const name of ENDPOINTS_WITH_REFUSALS) {
    on(name, (ctx, error: EngineError) => {
      noteLoss(ctx, error)
      const event = refusalOf(ctx, error, name.replace('.error', ''))
      if (event) record(event)
    })
  }
  for (const name of ['authorization.error', 'code_verification.error', 'device_resume.error']) {
    on(name, (ctx, error: EngineError) => {
      noteLoss(ctx, error)
      const { error: code = 'error' } = error
      record(
        authorizationRefused({
          ...partiesOf(ctx),
          error: code,
          reason: reasonOf(error),
          ...originOf(ctx),
        }),
      )
    })
  }
  on('server_error', (ctx, error: EngineError) => {
    const known = oauthErrorOf(error)
    if (known !== error) {
      // What the engine has no word for; whoever serves the request answers and logs it.
      asContext(ctx).state.unavailable = known
      return
    }
    logFailure(deps.log, asContext(ctx), error, 'the provider failed to answer a request')
  })
  on('end_session.success', (ctx) => {
    const { session, params } = ctx.oidc
    if (!session?.accountId || !params?.['logout']) return
    const event = sessionEnded({
      accountId: session.accountId,
      sessionUid: session.uid,
      clientIds: Object.keys(session.authorizations ?? {}),
      ...originOf(ctx),
    })
    // With the session itself, in one statement.
    currentUnitOfWork()?.record(event)
  })
  for (const name of ['access_token.destroyed', 'client_credentials.destroyed']) {
    // The engine hands over the token alone.
    on(name, (token) => {
      const { clientId, accountId } = token as { clientId?: string; accountId?: string }
      const { ctx } = Provider
      if (ctx?.oidc?.route !== 'revocation' || !clientId) return
      record(tokenRevoked({ clientId, accountId, kind: 'AccessToken', ...originOf(ctx) }))
    })
  }
  on('grant.revoked', (ctx) => {
    const { route, client, entities } = ctx.oidc
    if (route !== 'revocation' || !client) return
    const { RefreshToken } = entities
    const accountId = (RefreshToken as { accountId?: string } | undefined)?.accountId
    record(
      tokenRevoked({
        clientId: client.clientId,
        accountId,
        kind: 'RefreshToken',
        ...originOf(ctx),
      }),
    )
  })
}

function refusalOf(
  ctx: KoaContextWithOIDC,
  error: EngineError,
  endpoint: string,
): AuthEvent | undefined {
  const code = error.error ?? 'server_error'
  // Not a refusal: JWT access tokens are answered elsewhere; a nonce and patience are asked for.
  if (/^(unsupported_token_type|use_dpop_nonce|authorization_pending|slow_down)$/.test(code)) {
    return undefined
  }
  const parties = partiesOf(ctx)
  const reason = reasonOf(error)
  const origin = originOf(ctx)
  if (code === 'invalid_client') {
    return clientAuthenticationFailed({ clientId: parties.clientId, endpoint, reason, ...origin })
  }
  // Told where the record of the used one is at hand, which knows whose it was.
  if (isReuse(error)) return undefined
  return tokenRefused({ ...parties, endpoint, error: code, reason, ...origin })
}

function partiesOf(ctx: KoaContextWithOIDC) {
  const { client, entities, session } = ctx.oidc
  const source = (entities.AuthorizationCode ?? entities.RefreshToken ?? entities.AccessToken) as
    | { accountId?: string }
    | undefined
  return { clientId: client?.clientId, accountId: source?.accountId ?? session?.accountId }
}

function reasonOf(error: EngineError): string {
  return (error.error_detail ?? error.error_description ?? error.message).slice(0, 200)
}
