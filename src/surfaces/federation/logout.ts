import type { Context } from 'koa'
import { unreachable } from '../../core/errors.ts'
import { endBySource } from '../../domain/authentication/end_by_source.ts'
import { beginSignOut } from '../../domain/authentication/sign_out_at_source.ts'
import type { Connection } from '../../domain/federation/connection.ts'
import type { LogoutReceived } from '../../domain/federation/connector.ts'
import {
  answerRedirectRequest,
  takeRedirectRequest,
} from '../../domain/federation/redirect_request.ts'
import { takeMessage, wasTaken } from '../../domain/federation/seen_message_store.ts'
import { federatedLogoutReceived, federatedLogoutRefused } from '../../platform/events/catalogue.ts'
import { readForm } from '../../web/forms.ts'
import { leave } from '../../web/leave.ts'
import { originOf } from '../../web/origin.ts'
import { queryOf, readAnswer, sendLost } from './callback.ts'
import type { FederationDeps } from './federation_deps.ts'

/** Sessions that end there because they do here, and here because they do there. */

/** After our own logout: on to the source. */
export async function signOutThere(deps: FederationDeps, ctx: Context): Promise<void> {
  ctx.state['route'] = 'federation_sign_out'
  const connection = await deps.connections.find(String(ctx['params'].name))
  const { state = '' } = queryOf(ctx)
  const begun = connection
    ? await beginSignOut(deps, { connection, state })
    : ({ kind: 'lost' } as const)
  switch (begun.kind) {
    case 'departs':
      return leave(deps.pages, ctx, begun.departure)
    case 'goes_on':
      tellRefused(deps, ctx, connection, begun.reason)
      return goTo(ctx, begun.continueUri)
    case 'lost':
      return sendLost(deps, ctx, connection?.name)
    default:
      unreachable(begun)
  }
}

/** What a browser brings: the source's request, or its answer to ours. */
export async function receiveLogout(deps: FederationDeps, ctx: Context): Promise<void> {
  ctx.state['route'] = 'federation_logout'
  const connection = await deps.connections.find(String(ctx['params'].name))
  const params = ctx.method === 'POST' ? await readAnswer(ctx) : queryOf(ctx)
  const received =
    connection && (await receive(deps, connection, 'browser', params, ctx.querystring))
  switch (received?.kind) {
    case 'ended': {
      await end(deps, ctx, connection!, received)
      const answer = await received.answer?.('ended')
      return answer ? leave(deps.pages, ctx, answer) : goTo(ctx, '/')
    }
    case 'answered':
      return await goOnAfterOurs(deps, ctx, connection!, received)
    case undefined:
      return sendLost(deps, ctx, undefined)
    case 'refused':
    case 'unavailable':
      tellRefused(deps, ctx, connection, detailOf(received))
      return sendLost(deps, ctx, connection?.name)
    default:
      unreachable(received)
  }
}

/** A source's own server says that a session has ended (OpenID Connect Back-Channel Logout 1.0 §2.5). */
export async function receiveBackchannelLogout(deps: FederationDeps, ctx: Context): Promise<void> {
  ctx.state['route'] = 'federation_backchannel_logout'
  const connection = await deps.connections.find(String(ctx['params'].name))
  const form = { ...(await readForm(ctx)) }
  const received = connection && (await receive(deps, connection, 'server', form, ''))
  if (received?.kind === 'ended') {
    await end(deps, ctx, connection!, received)
    ctx.status = 200
    ctx.body = ''
    return
  }
  const unavailable = received?.kind === 'unavailable'
  tellRefused(deps, ctx, connection, received ? detailOf(received) : 'unknown_connection')
  ctx.status = unavailable ? 503 : 400
  ctx.body = { error: unavailable ? 'temporarily_unavailable' : 'invalid_request' }
}

async function receive(
  deps: FederationDeps,
  connection: Connection,
  channel: 'browser' | 'server',
  params: Readonly<Record<string, string>>,
  query: string,
): Promise<LogoutReceived> {
  const connector = await deps.connections.open(connection).catch(() => undefined)
  const received = await connector?.logout?.receive({ channel, params, query })
  if (received?.kind === 'ended' && (await wasTaken(deps, messageOf(connection, received)))) {
    return { kind: 'refused', detail: 'it came before' }
  }
  return received ?? { kind: 'refused', detail: 'it has no logout' }
}

type Ended = Extract<LogoutReceived, { kind: 'ended' }>

function messageOf({ id: connectionId }: Connection, { message }: Ended) {
  return { connectionId, kind: 'logout' as const, ...message }
}

async function end(
  deps: FederationDeps,
  ctx: Context,
  connection: Connection,
  received: Ended,
): Promise<void> {
  const sessions = await endBySource(deps, { connection, whose: received.whose })
  // Afterwards: what fails in the middle may come again.
  await takeMessage(deps, messageOf(connection, received))
  const fact = { connection: connection.name, sessions }
  deps.recorder.record(federatedLogoutReceived({ ...fact, ...originOf(ctx) }))
}

/** Wherever the browser was going when it signed out here, whatever became of it there. */
async function goOnAfterOurs(
  deps: FederationDeps,
  ctx: Context,
  connection: Connection,
  { state, read }: Extract<LogoutReceived, { kind: 'answered' }>,
): Promise<void> {
  await answerRedirectRequest(deps, { connectionId: connection.id, state, params: {} })
  const request = await takeRedirectRequest(deps, state)
  if (request?.purpose.kind !== 'logout' || request.connectionId !== connection.id) {
    return sendLost(deps, ctx, connection.name)
  }
  if (!(await read(request.keep))) tellRefused(deps, ctx, connection, 'the answer to our logout')
  goTo(ctx, request.purpose.continueUri)
}

function detailOf(received: LogoutReceived): string {
  if (received.kind === 'refused') return received.detail
  return received.kind === 'unavailable' ? received.reason : received.kind
}

function tellRefused(
  { recorder }: FederationDeps,
  ctx: Context,
  connection: Connection | undefined,
  reason: string,
): void {
  const fact = { connection: connection?.name ?? '', reason: reason.slice(0, 500) }
  recorder.record(federatedLogoutRefused({ ...fact, ...originOf(ctx) }))
}

function goTo(ctx: Context, uri: string): void {
  ctx.status = 303
  ctx.redirect(uri)
}
