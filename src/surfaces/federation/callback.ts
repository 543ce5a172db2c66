import type { Context } from 'koa'
import { DomainError } from '../../core/errors.ts'
import { answerRedirectRequest, type Purpose } from '../../domain/federation/redirect_request.ts'
import { federatedSignInRefused } from '../../platform/events/catalogue.ts'
import { readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { waysOn } from '../../web/remembered_request.ts'
import { allowOpener } from '../../web/security_headers.ts'
import type { FederationDeps } from './federation_deps.ts'
import { receiveUnsolicited } from './unsolicited.ts'

/**
 * Where sources send people back to. What they bring is only taken here: a form that another site has
 * posted comes without our cookies, so that whose sign-in it is shows at the next address, which the
 * browser asks for itself.
 */

/** A response with assertions, encrypted and signed, in base64. */
const ANSWER_BYTES = 256 * 1024
const FIELDS_MAX = 40

export async function receiveAnswer(deps: FederationDeps, ctx: Context): Promise<void> {
  ctx.state['route'] = 'federation_callback'
  // The sign-in may be in a window beside the application's page.
  allowOpener(ctx.res)
  const params = ctx.method === 'POST' ? await readAnswer(ctx) : queryOf(ctx)
  const state = params['state'] ?? params['RelayState'] ?? ''
  const connection = await deps.connections.find(String(ctx['params'].name))
  const purpose =
    connection &&
    (await answerRedirectRequest(deps, { connectionId: connection.id, state, params }))
  if (!purpose) {
    const refused = connection && (await receiveUnsolicited(deps, ctx, { connection, params }))
    return connection && !refused ? undefined : sendLost(deps, ctx, connection?.name, refused)
  }
  ctx.status = 303
  ctx.redirect(`${continuationOf(purpose)}?${new URLSearchParams({ state })}`)
}

export async function readAnswer(ctx: Context): Promise<Record<string, string>> {
  return { ...(await readForm(ctx, { limitBytes: ANSWER_BYTES, maxFields: FIELDS_MAX })) }
}

/** @throws DomainError `invalid_input` for a parameter that is there twice: each would read another one */
export function queryOf(ctx: Context): Record<string, string> {
  const query = new URLSearchParams(ctx.querystring)
  const names = [...query.keys()]
  if (new Set(names).size < names.length || names.length > FIELDS_MAX) {
    throw new DomainError('invalid_input', 'The address is malformed.', {
      debug: 'a parameter sent twice',
    })
  }
  return Object.fromEntries(query)
}

function continuationOf(purpose: Purpose): string {
  // A logout comes back elsewhere; here it is no sign-in.
  return purpose.kind === 'sign_in'
    ? `/interaction/${purpose.interactionUid}/connection_return`
    : '/account/connections/return'
}

/** Nobody here asked for it, or it was answered before. */
export function sendLost(
  deps: FederationDeps,
  ctx: Context,
  connection: string | undefined,
  why: { reason: string; detail?: string } = { reason: 'unknown_state' },
): void {
  const fact = { connection: connection ?? '', clientId: '', ...why }
  deps.recorder.record(federatedSignInRefused({ ...fact, ...originOf(ctx) }))
  deps.pages.send(ctx, 'interactions/restart', waysOn('expired', undefined, undefined), 400)
}
