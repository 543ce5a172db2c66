import type { Context } from 'koa'
import { DomainError, unreachable } from '../../core/errors.ts'
import type { Client } from '../../domain/clients/client.ts'
import type { Connection } from '../../domain/federation/connection.ts'
import type { Unsolicited } from '../../domain/federation/connector.ts'
import { takeMessage } from '../../domain/federation/seen_message_store.ts'
import { rememberLaunch } from '../../web/launched_connection.ts'
import type { FederationDeps } from './federation_deps.ts'

/**
 * A source sends somebody with an answer that nobody asked for: a tile in its portal. Whoever has an
 * account there can make any browser bring theirs (login CSRF), so it signs nobody in. It leads to a page that says what is about to happen, and from there to the application, which
 * asks for a sign-in as it always does; that one is at the same source, bound to this browser, and tells
 * who it really is.
 */

type Proven = Extract<Unsolicited, { kind: 'proven' }>

/** @returns why not, for the trail; undefined where the page is sent */
export async function receiveUnsolicited(
  deps: FederationDeps,
  ctx: Context,
  { connection, params }: { connection: Connection; params: Readonly<Record<string, string>> },
): Promise<{ reason: string; detail?: string } | undefined> {
  const taken = await unsolicitedOf(deps, connection)
  if (!taken || ctx.method !== 'POST') return { reason: 'unknown_state' }
  const read = await taken.read(params)
  switch (read.kind) {
    case 'proven':
      return await lead(deps, ctx, { connection, read, clientId: taken.clientId })
    case 'refused':
      return { reason: read.reason, detail: read.detail }
    case 'unavailable':
      return { reason: 'unavailable', detail: read.reason }
    default:
      return unreachable(read)
  }
}

async function lead(
  deps: FederationDeps,
  ctx: Context,
  { connection, read, clientId }: { connection: Connection; read: Proven; clientId: string },
): Promise<{ reason: string; detail: string } | undefined> {
  const message = { connectionId: connection.id, kind: 'assertion' as const, ...read.message }
  if (!(await takeMessage(deps, message))) return { reason: 'invalid', detail: 'it came before' }
  const target = await applicationOf(deps, clientId)
  if (!target) return { reason: 'invalid', detail: 'idp_initiated_client has no address' }
  const { person } = read
  deps.pages.send(ctx, 'interactions/unsolicited', {
    client: { name: target.client.name },
    source: connection.definition.title ?? deps.connections.kindOf(connection).title,
    shownAs: person.email ?? person.username ?? person.subject,
    continueUri: `/federation/${connection.name}/launch`,
  })
  return undefined
}

/**
 * On to the application. It carries nothing of what the source said; whoever follows a link to here
 * signs in as themselves, or not at all.
 *
 * @throws DomainError `not_found` where the connection leads nowhere
 */
export async function launch(deps: FederationDeps, ctx: Context): Promise<void> {
  ctx.state['route'] = 'federation_launch'
  const connection = await deps.connections.find(String(ctx['params'].name))
  const taken = connection && (await unsolicitedOf(deps, connection))
  const target = taken && (await applicationOf(deps, taken.clientId))
  if (!target) throw new DomainError('not_found', 'There is no such page.')
  rememberLaunch(ctx, { connection: connection.name, clientId: taken.clientId })
  ctx.status = 303
  ctx.redirect(target.uri)
}

async function unsolicitedOf({ connections }: FederationDeps, connection: Connection) {
  const opened = await connections.open(connection).catch(() => undefined)
  return opened?.redirect?.unsolicited
}

/** Where a sign-in at the application begins (OpenID Connect Core §4), or its home page. */
async function applicationOf(
  { clients, issuer }: FederationDeps,
  clientId: string,
): Promise<{ client: Client; uri: string } | undefined> {
  const client = await clients.find(clientId)
  // As with /launch: of one that registered itself it would be a redirect to wherever somebody likes.
  if (client?.status !== 'active' || client.origin !== 'operator') return undefined
  const { initiate_login_uri: initiate, client_uri: home } = client.metadata
  if (initiate === undefined) return home === undefined ? undefined : { client, uri: home }
  const uri = new URL(initiate)
  uri.searchParams.set('iss', issuer)
  return { client, uri: uri.href }
}
