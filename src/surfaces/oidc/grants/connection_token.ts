import { errors } from 'oidc-provider'
import { DomainError } from '../../../core/errors.ts'
import type { VaultResult } from '../../../domain/federation/token_vault.ts'
import { connectionTokenGiven } from '../../../platform/events/catalogue.ts'
import type { EventRecorder } from '../../../platform/events/recorder.ts'
import { originOf } from '../../../web/origin.ts'
import { asContext } from '../as_context.ts'
import { exchangePolicyOf, presentableBy } from './exchange_policy.ts'
import type { GrantContext } from './issue_token.ts'
import { type PresentedDeps, type PresentedToken, readPresented } from './presented_token.ts'

/**
 * A token of ours for the one that a source gave for the same person: token exchange (RFC 8693) with a
 * type of token of its own and the name of the connection. An operator says which client may have which.
 */
const CONNECTION_TOKEN_TYPE = 'urn:authcore:token-type:connection-access-token'

export type ConnectionTokenDeps = PresentedDeps & {
  recorder: Pick<EventRecorder, 'record'>
  takeUpstreamToken(input: { accountId: string; connection: string }): Promise<VaultResult>
}

export function asksForConnectionToken({ oidc: { params } }: GrantContext): boolean {
  return params['requested_token_type'] === CONNECTION_TOKEN_TYPE
}

export async function giveConnectionToken(
  deps: ConnectionTokenDeps,
  ctx: GrantContext,
  subject: { value: string; type: string },
): Promise<void> {
  const { client, params } = ctx.oidc
  const connection = params['connection']
  if (typeof connection !== 'string') {
    throw new errors.InvalidRequest('missing required parameter(s): connection')
  }
  if (!exchangePolicyOf(client).connections?.includes(connection)) {
    throw new errors.InvalidTarget('connection is not allowed for this client')
  }
  const presented: PresentedToken = await readPresented(deps, ctx, 'subject_token', subject)
  const { id: accountId } = presentableBy(client, presented)
  const taken = await deps.takeUpstreamToken({ accountId, connection })
  if (taken.kind === 'unavailable') {
    throw new DomainError('unavailable', 'The connection does not answer.')
  }
  if (taken.kind === 'none') {
    throw new errors.InvalidTarget('there is no token of this connection for the person')
  }
  const { clientId } = client
  const fact = { accountId, clientId, connection }
  deps.recorder.record(connectionTokenGiven({ ...fact, ...originOf(asContext(ctx)) }))
  const { accessToken, expiresAt, scope } = taken.tokens
  const leftMs = expiresAt && expiresAt.getTime() - Date.now()
  ctx.body = {
    access_token: accessToken,
    issued_token_type: CONNECTION_TOKEN_TYPE,
    // What our own rules say of tokens does not hold for it.
    token_type: 'Bearer',
    ...(leftMs === undefined ? {} : { expires_in: Math.floor(leftMs / 1000) }),
    ...(scope === undefined ? {} : { scope }),
  }
}
