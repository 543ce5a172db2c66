import type { Clock } from '../../core/clock.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import type { Db } from '../../platform/persistence/db.ts'
import type { Connection } from '../federation/connection.ts'
import type { Connections } from '../federation/connections.ts'
import type { Departure } from '../federation/connector.ts'
import {
  findRedirectRequest,
  keepRedirectRequest,
  newState,
  updateKept,
} from '../federation/redirect_request.ts'
import {
  deleteUpstreamSessions,
  findUpstreamSession,
} from '../federation/upstream_session_store.ts'

/**
 * Whoever signs out here is signed out at the source that they came by, where the connection says so.
 * It is done by their browser after everything else is over: a source that does not answer keeps nobody
 * signed in here.
 */
export type SignOutDeps = {
  db: Db
  clock: Clock
  keyring: Keyring
  connections: Connections
  issuer: string
}

/**
 * @param input `uidHash` of the session that has ended, `continueUri`: where the browser is going
 * @returns where it goes instead, on our own origin; undefined where there is nothing to do there
 */
export async function planSignOut(
  deps: SignOutDeps,
  { uidHash, continueUri }: { uidHash: Buffer; continueUri: string },
): Promise<string | undefined> {
  const { db, connections, issuer } = deps
  const all = await connections.list()
  // Where there are none it costs nothing.
  if (!all.some(({ definition }) => definition.single_logout)) return undefined
  const session = await findUpstreamSession(deps, db, uidHash)
  if (!session) return undefined
  await deleteUpstreamSessions(db, uidHash)
  const connection = all.find(({ id }) => id === session.connectionId)
  if (!connection?.definition.single_logout) return undefined
  const state = newState()
  const purpose = { kind: 'logout', continueUri, ...session.hint } as const
  const callbackUri = logoutUriOf(issuer, connection)
  const start = { callbackUri, state, forceAuthn: false, acrValues: [] }
  await keepRedirectRequest(deps, connection.id, { start, keep: null, purpose })
  return `${issuer}/federation/${connection.name}/sign_out?${new URLSearchParams({ state })}`
}

/** Where sources send logout messages to, and browsers back from theirs. */
function logoutUriOf(issuer: string, { name }: Pick<Connection, 'name'>): string {
  return `${issuer}/federation/${name}/logout`
}

export type SignOutDeparture =
  | { kind: 'departs'; departure: Departure }
  /** It cannot be done there; the browser goes on. */
  | { kind: 'goes_on'; continueUri: string; reason: string }
  | { kind: 'lost' }

export async function beginSignOut(
  deps: SignOutDeps,
  { connection, state }: { connection: Connection; state: string },
): Promise<SignOutDeparture> {
  const request = await findRedirectRequest(deps, { connectionId: connection.id, state })
  if (request?.purpose.kind !== 'logout') return { kind: 'lost' }
  const { continueUri, sessionId, logoutHint } = request.purpose
  const connector = await deps.connections.open(connection).catch(() => undefined)
  const begun = await connector?.logout?.begin({
    sessionId,
    logoutHint,
    returnUri: logoutUriOf(deps.issuer, connection),
    state,
  })
  if (begun?.kind !== 'departs') {
    return { kind: 'goes_on', continueUri, reason: begun?.kind ?? 'unsupported' }
  }
  await updateKept(deps, { ...request, keep: begun.keep })
  return { kind: 'departs', departure: begun.departure }
}
