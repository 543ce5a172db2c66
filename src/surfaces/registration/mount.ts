import Router from '@koa/router'
import type Koa from 'koa'
import type { Context, Middleware } from 'koa'
import { DomainError } from '../../core/errors.ts'
import type { EndClientAccess } from '../../domain/clients/block_client.ts'
import type { Client } from '../../domain/clients/client.ts'
import type { ClientCache } from '../../domain/clients/client_cache.ts'
import type { ClientPreset } from '../../domain/clients/client_presets.ts'
import type { ClientDeps } from '../../domain/clients/create_client.ts'
import { RegistrationRefused } from '../../domain/clients/registration/registered_metadata.ts'
import type { VetUrl } from '../../domain/clients/registration/vet_addresses.ts'
import type { RateLimits } from '../../domain/security/rate_limit.ts'
import { clientRegistrationRefused } from '../../platform/events/catalogue.ts'
import type { EventRecorder } from '../../platform/events/recorder.ts'
import { guardProviderBody } from '../../web/guard_provider_body.ts'
import { originOf } from '../../web/origin.ts'
import { deleteRegistration, readRegistration, updateRegistration } from './manage.ts'
import { REGISTRATION_PATH } from './paths.ts'
import { register } from './register.ts'

/**
 * Dynamic client registration (RFC 7591, OpenID Connect Registration) and its management (RFC 7592).
 * The records and their rules are the domain's; here are the endpoints and the words of the RFCs for
 * what is refused. docs/decisions/0017-registration-of-our-own.md says why the engine's are not used.
 */
export type RegistrationDeps = ClientDeps & {
  issuer: string
  /** Whether registering wants an initial access token. */
  mode: 'protected' | 'open'
  /** What a client may become that brings no token of its own. */
  presets: readonly ClientPreset[]
  legacyClients: boolean
  recorder: EventRecorder
  /** What this server remembers of clients; the other servers hear of a change a moment later. */
  clients: Pick<ClientCache, 'invalidate'>
  limits: RateLimits
  endAccess: EndClientAccess
  endCodes: EndClientAccess
  vetUrl: VetUrl
  /** Why this deployment could not serve such a client, where it could not. */
  faultOf(client: Client): string | undefined
}

type Handler = (deps: RegistrationDeps, ctx: Context) => Promise<void>

export function mountRegistration(app: Koa, deps: RegistrationDeps): void {
  const router = new Router({ sensitive: true, strict: true })
  const guardBody = guardProviderBody()
  const answer = (handler: Handler): Middleware => {
    return async (ctx) => {
      ctx.state.route = String(ctx['routerName'] ?? 'registration')
      // No cookie is read here: a page of any origin may ask what a program may ask.
      ctx.set('Access-Control-Allow-Origin', '*')
      ctx.set('Cross-Origin-Resource-Policy', 'cross-origin')
      await guardBody(ctx, async () => await inWordsOfTheRfc(deps, ctx, handler))
    }
  }
  const one = `${REGISTRATION_PATH}/:client_id`
  router.post('registration', REGISTRATION_PATH, answer(register))
  router.get('registration_read', one, answer(readRegistration))
  router.put('registration_update', one, answer(updateRegistration))
  router.delete('registration_delete', one, answer(deleteRegistration))
  for (const path of [REGISTRATION_PATH, one]) router.options(path, allowCrossOrigin)
  app.use(router.routes() as unknown as Middleware)
  app.use(router.allowedMethods() as unknown as Middleware)
}

const allowCrossOrigin: Middleware = (ctx) => {
  ctx.set('Access-Control-Allow-Origin', '*')
  ctx.set('Access-Control-Allow-Methods', 'POST, GET, PUT, DELETE')
  ctx.set('Access-Control-Allow-Headers', 'Authorization, Content-Type')
  ctx.set('Access-Control-Max-Age', '3600')
  ctx.status = 204
}

async function inWordsOfTheRfc(
  deps: RegistrationDeps,
  ctx: Context,
  handler: Handler,
): Promise<void> {
  try {
    await handler(deps, ctx)
  } catch (error) {
    const refusal = refusalOf(error)
    if (!refusal) throw error
    if (refusal.status === 401) ctx.set('WWW-Authenticate', challenge(ctx))
    if (refusal.retryAfterS) ctx.set('Retry-After', String(Math.ceil(refusal.retryAfterS)))
    ctx.status = refusal.status
    ctx.body = { error: refusal.error, error_description: asDescription(refusal.description) }
    deps.recorder.record(
      clientRegistrationRefused({
        clientId: ctx['params'].client_id?.slice(0, 255),
        error: refusal.error,
        reason: refusal.description.slice(0, 200),
        ...originOf(ctx),
      }),
    )
  }
}

/** RFC 6749 §5.2 leaves quotation marks and backslashes out, and what is not ASCII. */
function asDescription(text: string): string {
  return text.replaceAll('"', "'").replace(/[^\x20-\x5b\x5d-\x7e]/g, '?')
}

type Refusal = { status: number; error: string; description: string; retryAfterS?: number }

function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof RegistrationRefused) return { status: 400, ...error.fault }
  if (!(error instanceof DomainError)) return undefined
  const { message: description, retryAfterS } = error
  switch (error.code) {
    case 'unauthenticated':
    case 'not_found':
      return { status: 401, error: 'invalid_token', description }
    case 'invalid_input':
      return { status: 400, error: 'invalid_request', description }
    case 'rate_limited':
      return {
        status: 429,
        error: 'temporarily_unavailable',
        description,
        ...(retryAfterS === undefined ? {} : { retryAfterS }),
      }
    case 'unavailable':
      return { status: 503, error: 'temporarily_unavailable', description, retryAfterS: 2 }
    default:
      return undefined
  }
}

/** RFC 6750 §3: whoever showed no token is told only that one is wanted. */
function challenge(ctx: Context): string {
  return ctx.get('Authorization') === '' ? 'Bearer' : 'Bearer error="invalid_token"'
}
