import { type Client, errors, type KoaContextWithOIDC } from 'oidc-provider'
import { type Clock, epochSeconds } from '../../core/clock.ts'
import { FAPI_ALGS } from '../../domain/clients/client_presets.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import type { Db } from '../../platform/persistence/db.ts'
import { oauthErrorOf } from './adapters/adapter_for_model.ts'
import { markSeen } from './adapters/replay_store.ts'
import { asContext } from './as_context.ts'
import { verifyWithKeysOfClient } from './internals.ts'

/**
 * What a request object (RFC 9101) must be beyond what the engine checks of it (signature, `iss`,
 * `aud`, `client_id`, times that have passed, nothing nested): of the right kind, short-lived, and
 * where it has a `jti`, used once. One that was fetched may last: see `request_by_reference.ts`.
 */

type Claims = Record<string, unknown>
type Header = Record<string, unknown>

/** FAPI 2.0 Message Signing §5.3.1: `nbf` at most 60 minutes ago, `exp` at most 60 after it. */
const MAX_LIFE_S = 3_600
/** RFC 9101 §10.8: what is typed as another kind of JWT is no request object. */
const TYPES: ReadonlySet<string> = new Set([
  'jwt',
  'oauth-authz-req+jwt',
  'application/oauth-authz-req+jwt',
])

type Deps = { db: Db; keyring: Keyring; clock: Clock; clockToleranceS: number }

export function createRequestObjectPolicy(deps: Deps) {
  return async (
    ctx: KoaContextWithOIDC,
    claims: Claims,
    header: Header,
    client: Client,
  ): Promise<void> => {
    // Either checked when it was pushed, or made by the engine out of plain parameters.
    if (ctx.oidc.entities.PushedAuthorizationRequest) return
    const fapi = ctx.oidc.isFapi('2.0') !== undefined
    // OpenID Connect Core §6.2: a file may be made once and serve for long. It was there just now.
    const lasting = asContext(ctx).state['requestByReference'] === true && !fapi
    const fault =
      kindFault(claims, header, client) ??
      (fapi ? algorithmFault(header) : undefined) ??
      (lasting ? undefined : missingClaim(ctx, claims)) ??
      (lasting ? undefined : lifeFault(claims, epochSeconds(deps.clock), deps.clockToleranceS))
    if (fault) throw new errors.InvalidRequestObject(`Request Object ${fault}`)
    if (!lasting && typeof claims['jti'] === 'string') await useOnce(deps, ctx, claims, client)
  }
}

/** RFC 9101 §10.8: neither another kind of JWT nor a client assertion passes for a request. */
function kindFault(claims: Claims, { typ }: Header, client: Client): string | undefined {
  if (typ !== undefined && !TYPES.has(String(typ).toLowerCase()))
    return 'is typed as something else'
  return claims['sub'] === client.clientId ? 'must not have the client as its subject' : undefined
}

function algorithmFault({ alg }: Header): string | undefined {
  return FAPI_ALGS.includes(String(alg)) ? undefined : 'must be signed with PS256, ES256 or EdDSA'
}

/** Without `exp` a request would be good for ever; the rest is FAPI's and CIBA Core §7.1.1's. */
function missingClaim(ctx: KoaContextWithOIDC, claims: Claims): string | undefined {
  const required = ['exp']
  if (ctx.oidc.isFapi('2.0')) required.push('nbf')
  if ((ctx.oidc.route as string) === 'backchannel_authentication') {
    required.push('iat', 'nbf', 'jti')
  }
  const missing = required.find((claim) => claims[claim] === undefined)
  return missing && `is missing the '${missing}' claim`
}

/** Counted from when it says that it begins, and from now, whatever it says. */
function lifeFault({ exp, nbf, iat }: Claims, now: number, toleranceS: number): string | undefined {
  // Tolerance is for the beginning alone: what is pushed at its end would be good for no time at all.
  if (Number(exp) <= now) return 'is over'
  const lifeS = Number(exp) - Number(nbf ?? iat ?? now)
  return lifeS > MAX_LIFE_S || Number(exp) - now > MAX_LIFE_S + toleranceS
    ? `must live for ${MAX_LIFE_S} seconds at most`
    : undefined
}

/**
 * The engine asks us before it verifies. Only what the client has signed may use up a `jti`, so it is
 * verified here first.
 */
async function useOnce(
  { db, keyring, clockToleranceS }: Deps,
  ctx: KoaContextWithOIDC,
  { jti, exp }: Claims,
  client: Client,
): Promise<void> {
  const jwt = String(ctx.oidc.params!['request'])
  await verifyWithKeysOfClient(client, jwt, clockToleranceS).catch((cause) => {
    const refusal = new errors.InvalidRequestObject('could not validate Request Object')
    throw Object.assign(refusal, { cause })
  })
  const id = keyring.hash('request_object', JSON.stringify([client.clientId, jti]))
  const expiresAt = new Date((Number(exp) + clockToleranceS) * 1000)
  const first = await markSeen(db, id, expiresAt).catch((error) => {
    throw oauthErrorOf(error)
  })
  if (!first) throw new errors.InvalidRequestObject('Request Object was used before')
}
