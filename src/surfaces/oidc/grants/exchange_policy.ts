import { type AccessToken, type Client, errors } from 'oidc-provider'
import type { TokenExchangePolicy } from '../../../domain/clients/client_metadata.ts'
import type { Actor } from '../own_tokens.ts'
import type { PresentedToken } from './presented_token.ts'

/**
 * Who may exchange what (docs/decisions/0013). A client that is registered for the grant and says no
 * more acts as itself, with tokens issued to it or meant for an API of its own.
 */

const LEAST: TokenExchangePolicy = { modes: ['delegation'], subject_clients: 'own' }
/** Each exchange adds one; a chain that goes on for longer goes in circles. */
const MAX_ACTORS = 4

export function exchangePolicyOf(client: Client): TokenExchangePolicy {
  return (client['token_exchange'] as TokenExchangePolicy | undefined) ?? LEAST
}

/** @throws InvalidTarget */
export function assertAudienceAllowed({ audiences }: TokenExchangePolicy, api: string): void {
  if (audiences && !audiences.includes(api)) {
    throw new errors.InvalidTarget('resource is not allowed for this client')
  }
}

/** The person that this client may exchange the token of. @throws InvalidRequest */
export function presentableBy(
  client: Client,
  subject: PresentedToken,
): NonNullable<PresentedToken['account']> {
  if (!subject.account) {
    throw new errors.InvalidRequest('subject_token stands for no person, and cannot be exchanged')
  }
  if (!isOneOfTheirs(client, subject)) {
    throw new errors.InvalidRequest('subject_token is not one that this client may exchange')
  }
  return subject.account
}

function isOneOfTheirs(client: Client, { clientId, audience }: PresentedToken): boolean {
  const { subject_clients: theirs } = exchangePolicyOf(client)
  if (clientId === client.clientId || theirs === 'any') return true
  if (theirs !== 'own') return theirs.includes(clientId)
  const apis = (client['resource_scopes'] as object | undefined) ?? {}
  return audience !== undefined && Object.hasOwn(apis, audience)
}

/**
 * Who acts in the new token. With an actor_token it is whom that names; without one it is the client
 * itself, or nobody where it may pass for the subject. Who acted before is never dropped.
 *
 * @throws InvalidRequest
 */
export function actorsOf(
  client: Client,
  subject: PresentedToken,
  actor: PresentedToken | undefined,
): Actor | undefined {
  const { modes } = exchangePolicyOf(client)
  if (actor) assertOwnActor(client, actor)
  const impersonates = !actor && modes.includes('impersonation')
  if (!impersonates && !modes.includes('delegation')) {
    throw new errors.InvalidRequest('actor_token is not allowed for this client')
  }
  const acting = actor?.sub ?? client.clientId
  assertMayAct(client, subject, acting)
  if (impersonates) return subject.act
  const chain: Actor = { sub: acting, ...(subject.act ? { act: subject.act } : {}) }
  if (lengthOf(chain) > MAX_ACTORS) throw new errors.InvalidRequest('too many actors')
  return chain
}

/** A client shows who acts through it; that somebody acts elsewhere is not for it to say. */
function assertOwnActor(client: Client, actor: PresentedToken): void {
  if (actor.clientId !== client.clientId) {
    throw new errors.InvalidRequest('actor_token was not issued to this client')
  }
  if (actor.act)
    throw new errors.InvalidRequest('actor_token is itself of somebody who is acted for')
}

/** RFC 8693 §4.4: all that it says of the actor must be true of this one. */
function assertMayAct(client: Client, { mayAct }: PresentedToken, acting: string): void {
  if (mayAct === undefined) return
  const is: Readonly<Record<string, unknown>> = { sub: acting, client_id: client.clientId }
  const named = Object.entries(mayAct)
  if (
    named.length === 0 ||
    !named.every(([name, value]) => Object.hasOwn(is, name) && is[name] === value)
  ) {
    throw new errors.InvalidRequest('subject_token does not allow this actor (may_act)')
  }
}

function lengthOf(actor: Actor | undefined): number {
  return actor ? 1 + lengthOf(actor.act) : 0
}

/**
 * A bound token serves who holds its key: the proof is that the new token is bound to the same one.
 *
 * @throws InvalidRequest
 */
export function assertHoldsKey(presented: PresentedToken | undefined, token: AccessToken): void {
  const held: Readonly<Record<string, unknown>> = { jkt: token.jkt, 'x5t#S256': token['x5t#S256'] }
  const members = Object.entries(presented?.cnf ?? {})
  if (!members.every(([name, value]) => Object.hasOwn(held, name) && held[name] === value)) {
    throw new errors.InvalidRequest('the key that the token is bound to was not proven')
  }
}
